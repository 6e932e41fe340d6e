"""Which models are asked, and in which order: routes, tiers, canaries and the pyramid.

A plan is made from the preferred candidate of the ask's route. The others follow by what they are to it: `same_model` (the
same model at another provider), `cheaper_tier` (the same provider, another model), `other_vendor`, `local`; within one of these
the route's own come before those of cheaper tiers, each in the order of the configuration.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from streamguard.config import AUTO, Candidate, Routing
from streamguard.events.stages import Ask
from streamguard.events.usage import Rung
from streamguard.providers.complexity import Complexity, complexity

Windows = Callable[[str, str], int | None]
"""Tokens of question and answer together that a provider's model takes; None where nobody knows."""

_ORDER: tuple[Rung, ...] = ("primary", "same_model", "cheaper_tier", "other_vendor", "local")


@dataclass(frozen=True, slots=True)
class Step:
    """One candidate of a plan. `route` is the list that it comes from, `max_output_tokens` the longest answer to ask it for.

    `rung` is what it is to the preferred candidate. The first step of a plan is `primary`, unless nothing of the route fits, or
    only what is local.
    """

    candidate: Candidate
    rung: Rung
    route: str
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, in this order; nobody when nothing fits.

    `route` is the route taken: the named one, or the tier that `auto` picked. `complexity` is known of `auto` alone.
    `left_out` counts the candidates that do not fit, by reason: `context_window`, `tools`. `detail` is all of this for the
    trail, in codes and numbers.
    """

    steps: tuple[Step, ...]
    route: str
    complexity: Complexity | None = None
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    detail: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])


@dataclass(frozen=True, slots=True)
class _Known:
    """A candidate with what does not change from one question to the next."""

    candidate: Candidate
    route: str
    window: int | None
    local: bool
    tools: bool

    @property
    def place(self) -> tuple[str, str]:
        return self.candidate.provider, self.candidate.model


class Router:
    """Makes plans. Pure and quick; the same question with the same settings always gets the same plan."""

    longest: int
    """Steps of the longest plan that there can be."""

    def __init__(
        self,
        routes: Mapping[str, Sequence[Candidate]],
        routing: Routing,
        *,
        local: frozenset[str] = frozenset(),
        windows: Windows | None = None,
    ) -> None:
        """`local` names the providers that are asked last. `windows` is asked once for each candidate that has no
        `context_window` of its own."""
        self._routing = routing
        self._tiers = [tier for tier in routing.tiers if tier in routes]
        self._own = {
            name: tuple(
                _Known(
                    candidate,
                    name,
                    candidate.context_window or (windows(candidate.provider, candidate.model) if windows else None),
                    candidate.provider in local,
                    "tools" not in candidate.without,
                )
                for candidate in candidates
            )
            for name, candidates in routes.items()
        }
        self._below = {
            name: [self._own[tier] for tier in reversed(self._tiers[: self._tiers.index(name)])]
            if name in self._tiers
            else []
            for name in routes
        }
        self.longest = max(
            (
                len({known.place for candidates in (own, *self._below[name]) for known in candidates})
                for name, own in self._own.items()
            ),
            default=0,
        )

    def plan(self, ask: Ask, *, input_tokens: int, conversation: str) -> Plan:
        """Whom to ask. `input_tokens` are those of the whole prompt; questions of one `conversation` get the same canary.

        A model whose context window the question and its longest answer do not fit, or that does not know the tools asked
        for, is left out. `max_output_tokens` of an ask is a cap and no wish, so a model that cannot write as much is asked for
        less; it is not left out.
        """
        needs = _Needs(input_tokens, ask.max_output_tokens, _wants_tools(ask))
        measured = complexity(ask) if ask.route == AUTO else None
        route = ask.route if measured is None else self._tier(measured.score, needs)
        detail: dict[str, int | float | str] = {"route": route}
        if measured is not None:
            detail["tier"] = self._wanted(measured.score)
            detail["score"] = measured.score
            detail.update((f"score_{name}", part) for name, part in measured.contributions.items() if part)
        own = self._own.get(route)
        if not own:
            return Plan((), route, measured, detail={**detail, "unknown_route": 1})
        left_out: dict[str, int] = {}
        seen: set[tuple[str, str]] = set()
        inside: list[_Known] = []
        preferred = own[0]
        for candidates in (own, *self._below[route]):
            fitting: list[_Known] = []
            for known in candidates:
                if known.place in seen:
                    continue
                seen.add(known.place)
                if (lack := needs.unmet_by(known)) is None:
                    fitting.append(known)
                else:
                    left_out[lack] = left_out.get(lack, 0) + 1
            fitting, drawn = _in_turn(fitting, conversation)
            if candidates is own:
                preferred = drawn or _first(fitting, own)
                if drawn is not None:
                    detail["canary"] = "/".join(drawn.place)
            inside += fitting
        steps = [Step(known.candidate, _rung(known, preferred), known.route, needs.cap(known)) for known in inside]
        steps.sort(key=lambda step: _ORDER.index(step.rung))
        detail.update((f"left_out_{lack}", count) for lack, count in left_out.items())
        return Plan(tuple(steps), route, measured, left_out, detail)

    def _wanted(self, score: float) -> str:
        """The tier that a question of this complexity belongs to, whether it is configured or not."""
        tiers = self._routing.tiers
        if not tiers:
            return AUTO
        if score >= self._routing.flagship_from:
            return tiers[-1]
        return tiers[min(1, len(tiers) - 1)] if score >= self._routing.standard_from else tiers[0]

    def _tier(self, score: float, needs: "_Needs") -> str:
        """The configured tier for it: the next higher one where something fits, else the next lower one."""
        wanted = self._wanted(score)
        if not self._tiers:
            return AUTO
        tiers = self._routing.tiers
        place = tiers.index(wanted)
        nearest = [tier for tier in (*tiers[place:], *reversed(tiers[:place])) if tier in self._own]
        return next((tier for tier in nearest if self._suits(self._own[tier], needs)), nearest[0])

    def _suits(self, candidates: Sequence[_Known], needs: "_Needs") -> bool:
        """Whether a tier can take it. What is local (a small model, a static text) comes last and is no reason to stay."""
        remote = [known for known in candidates if not known.local]
        return any(needs.met_by(known) for known in remote or candidates)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a candidate must be able to do for one question."""

    input_tokens: int
    output_tokens: int
    tools: bool

    def cap(self, known: _Known) -> int:
        longest = known.candidate.max_output_tokens
        return self.output_tokens if longest is None else min(longest, self.output_tokens)

    def unmet_by(self, known: _Known) -> str | None:
        if self.tools and not known.tools:
            return "tools"
        if known.window is not None and self.input_tokens + self.cap(known) > known.window:
            return "context_window"
        return None

    def met_by(self, known: _Known) -> bool:
        return self.unmet_by(known) is None


