"""A driver of traffic: sends requests with a bounded number outstanding and audits, as it goes, what comes of them."""

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.clock import Clock, SystemClock
from streamguard.config import Cluster
from streamguard.errors import StreamguardError
from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode, encode
from streamguard.events.fleet import Cancellation
from streamguard.places import key_partition, partitions_of, stand_at_the_end
from streamguard.stream.audiences import Audiences
from streamguard.stream.planned import Identity, Planned
from streamguard.stream.tally import Tally, digest
from streamguard.stream.topics import DEAD_LETTERS, Topics

RESPONSES, OUTCOMES, CHUNKS = "responses", "outcomes", "response-chunks"
Watch = Callable[[Mapping[str, Any]], None]
LARGEST_RECORD = 900_000
"""Bytes; brokers take a mebibyte unless told otherwise."""


class TrafficError(StreamguardError):
    """Traffic cannot be driven: the broker is not there, or its topics are not."""


class Traffic:
    """Reads `responses`, `outcomes`, `dead-letters` and `response-chunks` from the moment it is entered until it is left.

    `most` and `most_bytes` bound what is outstanding (sent, not ended); `most_unbooked` bounds the outcomes that settle has
    not booked yet. The embedded broker keeps only some 5 MB a partition, so these bounds are what keeps it whole.
    `on_outcome` is called with each request's first outcome, as plain JSON; it must not block.
    """

    def __init__(
        self,
        cluster: Cluster,
        topics: Topics,
        *,
        clock: Clock | None = None,
        most: int = 200,
        most_bytes: int = 1_500_000,
        most_unbooked: int = 1_000,
        on_outcome: Watch | None = None,
    ) -> None:
        self.tally = Tally()
        self.audiences = Audiences()
        self.sends = 0
        self.held = False
        """While it is set nothing more is sent: for whoever sees something fall behind that is not watched here."""
        self._topics = topics
        self._clock = clock or SystemClock()
        self._most = most
        self._most_bytes = most_bytes
        self._most_unbooked = most_unbooked
        self._on_outcome = on_outcome
        self._outcomes = 0
        self._booked = 0
        self._booked_before = 0
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._cancelling: set[asyncio.Task[None]] = set()
        self._producer = AIOKafkaProducer(
            **cluster.arguments, acks="all", enable_idempotence=True, max_request_size=LARGEST_RECORD + 100_000
        )
        self._consumer = AIOKafkaConsumer(
            **cluster.arguments,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=2 << 20,
        )
        self._telemetry: list[TopicPartition] = []
        self.partitions = 0

    async def __aenter__(self) -> Self:
        try:
            with _translated("the broker does not serve the topics"):
                await self._producer.start()
                await self._consumer.start()
                await self._stand_at_the_end()
        except BaseException:
            await self._close()
            raise
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._look_at_settle())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def send(self, planned: Iterable[Planned], *, per_second: float | None = None) -> None:
        """Send all, in order, as fast as the bounds let it, or at an even rate. Returns when all are acknowledged.

        Raises `TrafficError` when the broker refuses one or cannot be read any more.
        """
        with _translated("the broker does not take or give records"):
            await self._send(planned, per_second)

    async def _send(self, planned: Iterable[Planned], per_second: float | None) -> None:
        begun = self._clock.monotonic()
        acknowledgements: set[asyncio.Future[Any]] = set()
        for number, item in enumerate(planned):
            if per_second is not None:
                await self._clock.sleep(begun + number / per_second - self._clock.monotonic())
            await self._room()
            self.tally.sent(item, self._clock.monotonic())
            if item.streamed and item.identity is not None:
                self.audiences.sent(item.identity, self._clock.monotonic())
            future = await self._producer.send(
                self._topics.full("requests"),
                item.value,
                key=item.key,
                partition=self._place(item),
                headers=_headers(item),
            )
            self.sends += 1
            acknowledgements.add(future)
            future.add_done_callback(acknowledgements.discard)
            if item.cancel_after is not None and item.identity is not None:
                task = asyncio.create_task(self._cancel(item.identity, item.cancel_after))
                self._cancelling.add(task)
                task.add_done_callback(self._cancelling.discard)
        if acknowledgements:
            await asyncio.gather(*acknowledgements)

    async def _cancel(self, identity: Identity, after: float) -> None:
        await self._clock.sleep(after)
        cancellation = Cancellation(tenant_id=identity.tenant_id, request_id=identity.request_id)
        key = f"{identity.tenant_id}/{identity.request_id}".encode()
        headers = [("schema", b"streamguard.cancellation/1")]
        await self._producer.send_and_wait(
            self._topics.full("cancellations"), encode(cancellation), key, headers=headers
        )

    async def finish(self, *, stall: float = 60.0) -> bool:
        """Wait until everything sent has ended, for readers of streams too; False when nothing has moved for `stall` seconds.

        Raises `TrafficError` when the broker cannot be read any more.
        """
        with _translated("the broker does not give records"):
            return await self._finish(stall)

    async def _finish(self, stall: float) -> bool:
        while self._under_way:
            try:
                await asyncio.wait_for(self._until_moved(self._moves), stall)
            except TimeoutError:
                return False
        return True

    @property
    def _under_way(self) -> bool:
        return self.tally.outstanding > 0 or self.audiences.waiting > 0

    @property
    def _moves(self) -> tuple[int, int, int]:
        """Changes whenever anything has moved."""
        return self.tally.ended, self._outcomes, self.audiences.waiting

    async def _until_moved(self, before: tuple[int, int, int]) -> None:
        while self._under_way and self._moves == before:
            await self._wait()

    async def _room(self) -> None:
        while (
            self.tally.outstanding >= self._most
            or self.tally.outstanding_bytes >= self._most_bytes
            or self._outcomes - self._booked >= self._most_unbooked
            or self.held
        ):
            await self._wait()

    async def _wait(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
        self._moved.clear()
        await self._moved.wait()

    def _place(self, item: Planned) -> int:
        """The partition of the key as Java's and our own clients choose it, or the next one for a misplaced record."""
        return (key_partition(item.key, self.partitions) + item.misplaced) % self.partitions

    async def _stand_at_the_end(self) -> None:
        """What comes from now on is ours; this is known before anything is sent."""
        names = [self._topics.full(name) for name in (RESPONSES, OUTCOMES, DEAD_LETTERS, CHUNKS)]
        await stand_at_the_end(self._consumer, await partitions_of(self._consumer, *names))
        self.partitions = len(await self._numbers(self._topics.full("requests")))
        telemetry = self._topics.full("telemetry")
        self._telemetry = [TopicPartition(telemetry, number) for number in await self._numbers(telemetry)]
        self._booked_before = sum((await self._consumer.end_offsets(self._telemetry)).values())

    async def _numbers(self, topic: str) -> list[int]:
        return sorted(await self._producer.partitions_for(topic))

    async def _read(self) -> None:
        try:
            while True:
                for place, records in (await self._consumer.getmany(timeout_ms=500)).items():
                    self._count(self._topics.plain(place.topic), [record.value for record in records])
                    self._moved.set()
                    await asyncio.sleep(0)
        finally:
            self._moved.set()

    def _count(self, topic: str, values: list[bytes | None]) -> None:
        now = self._clock.monotonic()
        for value in values:
            if topic == DEAD_LETTERS:
                self.tally.dead_letter(value or b"")
                continue
            if topic == CHUNKS:
                self.audiences.chunk(decode(Chunk, value or b""), now)
                continue
            record: dict[str, Any] = orjson.loads(value or b"{}")
            head: dict[str, Any] = record.get("head", record)
            identity = Identity(head.get("tenant_id", ""), head.get("request_id", ""), record.get("run", 1))
            if topic == RESPONSES:
                self.tally.seen("response", identity, now, None)
                self.audiences.response(identity, record.get("status") == "answered", record.get("output") or "")
            elif self.tally.seen("outcome", identity, now, record.get("reason")):
                self._outcomes += 1
                if self._on_outcome is not None:
                    self._on_outcome(record)

    async def _look_at_settle(self) -> None:
        try:
            while True:
                ends = await self._consumer.end_offsets(self._telemetry)
                self._booked = sum(ends.values()) - self._booked_before
                self._moved.set()
                await self._clock.sleep(0.25)
        finally:
            self._moved.set()

    async def _close(self) -> None:
        tasks = [*self._tasks, *self._cancelling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._consumer.stop()
        await self._producer.stop()


@contextmanager
def _translated(what: str) -> Generator[None]:
    try:
        yield
    except KafkaError as error:
        raise TrafficError(f"{what} ({type(error).__name__})") from None


def _headers(item: Planned) -> list[tuple[str, bytes]]:
    """The schema, and a trace of its own for each request (W3C), so that analysts can follow it."""
    trace = digest(item.value)
    return [
        ("schema", item.schema.encode()),
        ("traceparent", f"00-{trace.hex()}-{trace[:8].hex()}-01".encode()),
    ]
