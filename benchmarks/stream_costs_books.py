"""Two books of the same calls, held against each other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from streamguard.events.usage import Call
from streamguard.providers.attempts import CANCELLED

_MIDWAY = frozenset({"cut_stream", "reset", "stream_error", "garbage", "hang_mid", "oversized", "client_left"})
_CACHED = "+cached"
"""Part of the prompt was in the provider's cache, at a lower price, and nobody told us."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A call as we book it. `cost_nusd` None: nobody here can tell."""

    call_id: str
    provider: str
    error: str | None
    cost_nusd: int | None
    estimated: bool
    tokens: tuple[int, int] | None
    cache_read: int = 0

    @classmethod
    def of(cls, call: Call) -> Self:
        """What is compared of `call`."""
        tokens = (call.usage.input_tokens, call.usage.output_tokens) if call.usage else None
        read = call.usage.cache_read_tokens if call.usage else 0
        return cls(call.call_id, call.provider, call.error, call.cost_nusd, call.estimated, tokens, read)


@dataclass(frozen=True, slots=True)
class Entry:
    """A call as the simulator charges it."""

    call_id: str
    fault: str | None
    cost_nusd: int
    tokens: tuple[int, int]
    cache_read: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """An entry of `/_sim/calls?detail=1`."""
        tokens = given["input_tokens"], given["output_tokens"]
        return cls(given["request_id"], given["fault"], given["cost_nusd"], tokens, given["cache_read_tokens"])


@dataclass(frozen=True, slots=True)
class Errors:
    """Of the estimates at one provider and after one kind of break (`+cached`: and without word of what its cache saved).

    `p50` to `most` are of the relative error's size, `mean` of the error with its sign (above 0: booked too much); both are
    relative to what was charged. `free` are those that the provider charged nothing for and we booked something.
    """

    provider: str
    kind: str
    calls: int
    equal: int
    under: int
    over: int
    p50: float
    p90: float
    p99: float
    most: float
    mean: float
    free: int
    booked_nusd: int
    charged_nusd: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`wrong` are the ids of calls booked as certain whose cost or tokens are others, `missing` of those that were charged and
    are not in our books; `broken` is the share of the calls that ended midway. Money in nano-dollars."""

    calls: int
    broken: float
    exact: int
    exact_nusd: int
    estimated: int
    estimated_nusd: int
    estimated_charged_nusd: int
    unknown: int
    unknown_charged_nusd: int
    wrong: tuple[str, ...]
    missing: tuple[str, ...]
    errors: tuple[Errors, ...]


def compare(booked: Sequence[Booked], entries: Iterable[Entry]) -> Comparison:
    """Our books against the provider's. Raises `ValueError` where one of them names two calls alike."""
    ledger: dict[str, Entry] = {}
    for entry in entries:
        if ledger.setdefault(entry.call_id, entry) is not entry:
            raise ValueError("two calls have one id")
    if len({call.call_id for call in booked}) != len(booked):
        raise ValueError("two calls have one id")
    exact, unknown, wrong = 0, 0, list[str]()
    exact_nusd, unknown_charged, broken = 0, 0, 0
    groups: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for call in booked:
        # a call that never got there cost nothing
        entry = ledger.pop(call.call_id, None) or Entry(call.call_id, None, 0, (0, 0))
        kind = "client_left" if call.error == CANCELLED else entry.fault or call.error or "none"
        broken += kind in _MIDWAY
        if call.cost_nusd is None:
            unknown += 1
            unknown_charged += entry.cost_nusd
        elif call.estimated:
            if entry.cache_read and not call.cache_read:
                kind += _CACHED
            groups[call.provider, kind].append((call.cost_nusd, entry.cost_nusd))
        else:
            exact += 1
            exact_nusd += call.cost_nusd
            if call.cost_nusd != entry.cost_nusd or (call.tokens is not None and call.tokens != entry.tokens):
                wrong.append(call.call_id)
    pairs = [pair for group in groups.values() for pair in group]
    return Comparison(
        calls=len(booked),
        broken=broken / max(1, len(booked)),
        exact=exact,
        exact_nusd=exact_nusd,
        estimated=len(pairs),
        estimated_nusd=sum(ours for ours, _ in pairs),
        estimated_charged_nusd=sum(theirs for _, theirs in pairs),
        unknown=unknown,
        unknown_charged_nusd=unknown_charged,
        wrong=tuple(wrong),
        missing=tuple(entry.call_id for entry in ledger.values() if entry.cost_nusd),
        errors=tuple(errors_of(*place, group) for place, group in sorted(groups.items())),
    )


def errors_of(provider: str, kind: str, pairs: Sequence[tuple[int, int]]) -> Errors:
    """The distribution over pairs of what we booked and what was charged."""
    signed = sorted((ours - theirs) / theirs for ours, theirs in pairs if theirs)
    sizes = sorted(map(abs, signed))
    return Errors(
        provider,
        kind,
        calls=len(pairs),
        equal=sum(ours == theirs for ours, theirs in pairs),
        under=sum(ours < theirs for ours, theirs in pairs),
        over=sum(ours > theirs for ours, theirs in pairs),
        p50=_quantile(sizes, 0.5),
        p90=_quantile(sizes, 0.9),
        p99=_quantile(sizes, 0.99),
        most=_quantile(sizes, 1.0),
        mean=sum(signed) / len(signed) if signed else 0.0,
        free=sum(theirs == 0 < ours for ours, theirs in pairs),
        booked_nusd=sum(ours for ours, _ in pairs),
        charged_nusd=sum(theirs for _, theirs in pairs),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