def _wants_tools(ask: Ask) -> bool:
    """Also a talk in which tools were called before can only be read by a model that knows them."""
    return bool(ask.tools) or any(message.tool_calls or message.role == "tool" for message in ask.messages)


def _first(fitting: Sequence[_Known], own: Sequence[_Known]) -> _Known:
    """The preferred candidate where weights chose none: the route's first that fits.

    What is local (perhaps a static text) does not move up: it is preferred where the list begins with it. Else the list's first
    remains what others are ranked by, though it is not asked.
    """
    if fitting and fitting[0] is own[0]:
        return own[0]
    return next((known for known in fitting if not known.local), own[0])


def _in_turn(candidates: list[_Known], conversation: str) -> tuple[list[_Known], _Known | None]:
    """A route's candidates, and whom the weights chose: that one, the others with a weight, those without."""
    weighted = [known for known in candidates if known.candidate.weight is not None]
    if not weighted:
        return candidates, None
    drawn = _draw(conversation, weighted)
    rest = [known for known in weighted if known is not drawn]
    return [drawn, *rest, *(known for known in candidates if known.candidate.weight is None)], drawn


def _rung(known: _Known, preferred: _Known) -> Rung:
    if known is preferred:
        return "primary"
    candidate, first = known.candidate, preferred.candidate
    if known.local and not preferred.local:
        return "local"
    if candidate.model == first.model:
        return "same_model"
    if candidate.provider == first.provider:
        return "cheaper_tier"
    return "local" if known.local else "other_vendor"


def _draw(conversation: str, weighted: Sequence[_Known]) -> _Known:
    """One of the candidates by their weights, always the same for a conversation.

    Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005, the logarithmic
    method): each candidate has its own number u in (0, 1) for the conversation, and the one with the highest -weight / ln u
    is taken. A candidate whose weight grows against the others' only wins conversations, and loses none.
    """
    if len(weighted) == 1:
        return weighted[0]
    return max(weighted, key=lambda known: -(known.candidate.weight or 0.0) / math.log(_even(conversation, known)))


def _even(conversation: str, known: _Known) -> float:
    """A number in (0, 1), evenly spread over conversations, the same on every machine."""
    digest = blake2b(digest_size=8)
    for part in (known.route, conversation, *known.place):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    # 52 bits: with the half added all of them are exact, and neither 0 nor 1
    return ((int.from_bytes(digest.digest(), "big") >> 12) + 0.5) / 2**52
