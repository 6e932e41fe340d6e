"""Keeps a worker told of what is to stop: reads the topic `cancellations` as far as it reaches back, then what is added."""

import asyncio
import logging

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from streamguard import metrics
from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.errors import InvalidRecord
from streamguard.events.codec import decode
from streamguard.events.fleet import Cancellation
from streamguard.stages.cancelling import KEEP_SECONDS, Cancellations
from streamguard.stream.whole_topic import TopicUnreadable, WholeTopic, again_and_again

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
        cluster: Cluster,
        topic: str,
        cancellations: Cancellations,
        clock: Clock,
        *,
        ready_within: float = READY_SECONDS,
    ) -> None:
        self._topic = WholeTopic(cluster, topic, clock, self._take)
        self._cancellations = cancellations
        self._clock = clock
        self._ready_within = ready_within

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop`. A broker that is away is waited for, and then everything is read again: to be told twice is harmless."""
        await again_and_again(lambda: self._once(ready), ready, stop, ready_within=self._ready_within)

    async def _once(self, ready: asyncio.Event) -> None:
        """Read on until something fails, or the topic has other partitions than before."""
        try:
            await self._topic.follow(ready.set)
        except (KafkaError, ConnectionError, TopicUnreadable) as error:
            log.warning("cancellations interrupted", extra={"error": type(error).__name__})
            await self._clock.sleep(_AGAIN)

    def _take(self, record: ConsumerRecord[bytes | None, bytes | None]) -> None:
        if record.timestamp < self._clock.now_us() // 1000 - round(KEEP_SECONDS * 1000):
            metrics.CANCELLATIONS.labels("old").inc()
            return
        schema = dict(record.headers).get("schema")
        try:
            told = decode(Cancellation, record.value, schema.decode("utf-8", "replace") if schema else None)
        except InvalidRecord:
            metrics.CANCELLATIONS.labels("invalid").inc()
            return
        metrics.CANCELLATIONS.labels("told").inc()
        self._cancellations.tell(told.tenant_id, told.request_id)
