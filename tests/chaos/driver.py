"""Sends requests at an even rate whatever dies meanwhile, and reads along what comes of them and when."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from streamguard.events.codec import encode
from streamguard.events.fleet import Cancellation
from streamguard.intake.damage import read_carefully
from streamguard.stream.planned import Identity, Planned
from streamguard.stream.tally import Tally
from streamguard.stream.topics import DEAD_LETTERS, Topics
from tests.chaos.report import Ended

_PATIENCE = 300.0
"""Seconds for which the producer repeats a record that no broker takes: longer than any fault lasts."""
_LARGEST = 2 << 20


class Driver:
    """An idempotent producer that repeats until a record is stored, so what was sent once is there once."""

    def __init__(self, brokers: str, topics: Topics, partitions: int) -> None:
        self.tally = Tally()
        self.sent: list[Planned] = []
        """What the brokers have acknowledged, in the order of the acknowledgements."""
        self.ended: list[Ended] = []
        """The outcomes, as they came."""
        self._topics, self._partitions = topics, partitions
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(_PATIENCE * 1000),
            max_request_size=_LARGEST,
        )
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=200,
            max_partition_fetch_bytes=2 << 20,
        )
        self._reading: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._producer.start()
        await self._consumer.start()
        read_carefully(self._consumer)  # dead letters may be as strange as what they hold
        self._consumer.assign(
            [
                TopicPartition(self._topics.full(name), number)
                for name in ("responses", "outcomes", DEAD_LETTERS)
                for number in range(self._partitions)
            ]
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [*self._pending, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._consumer.stop()
        with suppress(KafkaError):
            await self._producer.stop()

    async def send(self, planned: Iterable[Planned], *, per_second: float) -> None:
        """Send all at an even rate. Returns when all are acknowledged; raises what the producer raises for good."""
        begun = time.monotonic()
        for number, item in enumerate(planned):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            self.put(item)
        await self.acknowledged()

    def put(self, item: Planned) -> None:
        """Send one beside the others."""
        self.tally.sent(item, time.monotonic())
        task = asyncio.create_task(self._put(item))
        self._pending.add(task)

    async def acknowledged(self) -> None:
        """Until everything sent is acknowledged."""
        while self._pending:
            done, self._pending = await asyncio.wait(self._pending)
            for task in done:
                task.result()

    async def finish(self, stall: float) -> bool:
        """Until everything sent has ended; False when nothing has ended for `stall` seconds."""
        moved, ended = time.monotonic(), -1
        while self.tally.outstanding:
            if self._reading is not None and self._reading.done():
                self._reading.result()
            if self.tally.ended != ended:
                moved, ended = time.monotonic(), self.tally.ended
            if time.monotonic() - moved > stall:
                return False
            await asyncio.sleep(0.1)
        return True

    async def _cancel(self, identity: Identity, after: float) -> None:
        await asyncio.sleep(after)
        named = Cancellation(tenant_id=identity.tenant_id, request_id=identity.request_id)
        key = f"{identity.tenant_id}/{identity.request_id}".encode()
        await self._producer.send_and_wait(self._topics.full("cancellations"), encode(named), key=key)

    async def _put(self, item: Planned) -> None:
        place = ((murmur2(item.key) & 0x7FFFFFFF) + item.misplaced) % self._partitions
        await self._producer.send_and_wait(
            self._topics.full("requests"),
            item.value,
            key=item.key,
            partition=place,
            headers=[("schema", item.schema.encode())],
        )
        self.sent.append(item)
        if item.cancel_after is not None and item.identity is not None:
            await self._cancel(item.identity, item.cancel_after)

    async def _read(self) -> None:
        while True:
            try:
                batch = await self._consumer.getmany(timeout_ms=500)
            except KafkaError:  # a broker is away: that is the test
                await asyncio.sleep(0.5)
                continue
            for place, records in batch.items():
                topic = self._topics.plain(place.topic)
                for record in records:
                    fields = self._count(topic, record.value or b"")
                    if topic == "outcomes":
                        waited = record.timestamp - fields["received_at"] // 1000
                        self.ended.append(Ended(place.partition, record.timestamp, waited))
                await asyncio.sleep(0)

    def _count(self, topic: str, value: bytes) -> Mapping[str, Any]:
        now = time.monotonic()
        if topic == DEAD_LETTERS:
            self.tally.dead_letter(value)
            return {}
        record: Mapping[str, Any] = orjson.loads(value)
        head: Mapping[str, Any] = record.get("head", record)
        identity = Identity(head["tenant_id"], head["request_id"], record.get("run", 1))
        self.tally.seen("response" if topic == "responses" else "outcome", identity, now, record.get("reason"))
        return record
