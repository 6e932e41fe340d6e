"""Feeds the watchdog, and keeps the known ends of the output partitions near the truth."""

import asyncio
import logging

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamguard.intake.assigning import Assigner
from streamguard.intake.clients import Clients, known_counts
from streamguard.intake.context import Context
from streamguard.intake.errors import Stalled
from streamguard.intake.outlet import Outlet
from streamguard.intake.watchdog import Watched

log = logging.getLogger(__name__)
REFRESH = 10.0
"""Seconds between looks at the log ends: others write to some outputs too, and old marks make slow scans."""


class Watcher:
    """Raises what the watchdog raises, and TopicsGrown."""

    def __init__(self, context: Context, clients: Clients, outlet: Outlet, assigner: Assigner) -> None:
        self._context, self._consumer, self._assigner = context, clients.consumer, assigner
        self._outlet = outlet
        self._refreshed = context.clock.monotonic()

    async def run(self) -> None:
        """Look every few seconds, or more often when the configured stall is short."""
        period = min(2.0, self._context.settings.stall / 10)
        while True:
            await self._context.clock.sleep(period)
            await self._look(self._context.clock.monotonic())

    async def _look(self, now: float) -> None:
        context, watchdog = self._context, self._context.watchdog
        if not self._assigner.fetching:
            watchdog.moved(now)
            # A scan watches its own progress; what else takes partitions may take long, but not commits before it.
            if self._assigner.taking:
                return
        watchdog.check_commits(now)
        watchdog.check_frontiers(
            now,
            [
                Watched(part.place, part.offsets.frontier, part.offsets.unfinished)
                for part in context.partitions.values()
            ],
        )
        if context.statistics.in_flight:
            watchdog.moved(now)
        if watchdog.must_look(now):
            watchdog.looked(now, await self._waiting())
        if now - self._refreshed > REFRESH and self._assigner.fetching:
            self._refreshed = now
            try:
                context.layout.check_counts(known_counts(self._consumer, self._outlet.producer, context.layout.topics))
                await self._assigner.refresh_ends()
            except KafkaError as exc:
                log.warning("looking at the ends of the outputs: %s", type(exc).__name__)

    async def _waiting(self) -> int:
        """How many records wait on the broker. Raises Stalled when it does not answer."""
        parts = {TopicPartition(*place): part for place, part in self._context.partitions.items()}
        if not parts:
            return 0
        try:
            async with asyncio.timeout(self._context.settings.stall):
                ends = await self._consumer.end_offsets(list(parts))
        except TimeoutError:
            raise Stalled("the broker does not tell whether records wait") from None
        return sum(max(0, end - parts[tp].offsets.next) for tp, end in ends.items())
