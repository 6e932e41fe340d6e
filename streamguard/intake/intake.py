"""The intake of a stage, put together from its parts."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aiokafka.errors import KafkaError

from streamguard.clock import Clock, SystemClock
from streamguard.intake.admittance import Admittance
from streamguard.intake.assigning import Assigner
from streamguard.intake.claiming import Claim
from streamguard.intake.clients import (
    Clients,
    drain_before_fetching,
    is_retriable,
    make_producer,
    partition_counts,
    watch_heartbeats,
)
from streamguard.intake.committing import Committer
from streamguard.intake.context import Context
from streamguard.intake.contract import Bury, Ownership, StepFunction
from streamguard.intake.deciding import Decider
from streamguard.intake.errors import TopicsMissing
from streamguard.intake.fetching import Fetcher
from streamguard.intake.gate import Gate
from streamguard.intake.layout import Layout
from streamguard.intake.outlet import Outlet
from streamguard.intake.partition import Load
from streamguard.intake.pipelining import PipelinedRunner
from streamguard.intake.publishing import Publisher
from streamguard.intake.running import SerialRunner
from streamguard.intake.settings import Settings
from streamguard.intake.statistics import Statistics
from streamguard.intake.waiting import until
from streamguard.intake.watchdog import Watchdog
from streamguard.intake.watching import Watcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stage:
    step: StepFunction
    bury: Bury
    ownership: Ownership | None
    pipelined: bool


class Intake:
    """At least once, nothing published twice, in order per key, bounded.

    `sources` are read together and need equal partition counts. Outputs go to `targets` at their input's partition number,
    and to `rekeyed` topics by their key. `step` decides, `bury` says what to write for inputs that cannot be handled; the
    topics it uses must be declared too. With `pipelined` the steps of a key need not wait for the acknowledgement of the one
    before. `ownership` is told of partitions that come and go.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sources: Sequence[str],
        targets: Sequence[str],
        step: StepFunction,
        bury: Bury,
        rekeyed: Sequence[str] = (),
        ownership: Ownership | None = None,
        pipelined: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.statistics = Statistics()
        self._settings = settings
        self._layout = Layout(sources, targets, rekeyed, partitions=settings.partitions, grown=settings.grown)
        self._stage = _Stage(step, bury, ownership, pipelined)
        self._clock = clock or SystemClock()
        self._gate: Gate | None = None
        self._running: _Running | None = None

    @property
    def settled(self) -> bool:
        """Whether all is checked, and the partitions that the group gave us are taken: proven ours, restored, scanned. It may
        have given none, to a worker that stands by."""
        return self._running is not None and self._running.settled

    @property
    def passable(self) -> bool:
        """Whether outputs may be let out at this moment."""
        return self._gate is None or self._gate.passable

    async def passage(self) -> None:
        """Return when outputs may be let out. A step awaits it before it does what must not be done by two workers, such as a
        call that costs money: a process that was frozen does not know yet what has moved away."""
        if self._gate is not None:
            await self._gate.passage()

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] | None = None) -> None:
        """Work until `stop` is set, then finish what can be finished within the grace. `ready` is called once it subscribed.

        Raises what a restart, or an operator, must mend: IntakeError and its kinds, and errors of aiokafka.
        """
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def fail(error: BaseException) -> None:
            if not failed.done():
                failed.set_exception(error)

        clock, now = self._clock, self._clock.monotonic()
        claim = await Claim.take(self._settings, clock)
        settings = replace(self._settings, client_id=claim.client_id)
        self.statistics.in_flight = 0
        gate = self._gate = Gate(settings.lease, settings.calm, clock.monotonic)
        watchdog = Watchdog(settings.stall, settings.deadline, now)
        context = Context(settings, self._layout, clock, Load(self.statistics), gate, watchdog, fail)
        clients = Clients.make(settings, claim.note)
        outlet = Outlet(lambda: make_producer(settings), gate)
        running = self._running = _Running(context, clients, outlet, self._stage, claim)
        try:
            if not await until(stop, running.start()):
                return
            if ready is not None:
                ready()
            await running.work(stop, failed)
        finally:
            self._running = None
            await running.close()
            claim.release()
            if failed.done():
                failed.exception()  # said already, or overtaken by another one


