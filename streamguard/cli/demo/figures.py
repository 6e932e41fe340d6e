"""What a run's outcomes add up to. Pure: fed with outcomes as they come, as plain JSON."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamguard.stream.flow import FLOW


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, `share` of 0 to 1; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-round(share * 10_000) * len(ordered) // 10_000) - 1))]


@dataclass(slots=True)
class ModelFigures:
    """Of one provider and model: calls by how they ended, tokens, and what they cost (nano-dollars)."""

    calls: int = 0
    failed: int = 0
    skipped: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0


@dataclass(slots=True)
class Figures:
    """Counters over outcomes. Times in microseconds, money in nano-dollars; `unknown_costs` counts outcomes without one."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    degraded: Counter[str] = field(default_factory=Counter[str])
    cache: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    models: defaultdict[str, ModelFigures] = field(default_factory=lambda: defaultdict[str, ModelFigures](ModelFigures))
    calls: int = 0
    retries: int = 0
    fallbacks: int = 0
    reasks: int = 0
    trips: int = 0
    cost_nusd: int = 0
    saved_nusd: int = 0
    unknown_costs: int = 0
    cancelled: int = 0
    tool_calls: int = 0
    """Answers that want tools called."""
    estimated: int = 0
    rungs: Counter[str] = field(default_factory=Counter[str])
    """Answers of models by the rung of the pyramid that gave them."""
    made: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """All calls, as the outcomes hold them."""
    first_token_us: list[int] = field(default_factory=list[int])
    """Of streamed calls."""
    lanes_us: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict[str, list[int]](list))
    """In all, of those that a model was asked for, by lane."""
    total_us: list[int] = field(default_factory=list[int])
    stages_us: dict[str, list[int]] = field(
        default_factory=lambda: {route.stage: [] for route in FLOW.values() if route.stage != "settle"}
    )

    def add(self, outcome: Mapping[str, Any]) -> None:
        """Count one outcome."""
        self.statuses[outcome["status"]] += 1
        if reason := outcome.get("reason"):
            self.reasons[reason] += 1
        if degraded := outcome.get("degraded"):
            self.degraded[degraded] += 1
        cache: Mapping[str, Any] = outcome["cache"]
        timings: Mapping[str, Any] = outcome["timings"]
        stages: Mapping[str, int] = timings.get("stages_us", {})
        if cache["status"] != "miss" or "lookup" in stages:  # what was refused before missed nothing
            self.cache[cache["status"]] += 1
        self.saved_nusd += cache.get("saved_nusd") or 0
        cost: int | None = outcome.get("cost_nusd")
        if cost is None:
            self.unknown_costs += 1
        self.cost_nusd += cost or 0
        self.total_us.append(timings["total_us"])
        for stage, spent in stages.items():
            self.stages_us.setdefault(stage, []).append(spent)
        calls: Sequence[Mapping[str, Any]] = outcome.get("calls", ())
        for call in calls:
            self._add_call(call)
        self.tool_calls += bool(outcome.get("tool_calls"))
        self.cancelled += outcome.get("reason") == "cancelled"
        if any(call["status"] != "skipped" for call in calls):
            self.lanes_us[outcome["head"].get("lane", "interactive")].append(timings["total_us"])
        if outcome.get("source") == "model" and (
            answer := next((c for c in reversed(calls) if c["status"] == "ok"), None)
        ):
            self.rungs[answer.get("rung") or "unknown"] += 1

    def _add_call(self, call: Mapping[str, Any]) -> None:
        model = self.models[f"{call['provider']}/{call['model']}"]
        self.trips += bool(call.get("tripped"))
        if call["status"] == "skipped":
            model.skipped += 1
            return
        self.calls += 1
        self.made.append(call)
        self.estimated += bool(call.get("estimated"))
        if (first := call.get("first_token_us")) is not None:
            self.first_token_us.append(first)
        model.calls += 1
        self.retries += call["kind"] == "retry"
        self.fallbacks += call["kind"] == "fallback"
        self.reasks += call["kind"] == "reask"
        if call["status"] == "error":
            model.failed += 1
            self.errors[call.get("error") or "unknown"] += 1
        usage: Mapping[str, int] = call.get("usage") or {}
        model.input_tokens += usage.get("input_tokens", 0)
        model.output_tokens += usage.get("output_tokens", 0)
        model.cost_nusd += call.get("cost_nusd") or 0
