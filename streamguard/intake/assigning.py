"""Rebalances: the gate closes at a revoke and opens once the new assignment is proven, scanned and committed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, cast

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from streamguard.intake.clients import Clients, committed_offsets, is_retriable, partition_counts
from streamguard.intake.committing import Committer
from streamguard.intake.context import Context
from streamguard.intake.contract import Ownership
from streamguard.intake.errors import OffsetGone, OutputsUnacknowledged, Stalled, TopicsMissing
from streamguard.intake.marks import Place, count_in, decode, starts
from streamguard.intake.outlet import Outlet
from streamguard.intake.partition import InputPartition
from streamguard.intake.scan import Scanned, Scanner

log = logging.getLogger(__name__)
Saved = Mapping[Place, tuple[int, str]]
"""What the broker has committed: offset and metadata."""


class Assigner(ConsumerRebalanceListener):
    """Takes and gives up partitions. The work of taking runs beside the callback: aiokafka sends no heartbeat until that
    returns, and a scan may take long."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        outlet: Outlet,
        committer: Committer,
        ownership: Ownership | None,
        fetch: Callable[[], Awaitable[None]],
        interrupt: Callable[[Place, Iterable[int]], None],
    ) -> None:
        self._settings, self._layout, self._clock = context.settings, context.layout, context.clock
        self._load, self._gate, self._watchdog = context.load, context.gate, context.watchdog
        self._partitions, self._ends, self._fail = context.partitions, context.ends, context.fail
        self._consumer, self._admin, self._outlet = clients.consumer, clients.admin, outlet
        self._scanner = Scanner(clients.reader, context.settings.stall)
        self._committer, self._ownership = committer, ownership
        self._fetch, self._interrupt = fetch, interrupt
        self._job: asyncio.Task[None] | None = None
        self._finishing = False
        self.fetching = False
        """Whether records of the present assignment are being fetched."""

    # aiokafka awaits what its listener returns, though the base class does not say so
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, revoked: Collection[TopicPartition]
    ) -> None:
        """Close the gate, flush what was sent, commit. Steps go on; their outputs wait at the gate."""
        try:
            self._gate.close()
            await self.halt()
            await self._flush()
            await self._committer.commit()
            await self._committer.settle()
            # The generation that is joined next begins after this moment, and any rebalance of that one later still.
            self._gate.calm(self._clock.monotonic())
        except Exception as exc:  # noqa: BLE001 -- aiokafka would only log it
            self._fail(exc)

    # aiokafka awaits what its listener returns, though the base class does not say so
    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, assigned: Collection[TopicPartition]
    ) -> None:
        """Forget what is not ours any more; begin to take the rest."""
        try:
            await self.halt()
            self._gate.close()
            await self._committer.settle()
            places = [Place(*tp) for tp in sorted(assigned)]
            self._load.statistics.assignments += 1
            self._watchdog.assigned(self._clock.monotonic())
            kept = self._layout.numbers(places)
            before = {place.partition for place in self._partitions}
            for place in [place for place in self._partitions if place not in places or self._ownership]:
                self._partitions.pop(place).drop()
            if self._ownership and before - kept:
                self._ownership.lost(frozenset(before - kept))
            self._job = asyncio.create_task(self._take(places))
        except Exception as exc:  # noqa: BLE001 -- aiokafka would only log it
            self._fail(exc)

    @property
    def taking(self) -> bool:
        """Whether partitions are being taken: proven, restored, scanned."""
        return self._job is not None and not self._job.done() and not self.fetching

    async def learn_topics(self) -> None:
        """Before the first rebalance."""
        await self._scanner.learn_topics([*self._layout.targets, *self._layout.rekeyed])

    async def look_at_commits(self) -> None:
        """Before the first rebalance: raises TopicsGrown when the group worked under another partition count."""
        tps = [TopicPartition(*place) for place in self._layout.source_places]
        saved = await committed_offsets(self._admin, self._settings.group, tps)
        self._layout.check_commits({Place(*tp): count_in(cast("Any", one).metadata) for tp, one in saved.items()})

    async def refresh_ends(self) -> None:
        """Learn how far the output partitions reach now."""
        for place, end in (await self._scanner.ends(list(self._ends))).items():
            self._ends.reached(place, end - 1)

    async def finish(self) -> None:
        """Fetch nothing more, in later assignments neither; what is in flight may still go out."""
        self._finishing = True
        await self.halt()

    async def halt(self) -> None:
        """Stop fetching, or taking, and wait until it has stopped."""
        self.fetching = False
        if self._job is not None:
            self._job.cancel()
            await asyncio.wait([self._job])
            self._job = None

    async def _flush(self) -> None:
        """Wait until what was sent is acknowledged. When the lease runs out first, what has not left is failed."""
        end = self._clock.monotonic() + self._settings.rebalance
        if await self._emptied(min(self._gate.lease_left, self._settings.rebalance)):
            return
        self._outlet.break_off()
        if not await self._emptied(end - self._clock.monotonic()):
            raise OutputsUnacknowledged("outputs were not acknowledged before the rebalance timeout")

    async def _emptied(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._gate.emptied()
        except TimeoutError:
            return self._gate.inside == 0
        return True

    async def _take(self, places: Collection[Place]) -> None:
        """Until cancelled: take the partitions, then fetch from them."""
        try:
            since = None
            while not await self._attempt(places):
                now = self._clock.monotonic()
                since = now if since is None else since
                if now - since > self._settings.stall:
                    raise Stalled(f"partitions could not be taken for {now - since:.0f} s")
                await self._clock.sleep(min(0.5, self._settings.session / 20))
            if self._finishing:
                return
            self.fetching = True
            self._watchdog.moved(self._clock.monotonic())
            self._load.changed.set()
            await self._fetch()
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 -- handed to the one place that ends the worker
            self._fail(exc)

    async def _attempt(self, places: Collection[Place]) -> bool:
        """True when the gate is open; False when it must be tried again, or the next rebalance is on its way."""
        try:
            if self._outlet.broken:
                await self._outlet.renew()
            if not places:
                self._committer.allowed = True  # its rounds tell the watchdog that there is nothing to commit
                return True
            await self._measure()
            saved = await self._saved(places)
            if self._ownership is not None:
                numbers = self._layout.numbers(places)
                await self._ownership.prepare(numbers)
                if not await self._committer.repeat(saved):
                    return False
                await self._ownership.take(numbers)
            await self._restore(saved)
            self._committer.allowed = True
            if not await self._committer.commit(force=True):
                self._committer.allowed = False
                return False
        except (KafkaError, ConnectionError) as exc:
            self._committer.allowed = False
            if not is_retriable(exc) and not isinstance(exc, IllegalStateError):  # that: the next rebalance has begun
                raise
            log.warning("taking partitions: %s, will repeat", type(exc).__name__)
            return False
        self._gate.open()
        return True

    async def _measure(self) -> None:
        """Partition counts can have grown: that is what the rebalance may be about."""
        counts = await partition_counts(self._outlet.producer)
        if missing := self._layout.missing(counts):
            raise TopicsMissing(missing, 0)
        self._layout.check_counts(counts)

    async def _saved(self, places: Collection[Place]) -> dict[Place, tuple[int, str]]:
        """What is committed; the beginning where nothing is. Raises OffsetGone and TopicsGrown."""
        tps = [TopicPartition(*place) for place in places]
        answer = await committed_offsets(self._admin, self._settings.group, tps)
        firsts = await self._consumer.beginning_offsets(tps)
        ends = await self._consumer.end_offsets(tps)
        saved: dict[Place, tuple[int, str]] = {}
        for place, tp in zip(places, tps, strict=True):
            committed = answer[tp]
            if committed.offset < 0:
                saved[place] = (firsts[tp], "")
                continue
            if not firsts[tp] <= committed.offset <= ends[tp]:
                raise OffsetGone(place.topic, place.partition, committed.offset, firsts[tp], ends[tp])
            saved[place] = (committed.offset, cast("Any", committed).metadata or "")
        self._layout.check_commits({place: count_in(metadata) for place, (_, metadata) in saved.items()})
        return saved

    async def _restore(self, saved: Saved) -> None:
        """Scan from the marks; keep steps in flight where nobody else moved the offset."""
        began = self._clock.monotonic()
        reach = {place: self._layout.reach(place.partition) for place in saved}
        begin = starts([decode(metadata) for _, metadata in saved.values()], list(reach.values()))
        committed = {place: offset for place, (offset, _) in saved.items()}
        void = self._ownership.void if self._ownership else None
        scanned = await self._scanner.scan(committed, begin, void)
        for place, offset in committed.items():  # no await from here: what was scanned goes in at once
            self._adopt(place, offset, reach[place], scanned)
        self._ends.update(scanned.ends)
        statistics = self._load.statistics
        statistics.scans += 1
        statistics.scanned_records += scanned.records
        statistics.last_scan_ms = round((self._clock.monotonic() - began) * 1000)
        log.info(
            "took %d partitions: scanned %d records of %d output partitions in %d ms, %d inputs have outputs",
            len(saved),
            scanned.records,
            len(begin),
            statistics.last_scan_ms,
            sum(map(len, scanned.existing.values())),
        )

    def _adopt(self, place: Place, committed: int, reach: tuple[Place, ...], scanned: Scanned) -> None:
        part = self._partitions.get(place)
        if part is None or part.offsets.committed != committed or part.offsets.outputs != reach:
            if part is not None:
                part.drop()
            part = self._partitions[place] = InputPartition(
                place, committed, reach, self._settings.key_queue, self._load
            )
        part.offsets.learn(scanned.existing[place])
        self._interrupt(place, [offset for offset, _ in scanned.existing[place]])
        part.keys.forget()
        self._consumer.seek(TopicPartition(*place), part.offsets.next)
