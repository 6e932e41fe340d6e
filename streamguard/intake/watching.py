"""Feeds the watchdog, counts what waits, and keeps the known ends of the output partitions near the truth."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamguard.intake.assigning import Assigner
from streamguard.intake.clients import Clients, known_counts, position
from streamguard.intake.context import Context
from streamguard.intake.errors import Stalled
from streamguard.intake.outlet import Outlet
from streamguard.intake.partition import InputPartition
from streamguard.intake.watchdog import Watched

log = logging.getLogger(__name__)
REFRESH = 10.0
"""Seconds between looks at the log ends: how much waits in the inputs is what operators watch, and others write to some outputs
too, of which old marks make slow scans."""


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
            try:
                watchdog.looked(now, sum(max(0, end - part.offsets.next) for part, end in await self._ends()))
            except TimeoutError:
                raise Stalled("the broker does not tell whether records wait") from None
        if now - self._refreshed > REFRESH and self._assigner.fetching:
            self._refreshed = now
            try:
                context.layout.check_counts(known_counts(self._consumer, self._outlet.producer, context.layout.topics))
                await self._assigner.refresh_ends()
                ends = await self._ends()
                context.statistics.lag = sum(max(0, end - part.offsets.frontier) for part, end in ends)
            except (KafkaError, TimeoutError) as exc:
                log.warning("looking at the ends of the topics: %s", type(exc).__name__)

    async def _ends(self) -> Sequence[tuple[InputPartition, int]]:
        """Where the records of each input partition end. Raises TimeoutError when the broker does not answer, and KafkaError."""
        parts = {TopicPartition(*place): part for place, part in self._context.partitions.items()}
        if not parts:
            return ()
        async with asyncio.timeout(self._context.settings.stall):
            ends = await self._consumer.end_offsets(list(parts))
        return [(part, self._of_records(part, tp, ends[tp])) for tp, part in parts.items()]

    def _of_records(self, part: InputPartition, tp: TopicPartition, end: int) -> int:
        """Behind the last record, the log may go on: each transaction of a service ends in a marker, which nobody delivers."""
        if not part.keys.held and position(self._consumer, tp) >= end:
            return part.offsets.next
        return end
