"""Writing to one store: prepare it, plan, insert, commit, in a task of its own, so that a store that hangs holds up no other."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamguard import metrics
from streamguard.analytics.batches import Chunk, Plan
from streamguard.analytics.clickhouse import Store
from streamguard.analytics.errors import StoreError
from streamguard.analytics.migrations import Migration
from streamguard.clock import Clock
from streamguard.intake.clients import is_retriable
from streamguard.stream.sink_letters import Letters
from streamguard.stream.sink_parts import Part, SinkStatistics, StoreState
from streamguard.stream.sink_records import Item, by_table

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a chunk may wait beyond `flush_seconds` to become whole while more is known to wait on the broker: cutting it
small just then would cost the most."""

State = tuple[int, Plan | None]
"""What is committed for a partition: a chunk's start, and its plan."""


class Member(Protocol):
    """The sink as a member of its group. `epoch` grows whenever partitions go: what began before must not commit after."""

    parts: dict[TopicPartition, Part]
    epoch: int
    lease: float
    """Seconds after the question for which an accepted commit proves that the partitions are ours."""

    def behind(self, part: Part) -> int:
        """Records of the partition that the broker is known to have and that were not read."""
        ...

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        """True when the group accepted it in this epoch; then each partition's `saved` is what the broker has."""
        ...


