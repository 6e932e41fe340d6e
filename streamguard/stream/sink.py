"""The sink: `telemetry` and `payloads` into ClickHouse, each record once, whatever dies when.

It keeps the order of steps that `streamguard.analytics.batches` describes. Every write (`sink_writing`) begins with a commit
of starts and plans, which is also the proof of membership: inserts follow only within the lease of an accepted one. A store
that is down or hangs becomes lag: its partitions fill one chunk each and wait; the other store's go on.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, NoOffsetForPartitionError, ProducerClosed
from aiokafka.structs import OffsetAndMetadata

from streamguard import metrics
from streamguard.analytics.batches import Chunks, decode_plan, encode_plan
from streamguard.analytics.clickhouse import stores
from streamguard.analytics.migrations import read_migrations
from streamguard.clock import Clock, SystemClock
from streamguard.config import Config
from streamguard.intake.claiming import Claim
from streamguard.intake.clients import (
    committed_offsets,
    generation,
    give_up,
    is_retriable,
    make_admin,
    make_consumer,
    make_producer,
    partition_counts,
    received,
    with_guarded_connections,
)
from streamguard.intake.damage import read_carefully
from streamguard.intake.errors import KafkaRefuses, OffsetGone, Stalled, TopicsMissing, TurnedAway
from streamguard.intake.reaching import reachable
from streamguard.intake.settings import Settings
from streamguard.intake.waiting import until
from streamguard.stream.needs import sink_needs
from streamguard.stream.sink_letters import Letters
from streamguard.stream.sink_parts import Part, SinkStatistics
from streamguard.stream.sink_records import SOURCES, Item
from streamguard.stream.sink_writing import State, Writer
from streamguard.stream.topics import DEAD_LETTERS, Topics

log = logging.getLogger(__name__)

GROUP = "streamguard-sink"
"""The consumer group, without prefix."""
CHUNK_BYTES = 8 << 20
"""Received bytes after which a chunk ends early: bounds what a partition holds in memory."""
_TICK = 0.1  # seconds that a poll waits for records, and between polls while few wait
_FEW = 8  # records; with so few waiting, a poll for each would cost more than the record
_POLL = 1000  # records of a poll at most
_FETCH_BYTES = 1 << 16  # the broker collects for up to half a second: a fetch a record would cost more


class Sink(ConsumerRebalanceListener):
    """One process of the sink. `instance` is its static member id, unique among all that run."""

    def __init__(self, config: Config, instance: str, *, clock: Clock | None = None) -> None:
        self._config, self._clock = config, clock or SystemClock()
        self._topics = Topics.load(config.kafka.prefix)
        self._sources = {self._topics.full(source.topic): source for source in SOURCES}
        self._settings = Settings(
            cluster=config.kafka.cluster(),
            group=config.kafka.prefix + GROUP,
            instance=instance,
            lock_dir=config.worker.lock_dir,
            topics_wait=config.kafka.topics_wait,
            session=config.kafka.session,
            stall=config.kafka.stall,
            fetch_wait_ms=500,
        )
        self.statistics = SinkStatistics()
        self._writers = [
            Writer(
                store,
                self,
                read_migrations(),
                flush_seconds=config.clickhouse.flush_seconds,
                clock=self._clock,
                statistics=self.statistics,
            )
            for store in dict.fromkeys(stores(config.clickhouse).values())
        ]
        self.parts: dict[TopicPartition, Part] = {}
        self.epoch = 0
        self.lease = self._settings.lease
        self._committing = asyncio.Lock()
        self._generation = -1
        self._to_take = False
        self._leaving = False  # partitions are about to go: nothing more is begun
        self._refused_since: float | None = None
        self._moved_at = 0.0
        self._letters: Letters | None = None
        self._failure: Exception | None = None

    @property
    def settled(self) -> bool:
        """Whether it has taken the partitions that the group gave it, if any."""
        return self._generation > 0 and not self._to_take and not self._leaving

    async def run(self, stop: asyncio.Event) -> None:
        """Carry until `stop`; then write what was read, within the configured grace.

        Raises what only a restart or an operator mends: `StoreError` that waiting does not help, `OffsetGone`,
        `TopicsMissing`, `InstanceTaken`, `TooManyBuried`, `Stalled`, and what aiokafka raises for good. Nothing is lost by it.
        """
        claim = await Claim.take(self._settings, self._clock)
        settings = replace(self._settings, client_id=claim.client_id)
        self._consumer = make_consumer(settings, claim.note, fetch_min_bytes=_FETCH_BYTES)
        self._admin = make_admin(settings)
        self._producer: AIOKafkaProducer = with_guarded_connections(make_producer(settings), settings.patience)
        try:
            await reachable(settings.cluster, sink_needs(self._topics), clock=self._clock)
            await self._producer.start()
            await self._admin.start()
            if not await until(stop, self._wait_for_topics()):
                return
            assert self._letters is not None, "made when all topics are there"
            letters = self._letters
            await self._consumer.start()
            read_carefully(self._consumer)
            if not await until(stop, claim.guard(self._consumer, self._admin, self._clock, self._fail)):
                return
            self._consumer.subscribe(list(self._sources), listener=self)
            self._moved_at = self._clock.monotonic()
            while not stop.is_set() and self._failure is None:
                await self._cycle(letters)
            if self._failure is not None:
                raise self._failure
            await self._finish(letters)
        finally:
            await self._close()
            claim.release()

    def _fail(self, error: Exception) -> None:
        self._failure = error

    # aiokafka awaits what its listener returns, though the base class does not say so
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, revoked: Collection[TopicPartition]
    ) -> None:
        """Let the writes under way end, or leave them: their plans are committed, so the next owner sends the same ranges."""
        self._leaving = True
        try:
            async with asyncio.timeout(self._settings.rebalance / 2):
                await self._idle()
        except TimeoutError:
            log.warning("a write did not end before its partitions moved; the next owner repeats it")
        finally:
            self._leaving = False
            self.epoch += 1
            self.parts.clear()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, assigned: Collection[TopicPartition]
    ) -> None:
        """They are taken by the loop: aiokafka sends no heartbeat until this returns."""
        self._to_take = True
        self.statistics.assignments += 1

    async def _wait_for_topics(self) -> None:
        began, dead = self._clock.monotonic(), self._topics.full(DEAD_LETTERS)
        while missing := tuple({*self._sources, dead} - set(counts := await partition_counts(self._producer))):
            if self._clock.monotonic() - began > self._settings.topics_wait:
                raise TopicsMissing(missing, self._settings.topics_wait)
            await self._clock.sleep(0.5)
        limit = self._config.kafka.dead_letters_per_minute
        self._letters = Letters(self._settings, self._producer, dead, counts[dead], limit, self._clock)

    async def _cycle(self, letters: Letters) -> None:
        """Read what there is, write what is due."""
        if self._to_take:
            try:
                await self._take()
            except (KafkaError, ConnectionError) as error:
                if not is_retriable(error):
                    raise
                log.warning("taking partitions: %s, will repeat", type(error).__name__)
        await self._read()
        if not self._leaving:
            for writer in self._writers:
                writer.begin(letters)
        self._tell()
        await self._watch()
        if sum(self.behind(part) for part in self.parts.values() if not part.chunks.full) <= _FEW:
            await self._clock.sleep(_TICK)

    def behind(self, part: Part) -> int:
        """Records of the partition that the broker is known to have and that were not read, as of the last fetch."""
        return max(0, (self._consumer.highwater(part.tp) or 0) - part.chunks.next)

    def _tell(self) -> None:
        """How things stand, for statistics and metrics."""
        self.statistics.waiting = sum(len(part.chunks) for part in self.parts.values())
        self.statistics.down = sum(writer.down for writer in self._writers)
        for source in SOURCES:
            parts = [part for part in self.parts.values() if part.source is source]
            lag = sum(len(part.chunks) + self.behind(part) for part in parts)
            oldest = min((first.at_ms for part in parts if (first := part.chunks.first)), default=None)
            age = 0.0 if oldest is None else max(0.0, self._clock.now_us() / 1e6 - oldest / 1e3)
            metrics.SINK_LAG_RECORDS.labels(source.topic).set(lag)
            metrics.SINK_LAG_SECONDS.labels(source.topic).set(age)

    async def _take(self) -> None:
        """Learn where each assigned partition stands and begin there. Raises OffsetGone and StoreError."""
        self._to_take, epoch = False, self.epoch
        tps = sorted(self._consumer.assignment())
        parts: dict[TopicPartition, Part] = {}
        try:
            answer = await committed_offsets(self._admin, self._settings.group, tps)
            firsts = await self._consumer.beginning_offsets(tps)
            ends = await self._consumer.end_offsets(tps)
        except BaseException:
            self._to_take = True
            raise
        if epoch != self.epoch:
            return  # the next assignment has been announced already, or will be
        for tp in tps:
            committed = answer[tp]
            start, plan = firsts[tp], None
            if committed.offset >= 0:
                start = committed.offset
                if not firsts[tp] <= start <= ends[tp]:
                    raise OffsetGone(tp.topic, tp.partition, start, firsts[tp], ends[tp])
                plan = decode_plan(start, cast("Any", committed).metadata or "")
            end, letters = (plan.end, plan.letters) if plan else (None, None)
            chunks = Chunks[Item](start, end, size=self._config.clickhouse.batch_rows, weight=CHUNK_BYTES)
            begun = plan is not None
            parts[tp] = Part(
                tp,
                self._sources[tp.topic],
                self._topic_as_stored(tp.topic),
                chunks,
                (start, plan),
                begun,
                letters=letters,
                doubtful=begun,
            )
            self._consumer.seek(tp, start)
        self.parts, self._generation = parts, generation(self._consumer)
        self._refused_since = None  # refused before this assignment: while nothing comes, no commit could clear it
        log.info("took %d partitions, %d with a chunk to repeat", len(tps), sum(p.taken_over for p in parts.values()))

    async def _read(self) -> None:
        """Enter what has come into the partitions that have room. No await between fetching and entering."""
        open_ = [tp for tp, part in self.parts.items() if not part.chunks.full]
        if not open_:
            return await self._clock.sleep(_TICK)
        try:
            batch = await self._consumer.getmany(*open_, timeout_ms=int(_TICK * 1000), max_records=_POLL)
        except (NoOffsetForPartitionError, IllegalStateError):
            return  # said before this assignment's positions were set, or after it went; the next cycle knows
        count, now = 0, self._clock.monotonic()
        for tp, records in batch.items():
            part = self.parts.get(tp)
            if part is None:
                continue
            for record in records:
                item = part.source.item(self._topics, received(record), part.stored_as)
                part.chunks.take(record.offset, item, len(record.value or b""))
            part.since = now if part.since is None else part.since
            count += len(records)
        self.statistics.records += count
        self._moved_at = now if count else self._moved_at

    def _topic_as_stored(self, topic: str) -> str:
        incarnation = self._config.kafka.incarnation
        return f"{topic}@{incarnation}" if incarnation else topic

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        """True when the group accepted it in this epoch; then each partition's `saved` is what the broker has.

        Raises `Stalled` when none was accepted for long, and what aiokafka raises for good.
        """
        offsets = {tp: OffsetAndMetadata(start, encode_plan(plan)) for tp, (start, plan) in states.items()}
        async with self._committing:
            if epoch != self.epoch:
                return False
            try:
                # thrown out of the group, a member has no generation: an empty group would take even its commit
                if generation(self._consumer) != self._generation:
                    raise CommitFailedError("the generation has changed")
                await self._consumer.commit(offsets)
                if epoch != self.epoch or generation(self._consumer) != self._generation:
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
                    if (part := self.parts.get(tp)) is not None:
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
        open_ = {tp: part.chunks.next for tp, part in self.parts.items() if not part.chunks.full}
        epoch = self.epoch
        try:
            async with asyncio.timeout(self._settings.session):
                ends = await self._consumer.end_offsets(list(open_)) if open_ else {}
        except (KafkaError, ConnectionError, TimeoutError) as error:
            if not isinstance(error, TimeoutError) and not is_retriable(error):
                raise
            log.warning("looking for what waits: %s, will repeat", type(error).__name__)
            try:
                await reachable(self._settings.cluster, clock=self._clock)
            except KafkaRefuses as refusal:
                raise TurnedAway(str(refusal)) from None
            except KafkaError:
                pass  # brokers that are away are waited for
            return
        for tp, end in ends.items():
            # the position, unlike the last record, is also past what only fills the log (markers of transactions)
            if epoch == self.epoch and end > open_[tp] and end > await self._consumer.position(tp):
                raise Stalled("records wait and none is delivered")

    async def _finish(self, letters: Letters) -> None:
        """After a stop: write what was read, whole or not."""
        try:
            async with asyncio.timeout(self._config.kafka.grace):
                await self._idle()
                before = -1
                while (
                    self.statistics.chunks > before
                ):  # else the store is down or the group has moved on: it stays in Kafka
                    before = self.statistics.chunks
                    for writer in self._writers:
                        writer.begin(letters, all_of_it=True)
                    await self._idle()
                    for writer in self._writers:
                        writer.check()
        except TimeoutError:
            log.warning("not all was written within the grace; the rest is written after the next start")

    async def _idle(self) -> None:
        """Return when no write is under way."""
        for writer in self._writers:
            await writer.idle()

    async def _close(self) -> None:
        for writer in self._writers:
            await writer.close()
        give_up(self._producer, ProducerClosed())  # a letter that Kafka does not take is written by whoever comes next
        closes = [self._consumer.stop, self._admin.close, self._producer.stop]
        for close in [*closes, *([self._letters.close] if self._letters else [])]:
            try:
                await close()
            except (KafkaError, AttributeError) as error:  # one that was never started may know no connection
                log.warning("closing a client: %s", type(error).__name__)
