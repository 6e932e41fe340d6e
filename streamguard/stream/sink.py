"""The sink: `telemetry` and `payloads` into ClickHouse, each record once, whatever dies when.

It keeps the order of steps that `streamguard.analytics.batches` describes. Every cycle begins with a commit of starts and
plans, which is also the proof of membership: inserts follow only within the lease of an accepted one. A store that is down
becomes lag: its partitions fill one chunk each and wait; the other store's go on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, cast

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, NoOffsetForPartitionError
from aiokafka.structs import OffsetAndMetadata

from streamguard.analytics.batches import Chunk, Chunks, decode_plan, encode_plan
from streamguard.analytics.clickhouse import stores
from streamguard.analytics.errors import StoreError
from streamguard.analytics.migrations import read_migrations
from streamguard.clock import Clock, SystemClock
from streamguard.config import Config
from streamguard.intake.clients import (
    generation,
    is_retriable,
    make_admin,
    make_consumer,
    make_producer,
    partition_counts,
    received,
)
from streamguard.intake.errors import OffsetGone, Stalled, TooManyBuried, TopicsMissing
from streamguard.intake.settings import Settings
from streamguard.metrics import DEAD_LETTERS
from streamguard.stream.sink_parts import Part, SinkStatistics, StoreState
from streamguard.stream.sink_records import SOURCES, Item, by_table
from streamguard.stream.topics import Topics

log = logging.getLogger(__name__)

GROUP = "streamguard-sink"
"""The consumer group, without prefix."""
CHUNK_BYTES = 8 << 20
"""Received bytes after which a chunk ends early: bounds what a partition holds in memory."""
_TICK = 0.1  # seconds that a poll waits for records, and between polls while few wait
_FEW = 8  # records; with so few waiting, a poll for each would cost more than the record
_POLL = 1000  # records of a poll at most
_FETCH = {"fetch_min_bytes": 1 << 16}  # the broker collects for up to half a second: a fetch a record would cost more
_WINDOW = 60.0  # seconds over which dead letters are counted


class Sink(ConsumerRebalanceListener):
    """One process of the sink. `instance` is its static member id, unique among all that run."""

    def __init__(self, config: Config, instance: str, *, clock: Clock | None = None) -> None:
        self._config, self._clock = config, clock or SystemClock()
        self._topics = Topics.load(config.kafka.prefix)
        self._sources = {self._topics.full(source.topic): source for source in SOURCES}
        self._settings = Settings(
            brokers=config.kafka.brokers,
            group=config.kafka.prefix + GROUP,
            instance=instance,
            session=config.kafka.session,
            stall=config.kafka.stall,
            fetch_wait_ms=500,
        )
        self._stores = stores(config.clickhouse)
        self._states = {store: StoreState() for store in self._stores.values()}
        self._migrations = read_migrations()
        self._parts: dict[TopicPartition, Part] = {}
        self._writing = asyncio.Lock()  # held from a plan to the commit of its end; a revoke waits for it
        self._epoch = 0  # grows with each revoke: what began before must not commit after
        self._generation = -1
        self._to_take = False
        self._letters_at: deque[float] = deque()
        self._refused_since: float | None = None
        self._moved_at = 0.0
        self.statistics = SinkStatistics()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry until `stop`; then write what was read, within the configured grace.

        Raises what only a restart or an operator mends: `StoreError` that waiting does not help, `OffsetGone`,
        `TopicsMissing`, `TooManyBuried`, `Stalled`, and what aiokafka raises for good. Nothing is lost by it.
        """
        self._consumer = make_consumer(replace(self._settings, client=_FETCH))
        self._admin = make_admin(self._settings)
        self._producer: AIOKafkaProducer = make_producer(self._settings)
        try:
            await self._prepare()
            await self._producer.start()
            await self._admin.start()
            await self._wait_for_topics()
            self._consumer.subscribe(list(self._sources), listener=self)
            await self._consumer.start()
            self._moved_at = self._clock.monotonic()
            while not stop.is_set():
                await self._cycle()
            await self._finish()
        finally:
            await self._close()

    # aiokafka awaits what its listener returns, though the base class does not say so
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, revoked: Collection[TopicPartition]
    ) -> None:
        """Let the write under way end, or leave it: its plan is committed, so the next owner sends the same range."""
        try:
            async with asyncio.timeout(self._settings.rebalance / 2), self._writing:
                pass
        except TimeoutError:
            log.warning("a write did not end before its partitions moved; the next owner repeats it")
        self._epoch += 1
        self._parts.clear()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, assigned: Collection[TopicPartition]
    ) -> None:
        """They are taken by the loop: aiokafka sends no heartbeat until this returns."""
        self._to_take = True
        self.statistics.assignments += 1

    async def _prepare(self) -> None:
        """Make the tables of each store that is not ready and whose time has come."""
        for store, state in self._states.items():
            if not state.ready and self._clock.monotonic() >= state.until:
                try:
                    for name in await store.prepare(self._migrations):
                        log.info("applied migration %s", name)
                except StoreError as error:
                    state.failed(error, self._clock.monotonic())
                else:
                    state.worked()

    async def _wait_for_topics(self) -> None:
        began, wanted = self._clock.monotonic(), [*self._sources]
        while missing := tuple(set(wanted) - set(await partition_counts(self._producer))):
            if self._clock.monotonic() - began > self._settings.topics_wait:
                raise TopicsMissing(missing, self._settings.topics_wait)
            await self._clock.sleep(0.5)

    async def _cycle(self) -> None:
        """Read what there is, write what is due."""
        if self._to_take:
            try:
                await self._take()
            except (KafkaError, ConnectionError) as error:
                if not is_retriable(error):
                    raise
                log.warning("taking partitions: %s, will repeat", type(error).__name__)
        await self._read()
        await self._prepare()
        await self._write(due=self._due())
        await self._watch()
        if self._behind() <= _FEW:
            await self._clock.sleep(_TICK)

    def _behind(self) -> int:
        """Records that the broker is known to have for us, as of the last fetch."""
        ends = ((part, self._consumer.highwater(tp)) for tp, part in self._parts.items() if not part.chunks.full)
        return sum(max(0, end - part.chunks.next) for part, end in ends if end)

    async def _take(self) -> None:
        """Learn where each assigned partition stands and begin there. Raises OffsetGone and StoreError."""
        self._to_take, epoch = False, self._epoch
        tps = sorted(self._consumer.assignment())
        parts: dict[TopicPartition, Part] = {}
        try:
            answer = await self._admin.list_consumer_group_offsets(self._settings.group, partitions=tps) if tps else {}
            firsts = await self._consumer.beginning_offsets(tps)
            ends = await self._consumer.end_offsets(tps)
        except BaseException:
            self._to_take = True
            raise
        if epoch != self._epoch:
            return  # the next assignment has been announced already, or will be
        for tp in tps:
            committed = answer.get(tp)
            start, plan = firsts[tp], None
            if committed is not None and committed.offset >= 0:
                start = committed.offset
                if not firsts[tp] <= start <= ends[tp]:
                    raise OffsetGone(tp.topic, tp.partition, start, firsts[tp], ends[tp])
                plan = decode_plan(start, cast("Any", committed).metadata or "")
            chunks = Chunks[Item](start, plan, size=self._config.clickhouse.batch_rows, weight=CHUNK_BYTES)
            parts[tp] = Part(tp, self._sources[tp.topic], chunks, (start, plan), plan is not None)
            self._consumer.seek(tp, start)
        self._parts, self._generation = parts, generation(self._consumer)
        log.info("took %d partitions, %d with a chunk to repeat", len(tps), sum(p.taken_over for p in parts.values()))

    async def _read(self) -> None:
        """Enter what has come into the partitions that have room. No await between fetching and entering."""
        open_ = [tp for tp, part in self._parts.items() if not part.chunks.full]
        if not open_:
            return await self._clock.sleep(_TICK)
        try:
            batch = await self._consumer.getmany(*open_, timeout_ms=int(_TICK * 1000), max_records=_POLL)
        except (NoOffsetForPartitionError, IllegalStateError):
            return  # said before this assignment's positions were set, or after it went; the next cycle knows
        count, now = 0, self._clock.monotonic()
        for tp, records in batch.items():
            part = self._parts.get(tp)
            if part is None:
                continue
            for record in records:
                item = part.source.item(self._topics, received(record))
                part.chunks.take(record.offset, item, len(record.value or b""))
            part.since = now if part.since is None else part.since
            count += len(records)
        self.statistics.records += count
        self._moved_at = now if count else self._moved_at

    def _due(self, *, all_of_it: bool = False) -> list[tuple[Part, Chunk[Item]]]:
        """The chunks to write now: whole ones, those that waited long enough, those begun by somebody else."""
        now, due = self._clock.monotonic(), list[tuple[Part, Chunk[Item]]]()
        for part in self._parts.values():
            state = self._states[self._stores[part.source.target]]
            if not state.ready or now < state.until:
                continue
            late = part.since is not None and now - part.since >= self._config.clickhouse.flush_seconds
            chunk = part.chunks.chunk(partial=late or all_of_it)
            if chunk is not None:
                due.append((part, chunk))
        self.statistics.waiting = sum(len(part.chunks) for part in self._parts.values())
        self.statistics.down = sum(not state.ready or now < state.until for state in self._states.values())
        return due

    async def _write(self, due: Sequence[tuple[Part, Chunk[Item]]]) -> None:
        """Plan, insert and commit these chunks. What cannot be written now stays as it is, for the next cycle."""
        async with self._writing:
            epoch, asked = self._epoch, self._clock.monotonic()
            due = [(part, chunk) for part, chunk in due if self._parts.get(part.tp) is part]
            proposed = {part.tp: (chunk.start, chunk.end) for part, chunk in due}
            unsaved = {tp: part.state for tp, part in self._parts.items() if part.state != part.saved}
            if (not proposed and not unsaved) or not await self._commit({**unsaved, **proposed}):
                return
            for part, chunk in due:
                part.chunks.plan(chunk)
            for part, chunk in due:
                if epoch != self._epoch or self._clock.monotonic() - asked > self._settings.lease:
                    return  # no longer proven to be ours; the plan stands, whoever repeats it
                await self._insert(part, chunk)
            if epoch == self._epoch:
                await self._commit({tp: part.state for tp, part in self._parts.items() if part.state != part.saved})

    async def _insert(self, part: Part, chunk: Chunk[Item]) -> None:
        store = self._stores[part.source.target]
        state = self._states[store]
        if self._clock.monotonic() < state.until:
            return  # failed a moment ago, with another chunk
        tables = by_table(chunk.items)
        try:
            for item in chunk.items:
                if item.letter is not None:
                    await self._bury(item)
            await store.insert(tables, chunk.token(part.tp.topic, part.tp.partition))
        except StoreError as error:
            self.statistics.failed_inserts += 1
            state.failed(error, self._clock.monotonic())
            return
        state.worked()
        part.chunks.done(chunk)
        part.since = self._clock.monotonic() if len(part.chunks) else None
        self.statistics.chunks += 1
        self.statistics.resent += part.taken_over
        self.statistics.rows += sum(map(len, tables.values()))
        part.taken_over = False

    async def _bury(self, item: Item) -> None:
        """Keep the bytes as they came, acknowledged, before their offset is passed. After a crash it may happen again."""
        letter = item.letter
        assert letter is not None
        await self._producer.send_and_wait(
            letter.topic, letter.value, key=letter.key, headers=list(letter.headers), partition=None
        )
        item.letter = None
        self.statistics.buried += 1
        DEAD_LETTERS.labels("sink", item.code).inc()
        now, limit = self._clock.monotonic(), self._config.kafka.dead_letters_per_minute
        self._letters_at.append(now)
        while self._letters_at[0] < now - _WINDOW:
            self._letters_at.popleft()
        if len(self._letters_at) > limit:
            raise TooManyBuried(limit, _WINDOW)

    async def _commit(self, states: dict[TopicPartition, tuple[int, int | None]]) -> bool:
        """True when the group accepted it; then each partition's `saved` is what the broker has."""
        if not states:
            return True
        offsets = {tp: OffsetAndMetadata(start, encode_plan(plan)) for tp, (start, plan) in states.items()}
        try:
            # thrown out of the group, a member has no generation: an empty group would take even its commit
            if generation(self._consumer) != self._generation:
                raise CommitFailedError("the generation has changed")
            await self._consumer.commit(offsets)
            if generation(self._consumer) != self._generation:
                raise CommitFailedError("the generation has changed")
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("commit refused, the group has moved on: %s", type(error).__name__)
        except (KafkaError, ConnectionError) as error:
            if not is_retriable(error):
                raise
            log.warning("commit failed, will repeat: %s", type(error).__name__)
        else:
            self.statistics.commits += 1
            self._refused_since = None
            for tp, state in states.items():
                if (part := self._parts.get(tp)) is not None:
                    part.saved = state
            return True
        self.statistics.refused_commits += 1
        now = self._clock.monotonic()
        self._refused_since = now if self._refused_since is None else self._refused_since
        if now - self._refused_since > self._settings.stall:
            raise Stalled(f"no commit accepted for {now - self._refused_since:.0f} s")
        return False

    async def _watch(self) -> None:
        """Raise Stalled when records wait on the broker and none arrives: a fresh process is needed."""
        now = self._clock.monotonic()
        if now - self._moved_at <= self._settings.stall:
            return
        self._moved_at = now
        open_ = {tp: part.chunks.next for tp, part in self._parts.items() if not part.chunks.full}
        epoch, ends = self._epoch, await self._consumer.end_offsets(list(open_)) if open_ else {}
        for tp, end in ends.items():
            # the position, unlike the last record, is also past what only fills the log (markers of transactions)
            if epoch == self._epoch and end > open_[tp] and end > await self._consumer.position(tp):
                raise Stalled("records wait and none is delivered")

    async def _finish(self) -> None:
        """After a stop: write what was read, whole or not."""
        try:
            async with asyncio.timeout(self._config.kafka.grace):
                while due := self._due(all_of_it=True):
                    before = self.statistics.chunks
                    await self._write(due)
                    if self.statistics.chunks == before:
                        break  # the store is down or the group has moved on: it stays in Kafka
        except TimeoutError:
            log.warning("not all was written within the grace; the rest is written after the next start")

    async def _close(self) -> None:
        for close in (self._consumer.stop, self._admin.close, self._producer.stop):
            try:
                await close()
            except (KafkaError, AttributeError) as error:  # one that was never started may know no connection
                log.warning("closing a client: %s", type(error).__name__)
        for store in self._states:
            await store.close()
