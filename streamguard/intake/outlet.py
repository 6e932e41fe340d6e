"""The producer behind a fence: nothing leaves for the broker without a young lease, not even what was handed over before."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, NodeNotReadyError, ProducerClosed
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import RecordMetadata

from streamguard.intake.clients import give_up, send_empty
from streamguard.intake.gate import Gate
from streamguard.intake.guarded import ask_before_write, guard_connections

log = logging.getLogger(__name__)


class LeaseLapsed(KafkaError):
    """Not now: aiokafka keeps the batch, its sequence number included, and tries again."""

    retriable = True


class Fenced(KafkaError):
    """Not any more: this output was handed over and did not leave. The step goes back to the gate."""


class _Client(Protocol):
    """aiokafka's client as its producer uses it."""

    send: Callable[..., Awaitable[Any]]

    async def ready(self, node_id: int) -> bool: ...


class Outlet:
    """Sends outputs through one producer at a time.

    A process that freezes can hold batches that were let through the gate and not yet written to a socket. So the lease is
    asked again when a request is about to be written; while it is not young, batches wait; when a rebalance begins meanwhile,
    `break_off` fails them all, and `renew` starts with a new producer. What was written before the freeze has reached the
    broker long before it gives the partitions away, and the next scan finds it.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer], gate: Gate) -> None:
        self._make, self._gate = make, gate
        self._producer: AIOKafkaProducer | None = None
        self._broken = False
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def broken(self) -> bool:
        """Whether `break_off` was called since the last `renew`."""
        return self._broken

    @property
    def producer(self) -> AIOKafkaProducer:
        """The present producer. Must be started."""
        assert self._producer is not None, "start comes first"
        return self._producer

    async def start(self) -> None:
        """Connect. Raises what aiokafka raises."""
        producer = self._make()
        self._fence(producer)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer, self._broken = producer, False

    def break_off(self) -> None:
        """Fail all that was handed over and has not left yet: each such output raises Fenced."""
        self._broken = True

    async def renew(self) -> None:
        """Go on with a new producer after `break_off`. Raises what aiokafka raises."""
        old = self.producer
        await self.start()
        task = asyncio.create_task(self._stop(old))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def stop(self) -> None:
        """Close; what has not left by now never does."""
        self._broken = True
        for task in self._closing:
            task.cancel()
        if self._producer is not None:
            give_up(self._producer, Fenced())
            await self._stop(self._producer)

    async def hand(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        headers: list[tuple[str, bytes]],
    ) -> "asyncio.Future[RecordMetadata]":
        """Hand one output to the producer; the future tells where the broker stored it, or why not.

        Outputs to one partition leave in the order in which this was called and awaited. Raises Fenced and KafkaError;
        whatever it raises, this output was not handed over.
        """
        producer = self.producer
        if self._broken:
            raise Fenced
        try:
            if key is None and value is None:
                return await send_empty(producer, topic, partition, headers)
            return await producer.send(topic, value, key=key, partition=partition, headers=headers)
        except ProducerClosed:
            if producer is self._producer:
                raise
            raise Fenced from None  # renewed while this one waited to learn of the topic

    @staticmethod
    async def _stop(producer: AIOKafkaProducer) -> None:
        try:
            await producer.stop()
        except KafkaError as exc:
            log.warning("closing a producer: %s", type(exc).__name__)

    def _fence(self, producer: AIOKafkaProducer) -> None:
        client = cast("_Client", cast("Any", producer).client)
        guard_connections(client, self._gate.spare)
        through = client.send

        def ask() -> None:
            if self._broken or self._producer is not producer:
                raise Fenced
            if not self._gate.leased:
                raise LeaseLapsed

        async def send(node_id: int, request: object, **options: object) -> object:
            if isinstance(request, ProduceRequest):
                # Connecting can take long, so it comes before the question; after it nothing waits until the write.
                if not await client.ready(node_id):
                    raise NodeNotReadyError
                ask()
                ask_before_write(client, node_id, ask)
            return await through(node_id, request, **options)

        client.send = send
