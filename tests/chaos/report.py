"""What a run of chaos showed: its audit, its faults, and how long the line was silent for each. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(slots=True)
class Report:
    """`ended_ms`: when each outcome was stored, by partition. `findings`: what the audit found, by kind; those under
    `counted` are told but break no promise. `exits`: processes that ended although nobody told them to."""

    seed: int
    seconds: float
    nodes: int
    requests: int
    struck: Sequence[Struck]
    ended_ms: Mapping[int, Sequence[int]]
    drained: Sequence[str]
    findings: Mapping[str, Sequence[str]]
    counted: Mapping[str, int] = field(default_factory=dict[str, int])
    exits: Mapping[str, int] = field(default_factory=dict[str, int])
    left_running: Sequence[int] = ()

    @property
    def wrong(self) -> dict[str, int]:
        """Everything that breaks the promise, or the run: how often, by kind."""
        found = {kind: len(all_) for kind, all_ in self.findings.items()}
        found["not drained"] = len(self.drained)
        found["left running"] = len(self.left_running)
        found["faults that failed"] = sum(one.error is not None for one in self.struck)
        return {kind: count for kind, count in found.items() if count}

    @property
    def ok(self) -> bool:
        return not self.wrong

    def silences(self) -> dict[str, tuple[int, float, float]]:
        """For each kind of fault: how often it struck, the longest silence of a partition in seconds, and its floor."""
        counts: defaultdict[str, int] = defaultdict(int)
        longest: defaultdict[str, float] = defaultdict(float)
        floors: dict[str, float] = {}
        for one in self.struck:
            counts[one.kind] += 1
            floors[one.kind] = one.floor
            longest[one.kind] = max(longest[one.kind], self._silence(one.began_ms, one.ended_ms + AFTERMATH_MS))
        return {kind: (counts[kind], longest[kind], floors[kind]) for kind in sorted(counts)}

    def _silence(self, begin: int, end: int) -> float:
        """The longest time between two outcomes of one partition, of those that overlap with the window."""
        gaps = [
            after - before
            for times in self.ended_ms.values()
            for before, after in zip(sorted(times), sorted(times)[1:], strict=False)
            if after > begin and before < end
        ]
        return max(gaps, default=0) / 1000

    def to_json(self) -> dict[str, Any]:
        first = min((times[0] for times in self.ended_ms.values() if times), default=0)
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
                    "silence": self._silence(one.began_ms, one.ended_ms + AFTERMATH_MS),
                    "error": one.error,
                }
                for one in self.struck
            ],
            "silences": {
                kind: {"times": times, "longest": longest, "floor": round(floor, 1)}
                for kind, (times, longest, floor) in self.silences().items()
            },
            "exits": dict(self.exits),
            "examples": {kind: list(all_)[:10] for kind, all_ in self.findings.items() if all_},
            "not_drained": list(self.drained)[:10],
        }

    def lines(self) -> list[str]:
        """For people."""
        because = {one.kind: one.because for one in self.struck}
        rows = [
            f"  {kind:38} {times:3}  {longest:6.1f} s  at least {floor:.1f} s ({because[kind]})"
            for kind, (times, longest, floor) in self.silences().items()
        ]
        return [
            f"seed {self.seed}: {self.requests} requests, {len(self.struck)} faults, {self.nodes} brokers",
            *rows,
            f"counted: {dict(self.counted)}",
            f"ended by themselves: {dict(self.exits)}",
            *(f"WRONG {kind}: {count}: {list(self.findings.get(kind, ()))[:3]}" for kind, count in self.wrong.items()),
            "nothing lost, nothing twice" if self.ok else f"FAILED with seed {self.seed}",
        ]
