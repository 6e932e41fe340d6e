"""What a run of chaos showed: its audit, its faults, and how long the line was silent for each. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

AFTERMATH_MS = 10_000
"""How long after its end a fault may still be the reason of a silence."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was inflicted from `began_ms` to `ended_ms`. `floor`: the least possible silence in seconds, for the
    reason `because`. `error`: why it could not be inflicted or healed."""

    kind: str
    on: str
    began_ms: int
    ended_ms: int
    floor: float
    because: str
    error: str | None = None


class Ended(NamedTuple):
    """An outcome: its partition, when the broker stored it, and how long after its request; in milliseconds."""

    partition: int
    at_ms: int
    waited_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Of all faults of a kind: how often it struck, the longest time without an outcome in a partition, the longest time
    that a request waited for its outcome, and the least possible one, because of `because`. In seconds. Measured at those
    that struck alone, where there are any."""

    times: int
    longest: float
    waited: float
    floor: float
    because: str


@dataclass(slots=True)
class Report:
    """`findings`: what the audit found, by kind; those under
    `counted` are told but break no promise. `exits`: processes that ended although nobody told them to."""

    seed: int
    seconds: float
    nodes: int
    requests: int
    struck: Sequence[Struck]
    ended: Sequence[Ended]
    drained: Sequence[str]
    findings: Mapping[str, Sequence[str]]
    counted: Mapping[str, int] = field(default_factory=dict[str, int])
    exits: Mapping[str, int] = field(default_factory=dict[str, int])
    given_up: Sequence[str] = ()
    """Processes that were not started again any more, and why."""
    left_running: Sequence[int] = ()

    @property
    def wrong(self) -> dict[str, int]:
        """Everything that breaks the promise, or the run: how often, by kind."""
        found = {kind: len(all_) for kind, all_ in self.findings.items()}
        found["not drained"] = len(self.drained)
        found["given up"] = len(self.given_up)
        found["left running"] = len(self.left_running)
        found["faults that failed"] = sum(one.error is not None for one in self.struck)
        return {kind: count for kind, count in found.items() if count}

    @property
    def ok(self) -> bool:
        return not self.wrong

    def silences(self) -> dict[str, Silence]:
        """By kind of fault."""
        by_kind: defaultdict[str, list[Struck]] = defaultdict(list)
        for one in self.struck:
            by_kind[one.kind].append(one)
        found: dict[str, Silence] = {}
        for kind, all_ in sorted(by_kind.items()):
            gaps, waits = zip(*(self._around(one) for one in self._alone(all_) or all_), strict=True)
            floor = min(one.floor for one in all_)
            found[kind] = Silence(len(all_), max(gaps), max(waits), floor, all_[0].because)
        return found

    def _alone(self, some: Sequence[Struck]) -> list[Struck]:
        """Those during which, and in whose aftermath, no other fault was felt."""
        return [
            one
            for one in some
            if not any(
                other is not one
                and other.began_ms < one.ended_ms + AFTERMATH_MS
                and one.began_ms < other.ended_ms + AFTERMATH_MS
                for other in self.struck
            )
        ]

    def _around(self, one: Struck) -> tuple[float, float]:
        """The longest silence of a partition and the longest wait of a request, in seconds, while the fault was felt."""
        begin, end = one.began_ms, one.ended_ms + AFTERMATH_MS
        gaps = [
            after - before
            for times in self._times().values()
            for before, after in pairwise(times)
            if after > begin and before < end
        ]
        waits = [ended.waited_ms for ended in self.ended if begin <= ended.at_ms <= end]
        return max(gaps, default=0) / 1000, max(waits, default=0) / 1000

    def _times(self) -> dict[int, list[int]]:
        times: defaultdict[int, list[int]] = defaultdict(list)
        for ended in self.ended:
            times[ended.partition].append(ended.at_ms)
        return {partition: sorted(all_) for partition, all_ in times.items()}

    def to_json(self) -> dict[str, Any]:
        first = min((ended.at_ms for ended in self.ended), default=0)
        return {
            "seed": self.seed,
            "seconds": self.seconds,
            "nodes": self.nodes,
            "requests": self.requests,
            "ok": self.ok,
            "wrong": self.wrong,
            "counted": dict(self.counted),
            "faults": [
                {
                    "at": round((one.began_ms - first) / 1000, 1),
                    "kind": one.kind,
                    "on": one.on,
                    "seconds": round((one.ended_ms - one.began_ms) / 1000, 1),
                    "silence": self._around(one)[0],
                    "waited": self._around(one)[1],
                    "error": one.error,
                }
                for one in self.struck
            ],
            "silences": {kind: asdict(silence) for kind, silence in self.silences().items()},
            "exits": dict(self.exits),
            "given_up": list(self.given_up),
            "examples": {kind: list(all_)[:10] for kind, all_ in self.findings.items() if all_},
            "not_drained": list(self.drained)[:10],
        }

    def lines(self) -> list[str]:
        """For people."""
        rows = [
            f"  {kind:36} {one.times:3} times, silent {one.longest:5.1f} s, waited {one.waited:5.1f} s, "
            f"at least {one.floor:.1f} s: {one.because}"
            for kind, one in self.silences().items()
        ]
        return [
            f"seed {self.seed}: {self.requests} requests, {len(self.struck)} faults, {self.nodes} brokers",
            *rows,
            f"counted: {dict(self.counted)}",
            f"ended by themselves: {dict(self.exits)}",
            *(f"WRONG {kind}: {count}: {list(self.findings.get(kind, ()))[:3]}" for kind, count in self.wrong.items()),
            "nothing lost, nothing twice" if self.ok else f"FAILED with seed {self.seed}",
        ]
