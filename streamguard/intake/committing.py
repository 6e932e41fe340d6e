"""Commits: they store how far the work is, and prove that the group still knows this member."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streamguard.intake.clients import generation
from streamguard.intake.context import Context
from streamguard.intake.marks import Place, encode

log = logging.getLogger(__name__)


class Committer:
    """One commit at a time; `allowed` is False from a revoke until the next assignment is scanned."""

    def __init__(self, context: Context, consumer: AIOKafkaConsumer) -> None:
        self._settings, self._clock, self._consumer = context.settings, context.clock, consumer
        self._partitions, self._ends, self._load = context.partitions, context.ends, context.load
        self._gate, self._watchdog, self._layout = context.gate, context.watchdog, context.layout
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self.allowed = False
        self.hurry = asyncio.Event()
        """Set when a partition's span is used up by half: its commit should not wait for its turn."""

    async def commit(self, *, force: bool = False) -> bool:
        """Commit what moved; all partitions with `force`, or when the lease asks for it. True when the group accepted it."""
        async with self._lock:
            if not self.allowed:
                return False
            mine = self._consumer.assignment()
            parts = [part for part in self._partitions.values() if TopicPartition(*part.place) in mine]
            due = force or self._clock.monotonic() - self._asked_at >= self._settings.lease / 4
            todo = {
                part: part.offsets.frontier for part in parts if due or part.offsets.frontier > part.offsets.committed
            }
            if not todo:
                if not self._partitions:
                    self._watchdog.accepted(self._clock.monotonic())
                return force and not self._partitions
            offsets = {
                part.place: (at, encode(part.offsets.marks(self._ends), self._layout.count))
                for part, at in todo.items()
            }
            if not await self._send(offsets):
                return False
            for part, at in todo.items():
                part.offsets.committed = max(part.offsets.committed, at)
            self._load.changed.set()
            self._count_span()
            return True

    async def repeat(self, saved: Mapping[Place, tuple[int, str]]) -> bool:
        """Commit what is committed already, to prove membership in this generation."""
        async with self._lock:
            return not saved or await self._send(saved)

    async def settle(self) -> None:
        """No further commit begins, and none is under way."""
        async with self._lock:
            self.allowed = False

    async def _send(self, offsets: Mapping[Place, tuple[int, str]]) -> bool:
        asked = self._clock.monotonic()  # the lease runs from the question, not from the answer
        before = generation(self._consumer)
        statistics = self._load.statistics
        try:
            if before > 0:
                await self._consumer.commit({TopicPartition(*place): value for place, value in offsets.items()})
            if before <= 0 or generation(self._consumer) != before:
                raise CommitFailedError("the member has no generation any more")
        except (CommitFailedError, IllegalStateError) as exc:
            statistics.refused_commits += 1
            self._watchdog.refused()
            log.warning("commit refused, the group has moved on: %s", type(exc).__name__)
            return False
        except KafkaError as exc:
            if not exc.retriable:
                raise
            log.warning("commit failed, will repeat: %s", type(exc).__name__)
            return False
        statistics.commits += 1
        self._asked_at = asked
        self._gate.renew(asked)
        self._watchdog.accepted(asked)
        return True

    def _count_span(self) -> None:
        parts = self._partitions.values()
        self._load.statistics.span = max((part.offsets.span for part in parts), default=0)

    async def run(self) -> None:
        """Commit in turn, and at once when a span runs out."""
        while True:
            try:
                async with asyncio.timeout(self._settings.commit_period):
                    await self.hurry.wait()
            except TimeoutError:
                pass
            self.hurry.clear()
            await self.commit()
