"""One run through an outage: a simulator in a process of its own, and questions that come whether or not others are answered."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import REGISTRY

from benchmarks.outage_figures import By, Made, Schedule, Seen, percentile
from benchmarks.outage_fleet import ECONOMY, FLAGSHIP, OTHER, OTHER_VENDOR, ROUTE, VENDOR, Log, Workers
from streamguard.clock import SystemClock
from streamguard.config import Invoke, plain_environment
from streamguard.events.request import Message
from streamguard.events.stages import Ask, Reservation
from streamguard.providers.answered import Answered
from streamguard.providers.invoker import Invoker
from streamguard.providers.question import Question

_NAMES: dict[str | None, By] = {FLAGSHIP: "flagship", OTHER: "other_vendor", ECONOMY: "economy"}
_RESERVATION = Reservation(input_tokens=1000, output_tokens=64, calls=6)
_STATIC = "We have your question and come back to you."


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` at `rate` a second, shared by `workers`. `fault` is what the flagship meets while it is down, `flaky` its share
    of 503s afterwards. `other_limit` and `economy_limit` are requests a second that these models take; None: all."""

    requests: int = 10_000
    rate: float = 55.0
    workers: int = 3
    fault: str = "unavailable"
    flaky: float = 0.3
    other_limit: float | None = None
    economy_limit: float | None = None
    latency_ms: float = 50.0
    log_delay: float = 0.005
    seed: int = 1

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.requests / self.rate)

    @property
    def capacity(self) -> float | None:
        """Requests a second that all models but the flagship take; None: all that come."""
        if self.other_limit is None or self.economy_limit is None:
            return None
        return self.other_limit + self.economy_limit


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it. `least_limit` is the least number of calls at once that any worker gave the other vendor's first model;
    `late_ms` the 99th percentile of how late questions were asked: what this process itself adds; `cpu` its share of a core.
    `uncounted` are calls that only one side has in its books."""

    seen: list[Seen]
    least_limit: int
    late_ms: float
    cpu: float
    uncounted: int


async def run(load: Load, settings: Invoke) -> Ran:
    """Ask them all and wait for the last."""
    async with _simulator(load) as url, aiohttp.ClientSession(url) as control:
        await _limit(control, load)
        clock = SystemClock()
        workers = Workers(url, settings, clock, count=load.workers, log=Log(load.log_delay), seed=load.seed)
        async with workers:
            await _warm(workers)
            before = await _calls(control)
            arrivals = _Arrivals(load, workers)
            seen = await arrivals.all(control)
            made = sum(len(each.calls) for each in seen)
            return Ran(
                seen,
                arrivals.least_limit,
                percentile(arrivals.late, 0.99) * 1000,
                arrivals.cpu,
                await _calls(control) - before - made,
            )


class _Arrivals:
    """An open loop: each question is asked when it is due."""

    def __init__(self, load: Load, workers: Workers) -> None:
        self._load = load
        self._workers = workers
        self._begin = self._begin_us = 0.0
        self.late: list[float] = []
        self.least_limit = sys.maxsize
        self.cpu = 0.0

    async def all(self, control: aiohttp.ClientSession) -> list[Seen]:
        load, rng = self._load, random.Random(self._load.seed)
        cpu = time.process_time()
        self._begin, self._begin_us = time.monotonic(), time.time() * 1e6
        beside = [asyncio.create_task(self._break(control)), asyncio.create_task(self._watch())]
        try:
            tasks: list[asyncio.Task[Seen]] = []
            for number in range(load.requests):
                due = number / load.rate
                await asyncio.sleep(due - self._now())
                tasks.append(asyncio.create_task(self._ask(rng.choice(self._workers.invokers), number, due)))
            seen = await asyncio.gather(*tasks)
        finally:
            for task in beside:
                task.cancel()
        if beside[0].done() and not beside[0].cancelled():
            beside[0].result()
        self.cpu = (time.process_time() - cpu) / self._now()
        return seen

    def _now(self) -> float:
        return time.monotonic() - self._begin

    async def _ask(self, invoker: Invoker, number: int, due: float) -> Seen:
        self.late.append(self._now() - due)
        answered = await invoker.ask(question(f"q{number}", number))
        return seen_of(answered, due, self._now() - due, self._begin_us)

    async def _break(self, control: aiohttp.ClientSession) -> None:
        schedule, model = self._load.schedule, {"provider": VENDOR, "model": FLAGSHIP}
        begin, end = schedule.down
        await asyncio.sleep(begin - self._now())
        await _tell(control, "outage", {**model, "fault": self._load.fault, "seconds": end - self._now()})
        begin, end = schedule.flaky
        await asyncio.sleep(begin - self._now())
        rates = {"unavailable": self._load.flaky}
        await _tell(control, "flaky", {**model, "rates": rates, "seconds": end - self._now()})

    async def _watch(self) -> None:
        labels = {"provider": OTHER_VENDOR, "model": OTHER}
        while True:
            shown = REGISTRY.get_sample_value("streamguard_concurrency_limit", labels)
            if shown:
                self.least_limit = min(self.least_limit, int(shown))
            await asyncio.sleep(0.05)


def question(name: str, number: int) -> Question:
    """One of many different ones."""
    return Question(
        Ask(
            messages=(Message(role="user", content=f"Where is parcel {number}?"),),
            route=ROUTE,
            max_output_tokens=64,
            static_text=_STATIC,
        ),
        f"bench/{name}/1",
        _RESERVATION,
        conversation=name,
        input_tokens=8,
    )


def seen_of(answered: Answered, due: float, took: float, begin_us: float) -> Seen:
    """What is looked at of an answer."""
    by: By = "none" if answered.failure else _NAMES[answered.model] if answered.source == "model" else "static"
    return Seen(
        due,
        took,
        by,
        tuple(
            Made((call.started_at - begin_us) / 1e6, call.model == FLAGSHIP, call.error)
            for call in answered.calls
            if call.status != "skipped"
        ),
        tuple(f"{_NAMES[call.model]} {call.error}" for call in answered.calls if call.status == "skipped"),
    )


async def _warm(workers: Workers) -> None:
    """Connections and imports."""
    await asyncio.gather(
        *(invoker.ask(question(f"w{number}", number)) for invoker in workers.invokers for number in range(8))
    )


async def _limit(control: aiohttp.ClientSession, load: Load) -> None:
    limits = {OTHER: load.other_limit, ECONOMY: load.economy_limit}
    rules = [
        {
            "provider": OTHER_VENDOR,
            "model": model,
            "requests_per_minute": round(limit * 60),
            "burst_seconds": 1.0,
        }
        for model, limit in limits.items()
        if limit is not None
    ]
    await _tell(control, "limits", {"rules": rules})


async def _tell(control: aiohttp.ClientSession, what: str, body: dict[str, Any]) -> None:
    async with control.post(f"/_sim/{what}", json=body) as response:
        response.raise_for_status()


async def _calls(control: aiohttp.ClientSession) -> int:
    """Calls that the simulator has seen."""
    async with control.get("/_sim/calls") as response:
        report = await response.json()
    return report["calls"] + report["in_flight"]


@asynccontextmanager
async def _simulator(load: Load) -> AsyncGenerator[str]:
    """Its address, while it runs."""
    with tempfile.TemporaryDirectory(prefix="streamguard-bench-") as directory:
        ready = Path(directory) / "ready"
        words = {"seed": load.seed, "latency-ms": load.latency_ms, "latency-sigma": 0.3, "ready-file": ready}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streamguard",
            "simulator",
            *(text for name, value in words.items() for text in (f"--{name}", str(value))),
            env=plain_environment(),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(30):
                while not ready.exists() or not ready.read_text():
                    await asyncio.sleep(0.02)
            yield f"http://{ready.read_text().strip()}"
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
