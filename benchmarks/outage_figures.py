"""What a run through an outage comes to. Pure: from what was seen of each question to shares, times and calls."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

Section = Literal["healthy", "down", "flaky"]
By = Literal["flagship", "other_vendor", "economy", "static", "none"]
"""Who answered: one of three models, the static text, or nobody."""
LIVE: tuple[By, ...] = ("flagship", "other_vendor", "economy")
NOTICED = 20
"""So many questions in a row that leave the flagship alone show that the fleet has noticed."""
RECOVERED = 0.95
"""Of the questions of one second: so many are answered by the flagship again."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run of `seconds`: a third down, a third flaky, and a third healthy, which is cut in three: before, between, after."""

    seconds: float

    @property
    def down(self) -> tuple[float, float]:
        """From and until, in seconds of the run."""
        return self.seconds / 9, self.seconds * 4 / 9

    @property
    def flaky(self) -> tuple[float, float]:
        """From and until, in seconds of the run."""
        return self.seconds * 5 / 9, self.seconds * 8 / 9

    @property
    def minute(self) -> float:
        """Sixty seconds, or a third of a run that is shorter than three minutes."""
        return min(60.0, self.seconds / 3)

    def section(self, at: float) -> Section:
        """What holds at that time."""
        if self.down[0] <= at < self.down[1]:
            return "down"
        return "flaky" if self.flaky[0] <= at < self.flaky[1] else "healthy"


@dataclass(frozen=True, slots=True)
class Made:
    """One call that was made: when, in seconds of the run; `error` is None for one that was answered."""

    at: float
    flagship: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One question: when it was due, how long it took from then on (both in seconds), and what was done for it.

    `skips` are the reasons why candidates were not called.
    """

    due: float
    took: float
    by: By
    calls: tuple[Made, ...]
    skips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """The questions of one section, or all. Shares are of these; `bound` is the most that can be `live` by the capacity of the
    models. `answered` gives the share of each that answered, `skips` how often a candidate was passed over a question."""

    questions: int
    live: float
    bound: float
    answered: dict[str, float]
    p50_ms: float
    p99_ms: float
    calls: float
    skips: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Figures:
    """Times in seconds, None where it never came to that; `worst_minute` is in calls a question over the worst
    `Schedule.minute` that there is.

    `noticed`: from the begin of the outage to the first of `NOTICED` questions in a row that do not call the flagship.
    `recovered`: from the end of the outage to the begin of the first second whose questions the flagship answers to
    `RECOVERED`; `settled` is the same after the flaky third. `wasted` are calls to the flagship while it was down.
    """

    all: Part
    parts: dict[Section, Part]
    worst_minute: float
    noticed: float | None
    recovered: float | None
    settled: float | None
    wasted: int
    rate_limited: float


def figures(seen: Sequence[Seen], schedule: Schedule, *, rate: float, capacity: float | None) -> Figures:
    """`seen` in the order in which they were due, `rate` questions a second; `capacity` is what the models beside the flagship
    answer a second, None: everything."""
    spare = 1.0 if capacity is None else min(1.0, capacity / rate)
    by_section: dict[Section, list[Seen]] = {"healthy": [], "down": [], "flaky": []}
    for each in seen:
        by_section[schedule.section(each.due)].append(each)
    bound = sum(len(those) * (spare if name == "down" else 1.0) for name, those in by_section.items()) / len(seen)
    calls = [call for each in seen for call in each.calls]
    down, flaky = schedule.down, schedule.flaky
    return Figures(
        all=_part(seen, bound),
        parts={name: _part(those, spare if name == "down" else 1.0) for name, those in by_section.items()},
        worst_minute=worst_minute(seen, schedule.minute, schedule.seconds),
        noticed=noticed(seen, *down),
        recovered=recovered(seen, down[1], flaky[0]),
        settled=recovered(seen, flaky[1], schedule.seconds),
        wasted=sum(call.flagship and down[0] <= call.at < down[1] for call in calls),
        rate_limited=sum(call.error == "rate_limited" for call in calls) / max(1, len(calls)),
    )


def worst_minute(seen: Sequence[Seen], minute: float, seconds: float) -> float:
    """Calls begun in a window of `minute` by the questions due in it: the most of all windows that begin a twentieth of one
    after another."""
    due = [each.due for each in seen]
    begun = sorted(call.at for each in seen for call in each.calls)
    worst, step = 0.0, minute / 20
    for number in range(ceil((seconds - minute) / step - 1e-9) + 1):
        ends = number * step, number * step + minute
        questions = bisect_left(due, ends[1]) - bisect_left(due, ends[0])
        if questions:
            worst = max(worst, (bisect_left(begun, ends[1]) - bisect_left(begun, ends[0])) / questions)
    return worst


def noticed(seen: Sequence[Seen], begin: float, end: float) -> float | None:
    """See `Figures`."""
    row, first = 0, 0.0
    for each in seen:
        if not begin <= each.due < end:
            continue
        if any(call.flagship for call in each.calls):
            row = 0
            continue
        first = each.due if row == 0 else first
        row += 1
        if row == NOTICED:
            return first - begin
    return None


def recovered(seen: Sequence[Seen], begin: float, end: float) -> float | None:
    """See `Figures`; only seconds that lie wholly between `begin` and `end` count."""
    after = [each for each in seen if begin <= each.due < end]
    due = [each.due for each in after]
    for number, at in enumerate(due):
        if at + 1.0 > end:
            return None
        second = after[number : bisect_left(due, at + 1.0)]
        if sum(each.by == "flagship" for each in second) >= RECOVERED * len(second):
            return at - begin
    return None


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of the values do not exceed; 0 of none."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else 0.0


def _part(those: Sequence[Seen], bound: float) -> Part:
    count = max(1, len(those))
    answered = Counter(each.by for each in those)
    skips = Counter(skip for each in those for skip in each.skips)
    took = [each.took * 1000 for each in those]
    return Part(
        questions=len(those),
        live=sum(answered[by] for by in LIVE) / count,
        bound=bound,
        answered={by: number / count for by, number in sorted(answered.items())},
        p50_ms=percentile(took, 0.5),
        p99_ms=percentile(took, 0.99),
        calls=sum(len(each.calls) for each in those) / count,
        skips={why: number / count for why, number in sorted(skips.items())},
    )
