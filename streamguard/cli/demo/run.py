"""One run: start everything, send, break something, wait for the store, report, and leave nothing running."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx

from streamguard.cli.demo.faults import Simulated
from streamguard.cli.demo.figures import Figures
from streamguard.cli.demo.progress import Show, Standing
from streamguard.cli.demo.report import Report
from streamguard.cli.demo.stored import Stored, StoreView
from streamguard.cli.embedded_line.folder import Folder
from streamguard.cli.embedded_line.parts import Layout, PartFailed, Parts
from streamguard.cli.embedded_line.running import first_of, told_to_stop, unless_told
from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.stream.planned import Planned
from streamguard.stream.readiness import until_stages_work
from streamguard.stream.topics import Topics
from streamguard.stream.traffic import Traffic

PREFIX = "demo."
_OUTAGE_AT = 0.45
_STALL_SECONDS = 60.0
_STORE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_STORE_LOOK_SECONDS = 1.0
_MOST_UNSTORED = 2_000
"""Outcomes that the store does not have yet; the broker keeps the telemetry of some 4,000."""


@dataclass(frozen=True, slots=True)
class Options:
    """`most`: requests outstanding at once. `outage`: whether a provider fails in the middle. `everyday`: whether calls
    fail now and then."""

    processes: int = 2
    seed: int = 1
    most: int = 100
    outage: bool = True
    everyday: bool = True


async def run_demo(planned: Sequence[Planned], options: Options, folder: Folder, show: Show, clock: Clock) -> Report:
    """Everything from the first process to the last one's end.

    Raises `PartFailed` when a process ends for good, `TrafficError` when the broker does not serve, and `Interrupted` on
    SIGINT or SIGTERM; a second signal kills what has not stopped yet.
    """
    parts = Parts(folder, clock, Layout(processes=options.processes, seed=options.seed, prefix=PREFIX))
    with told_to_stop(parts.hurry) as told:
        try:
            return await unless_told(told, _Run(planned, options, parts, show, clock).whole())
        finally:
            show.step("stopping everything")
            await parts.stop()


class _Run:
    def __init__(self, planned: Sequence[Planned], options: Options, parts: Parts, show: Show, clock: Clock) -> None:
        self._planned = planned
        self._options = options
        self._parts = parts
        self._show = show
        self._clock = clock
        self._figures = Figures()

    async def whole(self) -> Report:
        begun = self._clock.monotonic()
        self._show.step("starting broker, store, simulator, sink and workers")
        at = await self._parts.start()
        assert at.simulator is not None, "the demo's layout has one"
        simulated, store = Simulated(at.simulator), StoreView(at.store)
        try:
            if self._options.everyday:
                await simulated.set_everyday_faults()
            cluster, topics = Cluster(at.broker), Topics.load(PREFIX)
            await first_of(until_stages_work(cluster, topics, self._clock), self._parts.watch())
            traffic = Traffic(cluster, topics, clock=self._clock, most=self._options.most, on_outcome=self._figures.add)
            async with traffic:
                report = await first_of(self._drive(begun, traffic, simulated, store), self._parts.watch())
        except httpx.HTTPError as error:
            raise PartFailed(f"store or simulator does not answer ({type(error).__name__})") from None
        finally:
            await simulated.close()
            await store.close()
        return report

    async def _drive(self, begun: float, traffic: Traffic, simulated: Simulated, store: StoreView) -> Report:
        self._show.step(f"sending {len(self._planned):,} records")
        sending_from = self._clock.monotonic()
        looking = asyncio.gather(self._look(traffic, simulated), self._watch_store(traffic, store))
        try:
            await traffic.send(self._planned)
            if not await traffic.finish(stall=_STALL_SECONDS):
                self._show.step(f"nothing has moved for {_STALL_SECONDS:.0f} s: not waiting any longer")
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        sent_and_ended = self._clock.monotonic()
        self._show.step("waiting for the store")
        stored = await self._all_stored(store, traffic)
        return Report(
            audit=traffic.tally.audit(),
            missing=[_name(item) for item in traffic.tally.missing()],
            figures=self._figures,
            books=await simulated.books(),
            audiences=traffic.audiences,
            stored=stored,
            latencies=list(traffic.tally.latencies.values()),
            sent=traffic.sends,
            seconds=self._clock.monotonic() - begun,
            traffic_seconds=sent_and_ended - sending_from,
            in_flight=self._options.most,
        )

    async def _look(self, traffic: Traffic, simulated: Simulated) -> None:
        """Show how it stands, and begin the outage when enough has ended."""
        broken = not self._options.outage
        while True:
            ended = traffic.tally.ended
            self._show.standing(Standing(ended, self._figures))
            if not broken and ended >= _OUTAGE_AT * len(self._planned):
                broken = True
                self._show.step("provider openai goes down for a few seconds")
                await simulated.begin_outage("openai")
            await self._clock.sleep(_LOOK_SECONDS)

    async def _watch_store(self, traffic: Traffic, store: StoreView) -> None:
        """Hold the traffic while the store is too far behind: the embedded broker drops what waits for too long."""
        while True:
            with suppress(
                httpx.HTTPError
            ):  # slow for a moment; when it has ended, the watch over the processes says so
                rows = (await store.totals()).rows
                traffic.held = traffic.tally.ended - rows > _MOST_UNSTORED
            await self._clock.sleep(_STORE_LOOK_SECONDS)

    async def _all_stored(self, store: StoreView, traffic: Traffic) -> Stored:
        """The store's totals once it has every outcome, or when its rows have not grown for too long."""
        stored = await store.totals()
        waited_since = self._clock.monotonic()
        while stored.rows < traffic.tally.audit().outcomes:
            await self._clock.sleep(_LOOK_SECONDS)
            now = await store.totals()
            if now.rows > stored.rows:
                waited_since = self._clock.monotonic()
            elif self._clock.monotonic() - waited_since > _STORE_SECONDS:
                break
            stored = now
        return stored


def _name(planned: Planned) -> str:
    return f"{planned.kind} {'/'.join(planned.identity[:2]) if planned.identity else 'without a name'}"
