"""A line of questions through one retry budget, simulated: events in a heap on a fake clock, no network, no event loop."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from streamguard.clock import FakeClock
from streamguard.config import RetryBudget
from streamguard.providers.budget import Budget, Stake

FAILS = tuple[float, float]
"""The share of calls that fail, and the seconds that a failure takes."""
Health = Callable[[float], FAILS]
"""What a model does at a time (seconds)."""

HEALTHY: FAILS = (0.0, 0.0)
DOWN: FAILS = (1.0, 0.05)
FLAKY: FAILS = (0.3, 0.5)
HANGING: FAILS = (1.0, 10.0)


def always(fails: FAILS) -> Health:
    return lambda _: fails


def between(start: float, end: float, fails: FAILS) -> Health:
    return lambda now: fails if start <= now < end else HEALTHY


@dataclass(slots=True)
class Minute:
    questions: int = 0
    calls: int = 0
    live: int = 0
    first: int = 0
    """Questions that the first choice answered."""

    @property
    def calls_a_question(self) -> float:
        return self.calls / self.questions


@dataclass(slots=True)
class Line:
    """`models[0]` is the flagship; each answers in `latency` seconds (drawn within a third of it). A question tries again on
    the same model `retries` times at most, then goes down the list."""

    models: tuple[Health, ...]
    settings: RetryBudget = field(default_factory=RetryBudget)
    rate: float = 50.0
    latency: float = 1.0
    retries: int = 0
    seed: int = 1
    unit: float = 60.0
    """Seconds that are counted together."""
    calls: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """When each call went to which model."""

    def run(self, seconds: float) -> list[Minute]:
        """What became of the questions, by when they came; calls by when they were made."""
        clock, rng = FakeClock(), random.Random(self.seed)
        budget = Budget("flagship", self.settings, clock)
        minutes = [Minute() for _ in range(int(seconds / self.unit))]
        heap: list[tuple[float, int, Callable[[], None]]] = []
        count = 0

        def at(time: float, what: Callable[[], None]) -> None:
            nonlocal count
            count += 1
            heapq.heappush(heap, (time, count, what))

        def minute(time: float) -> Minute:
            return minutes[min(len(minutes) - 1, int(time / self.unit))]

        def call(stake: Stake, came: float, model: int, tries: int) -> None:
            now = clock.monotonic()
            minute(now).calls += 1
            self.calls.append((now, model))
            share, slow = self.models[model](now)
            if rng.random() < share:
                at(now + slow, lambda: failed(stake, came, model, tries))
            else:
                at(now + self.latency * rng.uniform(0.67, 1.33), lambda: answered(stake, came, model))

        def answered(stake: Stake, came: float, model: int) -> None:
            minute(came).live += 1
            minute(came).first += model == 0
            stake.end(live=True)

        def failed(stake: Stake, came: float, model: int, tries: int) -> None:
            if tries < self.retries and stake.retry():
                call(stake, came, model, tries + 1)
            elif model + 1 < len(self.models) and stake.fallback():
                call(stake, came, model + 1, 0)
            else:
                stake.end(live=False)

        def comes(number: int) -> None:
            now = clock.monotonic()
            minute(now).questions += 1
            stake = budget.open()
            call(stake, now, 0 if stake.first() else 1, 0)
            if (number + 1) / self.rate < seconds:
                at((number + 1) / self.rate, lambda: comes(number + 1))

        at(0.0, lambda: comes(0))
        while heap:
            time, _, what = heapq.heappop(heap)
            clock.advance(time - clock.monotonic())
            what()
        return minutes
