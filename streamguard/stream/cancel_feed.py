"""Keeps a worker told of what is to stop: reads the topic `cancellations` as far as it reaches back, then what is added."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from streamguard import metrics
from streamguard.clock import Clock
from streamguard.errors import InvalidRecord
from streamguard.events.codec import decode
from streamguard.events.fleet import Cancellation
from streamguard.intake.clients import read_from_beginning, with_guarded_connections
from streamguard.intake.damage import read_carefully
from streamguard.intake.waiting import until
from streamguard.stages.cancelling import KEEP_SECONDS, Cancellations
from streamguard.stream.journal import AT_ONCE, PATIENCE

log = logging.getLogger(__name__)

READY_SECONDS = 3.0
"""How long the start waits for what was told before. What is read later still stops what is at work by then."""
_AGAIN = 1.0


class CancelFeed:
    """Background of the invoke stage (`streamguard.stream.hosting.Background`), without a group: every worker reads all of it.

    Nothing that stands in the topic, and nothing that happens to it, ends the worker: services write it, and without it requests
    are only not stopped. What is no cancellation is passed over and counted; so is what is older than an hour by the topic's
    timestamps.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        cancellations: Cancellations,
        clock: Clock,
        *,
        ready_within: float = READY_SECONDS,
    ) -> None:
        self._brokers, self._topic = brokers, topic
        self._cancellations = cancellations
        self._clock = clock
        self._ready_within = ready_within

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop`. A broker that is away is waited for, and then everything is read again: to be told twice is harmless."""
        patience = asyncio.get_running_loop().call_later(self._ready_within, ready.set)
        try:
            while await until(stop, self._once(ready)):
                pass
        finally:
            patience.cancel()

    async def _once(self, ready: asyncio.Event) -> None:
        try:
            await self._follow(ready)
        except (KafkaError, ConnectionError) as error:
            log.warning("cancellations interrupted", extra={"error": type(error).__name__})
            await self._clock.sleep(_AGAIN)

    async def _follow(self, ready: asyncio.Event) -> None:
        """Read on until something fails, or the topic has other partitions than before."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            metadata_max_age_ms=30_000,
        )
        with_guarded_connections(reader, PATIENCE)
        try:
            await reader.start()
            read_carefully(reader)
            await reader.end_offsets([TopicPartition(self._topic, 0)])  # makes the client learn the topic
            numbers = self._numbers(reader)
            if not numbers:
                raise UnknownTopicOrPartitionError(self._topic)
            places = [TopicPartition(self._topic, number) for number in sorted(numbers)]
            ends = await reader.end_offsets(places)
            await read_from_beginning(reader, places)
            while self._numbers(reader) <= numbers:
                if not ready.is_set() and await _reached(reader, ends):
                    ready.set()
                await asyncio.sleep(0)  # aiokafka gives what it has fetched without letting anybody else run
                for records in (await reader.getmany(timeout_ms=500, max_records=AT_ONCE)).values():
                    self._take(records)
        finally:
            await reader.stop()

    def _numbers(self, reader: AIOKafkaConsumer) -> frozenset[int]:
        return frozenset(reader.partitions_for_topic(self._topic) or ())

    def _take(self, records: Sequence[ConsumerRecord[bytes | None, bytes | None]]) -> None:
        oldest_ms = self._clock.now_us() // 1000 - round(KEEP_SECONDS * 1000)
        for record in records:
            if record.timestamp < oldest_ms:
                metrics.CANCELLATIONS.labels("old").inc()
                continue
            schema = dict(record.headers).get("schema")
            try:
                told = decode(Cancellation, record.value, schema.decode("utf-8", "replace") if schema else None)
            except InvalidRecord:
                metrics.CANCELLATIONS.labels("invalid").inc()
                continue
            metrics.CANCELLATIONS.labels("told").inc()
            self._cancellations.tell(told.tenant_id, told.request_id)


async def _reached(reader: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if await reader.position(place) < end:
            return False
    return True
