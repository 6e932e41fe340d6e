"""Reading all of a topic into memory, and then what is added: by every worker, without a group."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.errors import StreamguardError
from streamguard.intake.clients import read_from_beginning, with_guarded_connections
from streamguard.intake.damage import read_carefully
from streamguard.intake.waiting import until
from streamguard.stream.journal import AT_ONCE, PATIENCE

log = logging.getLogger(__name__)

Take = Callable[["ConsumerRecord[bytes | None, bytes | None]"], None]
"""Is given each record; must not raise. What nobody can read comes as a damaged one (`streamguard.intake.damage`)."""

_AGAIN = 1.0  # seconds
_LOOKS, _BETWEEN_LOOKS = 10, 0.5  # one broker may know of a new topic before another does; in seconds


class TopicUnreadable(StreamguardError):
    """The topic is not on the cluster."""


async def again_and_again(
    once: Callable[[], Coroutine[None, None, None]], ready: asyncio.Event, stop: asyncio.Event, *, ready_within: float
) -> None:
    """Run `once` anew whenever it ends, until `stop`; what it raises goes through. `ready` is set by it, or after `ready_within`
    seconds: for what a worker starts without."""
    patience = asyncio.get_running_loop().call_later(ready_within, ready.set)
    try:
        while await until(stop, once()):
            pass
    finally:
        patience.cancel()


class WholeTopic:
    """One topic, record by record, in the order of each of its partitions."""

    def __init__(
        self, cluster: Cluster, topic: str, clock: Clock, take: Take, *, partitions: Collection[int] | None = None
    ) -> None:
        """`partitions` are the only ones that matter; None: all that there are."""
        self._cluster, self._topic = cluster, topic
        self._clock = clock
        self._take = take
        self._partitions = partitions

    async def follow(self, reached: Callable[[], None]) -> None:
        """Read from the beginning, for ever; `reached` is called once everything that stood there at first has been taken.

        Returns when the topic has got more partitions, so that whoever calls again has all of it again. Raises
        TopicUnreadable, and KafkaError or ConnectionError when no broker answers at first; later a broker that is away is
        waited for.
        """
        reader = AIOKafkaConsumer(
            **self._cluster.arguments,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            metadata_max_age_ms=30_000,
        )
        with_guarded_connections(reader, PATIENCE)
        try:
            await reader.start()
            read_carefully(reader)  # one record that cannot be read must not keep the workers from starting
            places = await self._places(reader)
            ends: dict[TopicPartition, int] | None = await reader.end_offsets(places)
            await read_from_beginning(reader, places)
            while len(self._numbers(reader)) <= len(places):
                if ends is not None and await _stands_at(reader, ends):
                    ends = None
                    reached()
                await self._some(reader)
        finally:
            await reader.stop()

    async def _some(self, reader: AIOKafkaConsumer) -> None:
        await asyncio.sleep(0)  # aiokafka gives what it has fetched without letting anybody else run
        try:
            batch = await reader.getmany(timeout_ms=500, max_records=AT_ONCE)
        except KafkaError as error:
            log.warning("reading interrupted", extra={"topic": self._topic, "error": type(error).__name__})
            await self._clock.sleep(_AGAIN)
            return
        for records in batch.values():
            for record in records:
                self._take(record)

    async def _places(self, reader: AIOKafkaConsumer) -> list[TopicPartition]:
        for _ in range(_LOOKS):
            if self._topic in await reader.topics():  # unlike a look at the one topic this creates none
                break
            await self._clock.sleep(_BETWEEN_LOOKS)
        else:
            raise TopicUnreadable(f"the topic {self._topic!r} is not there; create the topics first")
        await reader.end_offsets([TopicPartition(self._topic, 0)])  # makes the client learn the topic
        numbers = self._numbers(reader)
        if not numbers:
            raise TopicUnreadable(f"the topic {self._topic!r} has no partitions; create the topics first")
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def _numbers(self, reader: AIOKafkaConsumer) -> Collection[int]:
        return self._partitions or reader.partitions_for_topic(self._topic) or ()


async def _stands_at(reader: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if await reader.position(place) < end:
            return False
    return True
