"""The client's side of Kafka. Errors of Kafka become the client's own here, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.client.errors import Unreachable
from streamguard.client.feed import Feed, stop
from streamguard.client.wire import CHUNKS, REQUESTS, RESPONSES, Failed, Received, Refused, Take
from streamguard.clock import Clock
from streamguard.places import key_partition, partitions_of

START_SECONDS = 15.0
"""For connecting, all in all."""
LARGEST = 1_000_000
"""Bytes of a record; brokers take a mebibyte unless told otherwise."""
_FIRST_BLOCK, _LARGEST_BLOCK = 500, 8_000  # offsets
_STALL = 10.0  # seconds without a record that must be there


class KafkaWire:
    """`streamguard.client.wire.Wire` over aiokafka: one producer, one consumer for responses, one for chunks once a stream was
    asked for, one for looking back once that was needed."""

    def __init__(
        self,
        arguments: Mapping[str, Any],
        clock: Clock,
        *,
        prefix: str = "",
        partitions: int | None = None,
        fetch_wait: float = 0.1,
    ) -> None:
        """`arguments` are aiokafka's for every client, `partitions` is the count that keys have their places in (None: what the
        topic has); `fetch_wait` in seconds."""
        self._arguments, self._clock, self._prefix, self._fetch_wait = dict(arguments), clock, prefix, fetch_wait
        self._partitions = partitions
        self._take: Take = _nobody
        self._failed: Failed = _nobody
        self._counts = dict[str, int]()
        self._producer: AIOKafkaProducer | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False
        self._responses: Feed | None = None
        self._chunks: Feed | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._readers = 0
        self._producing, self._following, self._looking_back = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()

    async def open(self, take: Take, failed: Failed) -> None:
        self._take, self._failed, self._closed = take, failed, False
        try:
            with self._translated("no broker takes us"):
                async with asyncio.timeout(START_SECONDS):
                    self._producer = await self._new_producer()
                    self._responses = self._feed(RESPONSES, self._fetch_wait)
                    self._counts[RESPONSES] = await self._responses.open()
                    self._counts[REQUESTS] = len(await self._producer.partitions_for(self._prefix + REQUESTS))
            self._check_partitions()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._closed = True
        feeds = [feed for feed in (self._responses, self._chunks) if feed is not None]
        clients = [one for one in (self._producer, self._reader) if one is not None]
        self._responses = self._chunks = self._reader = self._producer = None
        await asyncio.gather(*(feed.close() for feed in feeds), *map(stop, clients), *self._stopping)

    # -- to the line ---------------------------------------------------------------------------------------------------

    async def send(self, topic: str, key: str, value: bytes, headers: Mapping[str, str]) -> None:
        # a request that admit finds on another partition than its tenant's is sent once more, and waits once more
        partition = key_partition(key.encode(), self._count(REQUESTS)) if topic == REQUESTS else None
        encoded = [(name, text.encode()) for name, text in headers.items()]
        try:
            producer = await self._sending()
            acknowledged = await producer.send(
                self._prefix + topic, value, key=key.encode(), partition=partition, headers=encoded
            )
        except (KafkaError, OSError) as error:  # nothing was sent: it is too large, or there is no broker to send it to
            raise Refused(type(error).__name__) from None
        try:
            await acknowledged
        except KafkaError as error:
            if not error.retriable and producer is self._producer:
                # its numbers do not fit the broker's any more, so all that it sent from now on would fail
                self._producer = None
                self._stop_soon(producer)
            raise Refused(type(error).__name__) from None
        except OSError as error:
            raise Refused(type(error).__name__) from None

    async def _sending(self) -> AIOKafkaProducer:
        """The producer; a new one in the place of one that broke. Raises `Unreachable`, and `Refused` once all is closed."""
        async with self._producing:
            if self._producer is None and not self._closed:
                with self._translated("no broker takes us"):
                    producer = await self._new_producer()
                if self._closed:  # meanwhile: nobody else would stop it
                    await stop(producer)
                else:
                    self._producer = producer
            if self._producer is None:
                raise Refused("Closed")
            return self._producer

    def _stop_soon(self, producer: AIOKafkaProducer) -> None:
        """What others have sent with it may still be acknowledged meanwhile."""
        task = asyncio.create_task(stop(producer))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._arguments,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_request_size=LARGEST,
            metadata_max_age_ms=30_000,
        )
        try:
            await producer.start()
        except BaseException:
            await stop(producer)
            raise
        return producer

    # -- from the line -------------------------------------------------------------------------------------------------

    async def follow_chunks(self) -> None:
        self._readers += 1
        try:
            async with self._following:
                with self._translated("response-chunks cannot be read"):
                    if self._chunks is None:
                        feed = self._feed(CHUNKS, min(self._fetch_wait, 0.05))
                        try:
                            await feed.open()
                        except BaseException:
                            await feed.close()
                            raise
                        self._chunks = feed
                    elif self._chunks.paused:  # also when the one who was to resume it was called off
                        await self._chunks.resume()
        except BaseException:
            self.leave_chunks()
            raise

    def leave_chunks(self) -> None:
        self._readers -= 1
        if not self._readers and self._chunks is not None:
            self._chunks.pause()

    def place(self, key: str) -> int:
        return key_partition(key.encode(), self._count(RESPONSES))

    @property
    def places(self) -> int:
        return self._counts[RESPONSES]

    async def backwards(self, place: int, since_us: int) -> AsyncIterator[Sequence[Received]]:
        where = TopicPartition(self._prefix + RESPONSES, place)
        async with self._looking_back:  # one reader, and it stands in one place
            with self._translated("responses cannot be read back"):
                reader = await self._back_reader()
                first = (await reader.beginning_offsets([where]))[where]
                end = (await reader.end_offsets([where]))[where]
            size = _FIRST_BLOCK
            while end > first:
                begin = max(first, end - size)
                with self._translated("responses cannot be read back"):
                    block = await _read(reader, where, begin, end)
                yield [_received(RESPONSES, record) for record in block]
                if block and block[0].timestamp * 1000 < since_us:
                    return
                end, size = begin, min(2 * size, _LARGEST_BLOCK)

    async def _back_reader(self) -> AIOKafkaConsumer:
        if self._reader is None:
            reader = AIOKafkaConsumer(
                **self._arguments,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
                metadata_max_age_ms=30_000,
            )
            try:
                await reader.start()
                await partitions_of(reader, self._prefix + RESPONSES)
            except BaseException:
                await stop(reader)
                raise
            self._reader = reader
        return self._reader

    def _feed(self, topic: str, fetch_wait: float) -> Feed:
        def give(record: ConsumerRecord[bytes | None, bytes | None]) -> None:
            self._take(_received(topic, record))

        def failed(error: Exception) -> None:
            self._failed(Unreachable(f"{self._prefix}{topic} cannot be read any more ({type(error).__name__})"))

        return Feed(self._arguments, self._prefix + topic, give, failed, self._clock, fetch_wait=fetch_wait)

    def _check_partitions(self) -> None:
        """Raises Unreachable where keys would have places that are not there: some tenants could ask, and some could not."""
        for topic, there in self._counts.items():
            if self._partitions is not None and self._partitions > there:
                raise Unreachable(
                    f"{self._prefix}{topic} has {there} partitions, and not {self._partitions} as kafka.partitions says"
                )

    def _count(self, topic: str) -> int:
        return self._partitions or self._counts[topic]

    @contextmanager
    def _translated(self, what: str) -> Generator[None]:
        try:
            yield
        except (KafkaError, OSError, TimeoutError) as error:
            brokers = self._arguments.get("bootstrap_servers")
            named = f" {error.args[0]}" if type(error).__name__ == "UnknownTopicOrPartitionError" and error.args else ""
            raise Unreachable(f"{what} at {brokers} ({type(error).__name__}{named})") from None


def _nobody(_: object) -> None:
    """Takes what comes before anybody has said who takes it."""


def _received(topic: str, record: ConsumerRecord[bytes | None, bytes | None]) -> Received:
    return Received(topic, record.key or b"", record.value or b"")


async def _read(
    reader: AIOKafkaConsumer, where: TopicPartition, begin: int, end: int
) -> list[ConsumerRecord[bytes | None, bytes | None]]:
    """The records of one partition from `begin` to before `end`: those that are kept still. Raises TimeoutError when the broker
    gives nothing."""
    reader.assign([where])
    reader.seek(where, begin)
    records: list[ConsumerRecord[bytes | None, bytes | None]] = []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_STALL) as limit:
        while await reader.position(where) < end:
            if batch := await reader.getmany(where, timeout_ms=500):
                records += batch[where]
                limit.reschedule(loop.time() + _STALL)
    reader.unsubscribe()
    return [record for record in records if record.offset < end]
