"""Reads topics from the moment it is opened, without a group, for one client."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.client.wire import Failed
from streamguard.clock import Clock
from streamguard.places import partitions_of, stand_at_the_end

log = logging.getLogger(__name__)

Give = Callable[["ConsumerRecord[bytes | None, bytes | None]"], None]

CLOSE_SECONDS = 3.0
"""For what is not acknowledged yet when the client is closed."""
_AGAIN = 1.0  # seconds
_AT_ONCE = 1000
"""Records that are taken without a turn of the event loop."""


class Feed:
    """All partitions of one topic, from now on. `give` is called with each record."""

    def __init__(
        self, arguments: Mapping[str, Any], topic: str, give: Give, failed: Failed, clock: Clock, *, fetch_wait: float
    ) -> None:
        """`arguments` are those of every client; `fetch_wait` in seconds."""
        self._topic, self._give, self._failed, self._clock = topic, give, failed, clock
        self._places: list[TopicPartition] = []
        self._reading: asyncio.Task[None] | None = None
        self.paused = False
        """Whether nothing is read for the time being."""
        self._consumer = AIOKafkaConsumer(
            **arguments,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=round(fetch_wait * 1000),
            metadata_max_age_ms=30_000,
        )

    async def open(self) -> int:
        """Stand at the end and read on. Returns the number of partitions. Raises errors of Kafka."""
        await self._consumer.start()
        self._places = await partitions_of(self._consumer, self._topic)
        await stand_at_the_end(self._consumer, self._places)
        self._reading = asyncio.create_task(self._read())
        return len(self._places)

    async def resume(self) -> None:
        """After a pause: read on, from now. Raises errors of Kafka."""
        await stand_at_the_end(self._consumer, self._places)
        self._consumer.resume(*self._places)
        self.paused = False

    def pause(self) -> None:
        """Read nothing until `resume`: what comes meanwhile is passed over."""
        self._consumer.pause(*self._places)
        self.paused = True

    async def close(self) -> None:
        """Also one that could not be opened."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await stop(self._consumer)

    async def _read(self) -> None:
        try:
            while True:
                await self._some()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - aiokafka raises what its parts raise; whoever waits must be told
            log.error("%s cannot be read any more: %s", self._topic, type(error).__name__)
            self._failed(error)

    async def _some(self) -> None:
        await asyncio.sleep(0)  # aiokafka gives what it has fetched without letting anybody else run
        try:
            batch = await self._consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading %s interrupted: %s", self._topic, type(error).__name__)
            await self._clock.sleep(_AGAIN)
            return
        for records in batch.values():
            for record in records:
                self._give(record)


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close it within seconds, whatever it says.

    By itself a producer waits for ever for what has no leader, and a consumer whose broker has gone leaves its `stop` half done,
    with a CancelledError that nobody asked for: so it stops in a task of its own.
    """
    stopping = asyncio.create_task(client.stop())
    await asyncio.wait({stopping}, timeout=CLOSE_SECONDS)
    if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
        return
    log.debug("a client of Kafka did not close by itself")
    stopping.cancel()
    inside = cast("Any", client)  # its parts have no public face, and `stop` is done only once
    if isinstance(client, AIOKafkaProducer):
        await inside._sender.close()
        await inside.client.close()
    else:
        await inside._client.close()
    await asyncio.gather(stopping, return_exceptions=True)