class _Running:
    """One run: the parts, their tasks, and the way down."""

    def __init__(self, context: Context, clients: Clients, outlet: Outlet, stage: _Stage, claim: Claim) -> None:
        self._claim = claim
        self._context, self._clients, self._outlet, self._ownership = context, clients, outlet, stage.ownership
        self._committer = Committer(context, clients.consumer)
        decider = Decider(context, stage.step, stage.bury)
        publisher = Publisher(context, outlet, decider)
        runner = (PipelinedRunner if stage.pipelined else SerialRunner)(context, decider, publisher)
        fetcher = Fetcher(context, clients.consumer, runner, self._committer)
        self._assigner = Assigner(
            context, clients, outlet, self._committer, stage.ownership, fetcher.run, decider.interrupt
        )
        self._watcher = Watcher(context, clients, outlet, self._assigner)
        self._admittance = Admittance(context.settings, context.gate, context.clock)
        self._tasks: list[asyncio.Task[object]] = []

    @property
    def settled(self) -> bool:
        """Whether records of the present assignment are being fetched."""
        return self._assigner.fetching

    async def start(self) -> None:
        """Connect, check the topics and that no other process is this member, subscribe."""
        await self._outlet.start()
        await self._await_topics()
        await self._clients.start()
        await self._check_commits()
        context, clients = self._context, self._clients
        await self._claim.guard(clients.consumer, clients.admin, context.clock, context.fail)
        drain_before_fetching(self._clients.consumer)
        watch_heartbeats(self._clients.consumer, self._context.gate.calm, self._context.clock.monotonic)
        await self._assigner.learn_topics()
        self._clients.consumer.subscribe(list(self._context.layout.sources), listener=self._assigner)

    async def _check_commits(self) -> None:
        """Raise TopicsGrown when the group has worked under another partition count."""
        clock, end = self._context.clock, self._context.clock.monotonic() + self._context.settings.stall
        while True:
            try:
                return await self._assigner.look_at_commits()
            except (KafkaError, ConnectionError) as exc:
                if not is_retriable(exc) or clock.monotonic() >= end:
                    raise
                log.warning("looking at what is committed: %s, will repeat", type(exc).__name__)
                await clock.sleep(0.25)

    async def work(self, stop: asyncio.Event, failed: "asyncio.Future[None]") -> None:
        """Until `stop`, or until something raises."""
        stopping: asyncio.Task[object] = asyncio.create_task(stop.wait())
        watched = (self._committer.run(), self._watcher.run(), self._admittance.run())
        self._tasks = [*map(asyncio.create_task, watched), stopping]
        done, _ = await asyncio.wait([*self._tasks, failed], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await self._assigner.finish()
        try:
            async with asyncio.timeout(self._context.settings.grace):
                await self._context.load.idle.wait()
        except TimeoutError:
            log.warning("stopping with %d steps unfinished", self._context.statistics.in_flight)
        try:
            async with asyncio.timeout(self._context.settings.session):
                await self._committer.commit()
        except (TimeoutError, KafkaError) as exc:
            log.warning("the last commit failed: %s", type(exc).__name__)

    async def close(self) -> None:
        """Within the stop limit: cancel what is left, close the clients."""
        self._context.gate.close()
        try:
            async with asyncio.timeout(self._context.settings.stop_limit):
                await self._assigner.halt()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                numbers = frozenset(place.partition for place in self._context.partitions)
                for part in self._context.partitions.values():
                    part.drop()
                self._context.partitions.clear()
                if self._ownership is not None and numbers:
                    self._ownership.lost(numbers)
                await self._outlet.stop()  # first, so that nothing is sent after the group gave the partitions away
                await self._clients.stop()
        except TimeoutError:
            log.warning("closing took longer than %g s and was given up", self._context.settings.stop_limit)

    async def _await_topics(self) -> None:
        """Raise TopicsMissing when they do not appear within the configured time, TopicsUnequal when they do not fit."""
        settings, layout, clock = self._context.settings, self._context.layout, self._context.clock
        end = clock.monotonic() + settings.topics_wait
        while missing := layout.missing(counts := await partition_counts(self._outlet.producer)):
            if clock.monotonic() >= end:
                raise TopicsMissing(missing, settings.topics_wait)
            await clock.sleep(0.25)
        layout.update(counts)