class Writer:
    """One store. At most one write is under way; `begin` starts the next."""

    def __init__(
        self,
        store: Store,
        member: Member,
        migrations: Sequence[Migration],
        *,
        flush_seconds: float,
        clock: Clock,
        statistics: SinkStatistics,
    ) -> None:
        self.name = "+".join(store.targets)
        self._store, self._member, self._migrations = store, member, migrations
        self._flush_seconds, self._clock, self._statistics = flush_seconds, clock, statistics
        self._state = StoreState()
        self._task: asyncio.Task[None] | None = None
        self._seconds = metrics.SINK_INSERT_SECONDS.labels(self.name)

    @property
    def down(self) -> bool:
        """It has not taken its tables yet, or failed a moment ago."""
        return not self._state.ready or self._clock.monotonic() < self._state.until

    def begin(self, letters: Letters, *, all_of_it: bool = False) -> None:
        """Start writing what is due, unless a write is under way. Raises what the one before raised."""
        self.check()
        if self._task is not None:
            return
        if self._clock.monotonic() < self._state.until:
            return
        if not self._state.ready or self._due(all_of_it=all_of_it) or self._unsaved():
            self._task = asyncio.ensure_future(self._write(letters, all_of_it=all_of_it))

    def check(self) -> None:
        """Raise what the last write raised, once."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()

    async def idle(self) -> None:
        """Return when no write is under way. Cancelling this leaves the write alone."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Leave a write that is under way: its plan stands. Then close the store, which waits for its answer or timeout."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._store.close()

    def _due(self, *, all_of_it: bool) -> list[tuple[Part, Chunk[Item]]]:
        """The chunks to write now: whole ones, those that waited long enough, those begun by somebody else."""
        now, due = self._clock.monotonic(), list[tuple[Part, Chunk[Item]]]()
        for part in self._parts():
            waited = -1.0 if part.since is None else now - part.since
            late = waited >= self._flush_seconds and (
                waited >= self._flush_seconds + PATIENCE or not self._member.behind(part)
            )
            chunk = part.chunks.chunk(partial=late or all_of_it)
            if chunk is not None:
                due.append((part, chunk))
        return due

    def _parts(self) -> list[Part]:
        return [part for part in self._member.parts.values() if part.source.target in self._store.targets]

    def _unsaved(self) -> dict[TopicPartition, State]:
        return {part.tp: part.state for part in self._parts() if part.state != part.saved}

    async def _write(self, letters: Letters, *, all_of_it: bool) -> None:
        """Plan, insert and commit. What cannot be written now stays as it is, for the next write."""
        if not self._state.ready and not await self._prepare():
            return
        epoch, due = self._member.epoch, list[tuple[Part, Chunk[Item]]]()
        for part, chunk in self._due(all_of_it=all_of_it):
            if await self._mark(letters, part, chunk):
                due.append((part, chunk))
        if epoch != self._member.epoch:
            return
        states = {**self._unsaved(), **{part.tp: (chunk.start, Plan(chunk.end, part.letters)) for part, chunk in due}}
        asked = self._clock.monotonic()
        if not states or not await self._member.commit(states, epoch):
            return
        for part, chunk in due:
            part.chunks.plan(chunk)
        for part, chunk in due:
            if not self._ours(epoch, asked):
                return  # the plan stands, whoever repeats it
            if await self._bury(letters, part, chunk, epoch, asked):
                await self._insert(part, chunk)
        if epoch == self._member.epoch and (unsaved := self._unsaved()):
            await self._member.commit(unsaved, epoch)

    def _ours(self, epoch: int, asked: float) -> bool:
        """Whether what is in hand is still proven to be ours."""
        return epoch == self._member.epoch and self._clock.monotonic() - asked <= self._member.lease

    async def _prepare(self) -> bool:
        """Make the store's tables, or bring them up to date."""
        try:
            for name in await self._store.prepare(self._migrations):
                log.info("applied migration %s", name)
        except StoreError as error:
            self._failed(error)
            return False
        self._state.worked()
        return True

    async def _mark(self, letters: Letters, part: Part, chunk: Chunk[Item]) -> bool:
        """Note where the letters of a chunk will stand, for its plan. False when the broker does not tell just now."""
        if part.letters is None and any(item.letter is not None for item in chunk.items):
            try:
                part.letters = await letters.end(part.tp)
            except (KafkaError, ConnectionError) as error:
                if not is_retriable(error):
                    raise
                log.warning("asking for the end of the dead letters: %s, will repeat", type(error).__name__)
                return False
        return True

    async def _bury(self, letters: Letters, part: Part, chunk: Chunk[Item], epoch: int, asked: float) -> bool:
        """Write the letters that are not there yet. False when that did not end; then nothing may be inserted."""
        wanted = {dict(item.letter.headers)["dlq.at"]: item for item in chunk.items if item.letter is not None}
        if not wanted:
            return True
        try:
            if part.doubtful and part.letters is not None:
                for at in await letters.written(part.tp, part.letters, wanted):
                    wanted.pop(at).letter = None
                part.doubtful = False
            for item in wanted.values():
                if not self._ours(epoch, asked):
                    return False
                assert item.letter is not None
                part.doubtful = True  # until its acknowledgement
                await letters.write(part.tp, item.letter)
                item.letter, part.doubtful = None, False
                self._statistics.buried += 1
                metrics.DEAD_LETTERS.labels("sink", item.code).inc()
        except (KafkaError, ConnectionError) as error:
            if not is_retriable(error):
                raise
            log.warning("writing dead letters: %s, will repeat", type(error).__name__)
            return False
        return True

    async def _insert(self, part: Part, chunk: Chunk[Item]) -> None:
        if self._clock.monotonic() < self._state.until:
            return  # failed a moment ago, with another chunk
        tables, began = by_table(chunk.items), self._clock.monotonic()
        try:
            await self._store.insert(tables, chunk.token(part.stored_as, part.tp.partition))
        except StoreError as error:
            self._statistics.failed_inserts += 1
            self._failed(error)
            return
        finally:
            self._seconds.observe(self._clock.monotonic() - began)
        self._state.worked()
        metrics.SINK_CHUNKS.labels(part.source.topic, "repeated" if part.taken_over else "new").inc()
        self._statistics.chunks += 1
        self._statistics.resent += part.taken_over
        for table, rows in tables.items():
            metrics.SINK_ROWS.labels(table).inc(len(rows))
            self._statistics.rows += len(rows)
        part.done(chunk, self._clock.monotonic())

    def _failed(self, error: StoreError) -> None:
        metrics.SINK_REFUSALS.labels(self.name, error.code).inc()
        self._state.failed(error, self._clock.monotonic())
