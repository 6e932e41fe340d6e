"""Call by call: what the outcomes booked, and what the provider charged. Pure.

Where a provider reported its usage both must be equal to the nano-dollar. Where a stream broke, or no usage was reported, tokens
were counted here; the provider charges what it had written by then, of which we cannot have read the last. And of a call that was
cut before any of its answer came nobody here can tell whether it was charged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOKENS_OFF = 20
"""By how many tokens, of the question as of the answer, an estimate may miss what the provider charged for a call that it broke
off itself: forms of tools are counted one way here and another way there."""
TOKENS_OF_A_FORM = 150
"""How many tokens of the question more than the provider may be counted here: those of a schema that goes along, for which some
charge and the simulated one does not."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Calls of one sort, and their cost in nano-dollars as outcomes and provider have it."""

    calls: int = 0
    outcomes_nusd: int = 0
    provider_nusd: int = 0

    @property
    def off(self) -> float:
        """The difference as a share of what the provider charged; below 0 where the outcomes have less."""
        return (self.outcomes_nusd - self.provider_nusd) / self.provider_nusd if self.provider_nusd else 0.0


@dataclass(frozen=True, slots=True)
class Accounts:
    """`exact` are calls whose usage was reported, or that surely cost nothing; `estimated` those whose provider broke off or kept
    its usage to itself, `cut` those that we broke off, whose rest is on the provider's bill alone; `unnamed` stand in the
    provider's books alone. `unlike` are calls, by their ids, whose two sides differ more than they may."""

    exact: Sides = Sides()
    estimated: Sides = Sides()
    cut: Sides = Sides()
    unnamed: Sides = Sides()
    unlike: tuple[str, ...] = ()

    @property
    def outcomes_nusd(self) -> int:
        """All that the outcomes' calls cost."""
        return sum(sides.outcomes_nusd for sides in (self.exact, self.estimated, self.cut))


def compare(made: Iterable[Mapping[str, Any]], charged: Iterable[Mapping[str, Any]]) -> Accounts:
    """`made` are calls as outcomes hold them, as plain JSON; `charged` those of the simulator (`GET /_sim/calls?detail=1`)."""
    by_id: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for call in charged:
        by_id[call["request_id"] or ""].append(call)
    pairs: dict[str, list[tuple[int, int]]] = {"exact": [], "estimated": [], "cut": []}
    unlike: list[str] = []
    for call in made:
        if call["status"] == "skipped":
            continue
        theirs = _take(by_id.get(call["call_id"], []), call.get("response_id"))
        sort = _sort(call)
        pairs[sort].append((call.get("cost_nusd") or 0, theirs["cost_nusd"] if theirs else 0))
        if not _alike(sort, call, theirs or {}):
            unlike.append(call["call_id"])
    unnamed = [(0, call["cost_nusd"]) for calls in by_id.values() for call in calls if call["cost_nusd"]]
    return Accounts(
        **{sort: _sides(found) for sort, found in pairs.items()}, unnamed=_sides(unnamed), unlike=tuple(unlike)
    )


def _take(there: list[Mapping[str, Any]], response_id: str | None) -> Mapping[str, Any] | None:
    """The call that an answer names, or else the first of its id: a call whose worker died is made again under one id."""
    number = (response_id or "").rpartition("-")[2]
    found = next((one for one in there if str(one["seq"]) == number), there[0] if there else None)
    if found is not None:
        there.remove(found)
    return found


def _sort(call: Mapping[str, Any]) -> str:
    if not call.get("estimated") and call.get("cost_nusd") is not None:
        return "exact"
    ours = call.get("error") == "cancelled" or call.get("error", "").startswith("timeout")
    return "cut" if ours or not call.get("estimated") else "estimated"


def _alike(sort: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    cost: int = theirs.get("cost_nusd", 0)
    if sort == "exact":
        return ours["cost_nusd"] == cost
    usage: Mapping[str, int] | None = ours.get("usage")
    if usage is None:
        return True
    asked, said = (usage[name] - theirs.get(name, 0) for name in ("input_tokens", "output_tokens"))
    if not -TOKENS_OFF <= asked <= TOKENS_OF_A_FORM:
        return False
    return (
        said <= TOKENS_OFF if sort == "cut" else abs(said) <= TOKENS_OFF
    )  # of one that we cut we did not read the last


def _sides(pairs: Sequence[tuple[int, int]]) -> Sides:
    return Sides(len(pairs), sum(ours for ours, _ in pairs), sum(theirs for _, theirs in pairs))
