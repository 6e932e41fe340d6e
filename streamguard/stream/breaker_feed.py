"""Shares the breakers of a worker with its fleet over the topic `breakers`: reads all of it, then follows and writes."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.errors import InvalidRecord
from streamguard.events.codec import decode, encode, schema_name
from streamguard.events.fleet import BreakerChange
from streamguard.intake.clients import with_guarded_connections
from streamguard.providers.breakers import Breakers
from streamguard.stream.journal import PATIENCE
from streamguard.stream.whole_topic import WholeTopic, again_and_again

log = logging.getLogger(__name__)

PARTITION = 0
"""All changes stand in one partition: the log has one order, whatever becomes of the topic."""
READY_SECONDS = 3.0
"""How long the start waits for what the log tells: that can be had no sooner than its partition has a leader."""
_ANSWER_MS = 2000
"""How long a broker may take to store a change. Then the worker's breakers decide alone until it does."""
_AGAIN = 1.0  # seconds
_HEADERS = [("schema", schema_name(BreakerChange).encode())]


class BreakerFeed:
    """Background of the invoke stage (`streamguard.stream.hosting.Background`): ready once all that stood in the topic at the
    start is known, or after `ready_within` seconds: until it is known the breakers decide alone.

    Publishing never makes a call wait: the newest change of each model waits here, one is under way. While none can be
    stored the breakers go on alone; what failed is tried again until it is stored, and then all of them tell where they are.
    """

    def __init__(
        self, cluster: Cluster, topic: str, breakers: Breakers, clock: Clock, *, ready_within: float = READY_SECONDS
    ) -> None:
        self._cluster, self._topic = cluster, topic
        self._breakers = breakers
        self._clock = clock
        self._ready_within = ready_within
        self._changes = WholeTopic(cluster, topic, clock, self._apply, partitions=(PARTITION,))
        self._waiting: dict[str, BreakerChange] = {}
        self._some = asyncio.Event()

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop`. A broker that is away is waited for, and then everything is read again. Raises TopicUnreadable."""
        await again_and_again(lambda: self._once(ready), ready, stop, ready_within=self._ready_within)

    async def _once(self, ready: asyncio.Event) -> None:
        """Read and write until something fails."""

        def reached() -> None:
            self._breakers.share(self._put)
            ready.set()

        producer = AIOKafkaProducer(
            **self._cluster.arguments,
            acks="all",
            linger_ms=0,
            request_timeout_ms=_ANSWER_MS,
            metadata_max_age_ms=30_000,
        )
        with_guarded_connections(producer, PATIENCE)
        try:
            await producer.start()
            await self._both(producer, reached)
        except (KafkaError, ConnectionError) as error:
            self._breakers.share(None)
            log.warning("the log of breakers was interrupted", extra={"error": type(error).__name__})
            await self._clock.sleep(_AGAIN)
        finally:
            self._breakers.share(None)
            self._waiting.clear()
            await producer.stop()

    async def _both(self, producer: AIOKafkaProducer, reached: Callable[[], None]) -> None:
        tasks = [asyncio.create_task(self._changes.follow(reached)), asyncio.create_task(self._write(producer))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _put(self, change: BreakerChange) -> None:
        key = f"{change.provider}/{change.model}"
        self._waiting.pop(key, None)  # the newest goes to the end: nothing of ours is ever told before what it follows
        self._waiting[key] = change
        self._some.set()

    async def _write(self, producer: AIOKafkaProducer) -> None:
        while await self._some.wait():
            self._some.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                await self._store(producer, key, self._waiting.pop(key))

    async def _store(self, producer: AIOKafkaProducer, key: str, change: BreakerChange) -> None:
        alone = False
        while True:
            try:
                await producer.send_and_wait(
                    self._topic, encode(change), key=key.encode(), partition=PARTITION, headers=_HEADERS
                )
                break
            except (KafkaError, ConnectionError) as error:
                if not alone:
                    alone = True
                    self._breakers.share(None)
                    self._waiting.clear()  # once this one is stored, all tell anew
                    log.warning("breakers are not shared", extra={"error": type(error).__name__})
                await self._clock.sleep(_AGAIN)
        if alone:
            self._breakers.share(self._put)
            log.info("breakers are shared again")

    def _apply(self, record: "ConsumerRecord[bytes | None, bytes | None]") -> None:
        schema = dict(record.headers).get("schema")
        try:
            change = decode(BreakerChange, record.value, schema.decode("utf-8", "replace") if schema else None)
        except InvalidRecord as error:
            log.warning("no change of a breaker", extra={"offset": record.offset, "code": error.code})
            return
        self._breakers.apply(change)
