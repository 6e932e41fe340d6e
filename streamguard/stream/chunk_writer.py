"""Chunks of answers on their way to Kafka: one producer a worker, apart from the intakes', which wait for what they send."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.events.chunk import Chunk
from streamguard.events.codec import encode, schema_name
from streamguard.intake.clients import give_up, with_guarded_connections
from streamguard.intake.refusals import Fate, fate, mend_refusals
from streamguard.stages.chunks import ChunkLost, Stored
from streamguard.stages.contract import Event
from streamguard.stream.stage_step import new_trace

log = logging.getLogger(__name__)

ROOM = 8 << 20
"""Bytes of chunks that may wait for the broker, a worker."""
WAIT = 0.5
"""Seconds that a chunk waits for room. A stream that gets none is shown no further; verify gives the whole then."""
PATIENCE = 2.0
"""Seconds for which a connection may try to bring bytes to a broker."""
PAUSE = 1.0
"""Seconds between two tries to begin with a new producer."""

_SCHEMA = schema_name(Chunk).encode()


def chunk_producer(cluster: Cluster) -> AIOKafkaProducer:
    """Not started yet. Idempotent: what it stores of a partition has neither gaps nor repetitions."""
    producer = AIOKafkaProducer(
        **cluster.arguments,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=20_000,
        max_batch_size=65536,
        metadata_max_age_ms=30_000,
    )
    mend_refusals(producer)
    return with_guarded_connections(producer, PATIENCE)


class KafkaChunks:
    """The writer of one worker (`streamguard.stages.chunks.ChunkWriter`), and its background
    (`streamguard.stream.hosting.Background`): connected before the intakes start.

    A chunk goes to the partition number of its request's record. A producer that can go on no more, which loses all that it
    held, is replaced.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        clock: Clock,
        *,
        room: int = ROOM,
        wait: float = WAIT,
        make: Callable[[Cluster], AIOKafkaProducer] | None = None,
    ) -> None:
        """`make` gives a producer for this cluster that is not started yet."""
        self._cluster, self._topic, self._clock = cluster, topic, clock
        self._make = make or chunk_producer
        self._room, self._wait = room, wait
        self._producer: AIOKafkaProducer | None = None
        self._outstanding = 0
        self._freed = asyncio.Event()
        self._broken = asyncio.Event()

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Stay connected until `stop`. Raises what aiokafka raises when the first connection cannot be made."""
        self._producer = await self._started()
        ready.set()
        ends = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                breaks = asyncio.create_task(self._broken.wait())
                await asyncio.wait((ends, breaks), return_when=asyncio.FIRST_COMPLETED)
                breaks.cancel()
                if self._broken.is_set() and not stop.is_set():
                    await self._renew(stop)
        finally:
            ends.cancel()
            await self._close()

    async def write(self, event: Event[Any], chunk: Chunk) -> Stored:
        """As `ChunkWriter` says."""
        producer, value = self._producer, encode(chunk)
        if producer is None or self._broken.is_set():
            raise ChunkLost("there is no producer")
        headers = [("traceparent", _traceparent(event)), ("schema", _SCHEMA)]
        try:
            async with asyncio.timeout(self._wait):
                while self._outstanding > self._room:
                    self._freed.clear()
                    await self._freed.wait()
                stored = await producer.send(
                    self._topic, value, key=event.key.encode(), partition=event.partition, headers=headers
                )
        except TimeoutError:
            raise ChunkLost("no room in time") from None
        except AssertionError:
            raise ChunkLost("there is no such partition") from None
        except (KafkaError, ConnectionError) as error:
            self._note(producer, error)
            raise ChunkLost(type(error).__name__) from None
        self._outstanding += len(value)
        stored.add_done_callback(partial(self._done, producer, len(value)))
        return stored

    def _done(self, producer: AIOKafkaProducer, size: int, stored: "asyncio.Future[RecordMetadata]") -> None:
        self._outstanding -= size
        if self._outstanding <= self._room:
            self._freed.set()
        if not stored.cancelled() and (error := stored.exception()) is not None:
            self._note(producer, error)

    def _note(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        if producer is self._producer and fate(error) is Fate.WORKER:
            self._broken.set()

    async def _started(self) -> AIOKafkaProducer:
        producer = self._make(self._cluster)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _renew(self, stop: asyncio.Event) -> None:
        await self._close()
        while not stop.is_set():
            try:
                self._producer = await self._started()
            except (KafkaError, ConnectionError) as error:
                log.warning("no new producer of chunks yet", extra={"error": type(error).__name__})
                await self._clock.sleep(PAUSE)
            else:
                self._broken.clear()
                return

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        give_up(producer, KafkaError("closed"))
        try:
            await producer.stop()
        except KafkaError as error:
            log.warning("closing a producer", extra={"error": type(error).__name__})


def _traceparent(event: Event[Any]) -> bytes:
    """Of the trace that the request's other records are in, as a step of its own."""
    own = new_trace(event.src)
    return own if event.trace_id is None else b"-".join((b"00", event.trace_id.encode(), *own.split(b"-")[2:]))
