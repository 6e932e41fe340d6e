"""Plans under any configuration, and what weights promise to conversations."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.config import Candidate, Feature, Routing
from streamguard.events.request import FunctionTool, Message, Tool
from streamguard.events.stages import Ask
from streamguard.providers.routing import Router

CONVERSATIONS = [f"tenant/{number}" for number in range(10_000)]
RUNGS = ("primary", "same_model", "cheaper_tier", "other_vendor", "local")
TIERS = ("economy", "standard", "flagship")
QUESTION = Ask(messages=(Message(role="user", content="Hi"),), route="own", max_output_tokens=10)


def drawn(**weights: float) -> dict[str, str]:
    """Whom each conversation asks first."""
    candidates = [Candidate(provider="p", model=name, weight=weight) for name, weight in weights.items()]
    router = Router({"own": candidates}, Routing())
    return {
        conversation: router.plan(QUESTION, input_tokens=1, conversation=conversation).steps[0].candidate.model
        for conversation in CONVERSATIONS
    }


@pytest.mark.parametrize("weights", [{"old": 95, "new": 5}, {"a": 1, "b": 1}, {"a": 0.7, "b": 0.2, "c": 0.1}])
def test_shares_are_those_of_the_weights(weights: dict[str, float]) -> None:
    counts = Counter(drawn(**weights).values())
    for name, weight in weights.items():
        share = weight / sum(weights.values())
        bound = 4 * math.sqrt(share * (1 - share) / len(CONVERSATIONS))  # four standard deviations: 1 in 16,000
        assert abs(counts[name] / len(CONVERSATIONS) - share) < bound


def test_a_canary_that_grows_keeps_its_conversations() -> None:
    before, after = drawn(old=95, new=5), drawn(old=90, new=10)
    assert {c for c, name in before.items() if name == "new"} < {c for c, name in after.items() if name == "new"}
    moved = sum(before[c] != after[c] for c in CONVERSATIONS)
    assert 350 < moved < 650  # the 5 % that must move, and nobody else


def test_a_third_candidate_only_takes() -> None:
    before, after = drawn(a=1, b=1), drawn(a=1, b=1, c=1)
    assert {after[c] for c in CONVERSATIONS if before[c] != after[c]} == {"c"}


names = st.sampled_from(["a", "b", "c"])
features = st.frozensets(st.sampled_from(["tools", "json_schema"]), max_size=1)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    places = draw(st.lists(st.tuples(names, names), min_size=1, max_size=5, unique=True))
    without: list[frozenset[Feature]] = [draw(features) for _ in places]  # pyright: ignore[reportAssignmentType]  # names of features
    return [
        Candidate(
            provider=provider,
            model=model,
            weight=draw(st.none() | st.floats(1e-6, 1e6)),
            context_window=draw(st.none() | st.integers(1, 300)),
            max_output_tokens=draw(st.none() | st.integers(1, 100)),
            without=lacking,
        )
        for (provider, model), lacking in zip(places, without, strict=True)
    ]


@settings(max_examples=100)
@given(
    routes=st.dictionaries(st.sampled_from([*TIERS, "own"]), candidates(), max_size=4),
    local=st.frozensets(names, max_size=2),
    wanted=st.sampled_from([*TIERS, "own", "auto"]),
    text=st.text(max_size=60)
    | st.sampled_from(["prove derive design architecture algorithm consensus", "explain why"]),
    given_tokens=st.integers(0, 300),
    longest=st.integers(1, 200),
    tools=st.booleans(),
    conversation=st.text(max_size=8),
)
def test_every_plan_keeps_the_rules(
    routes: dict[str, list[Candidate]],
    local: frozenset[str],
    wanted: str,
    text: str,
    given_tokens: int,
    longest: int,
    tools: bool,
    conversation: str,
) -> None:
    router = Router(routes, Routing(), local=local)
    ask = Ask(
        messages=(Message(role="user", content=text),),
        route=wanted,
        max_output_tokens=longest,
        tools=(Tool(function=FunctionTool(name="t")),) if tools else (),
    )
    plan = router.plan(ask, input_tokens=given_tokens, conversation=conversation)
    assert plan == router.plan(ask, input_tokens=given_tokens, conversation=conversation)

    places = [(step.candidate.provider, step.candidate.model) for step in plan.steps]
    assert len(places) == len(set(places)) <= router.longest
    for step in plan.steps:
        assert step.candidate in routes[step.route]
        assert 1 <= step.max_output_tokens <= longest
        window = step.candidate.context_window
        assert window is None or given_tokens + step.max_output_tokens <= window
        assert not (tools and "tools" in step.candidate.without)
    if plan.route in TIERS:
        assert all(TIERS.index(step.route) <= TIERS.index(plan.route) for step in plan.steps)
    else:
        assert all(step.route == plan.route for step in plan.steps)

    rungs = [RUNGS.index(step.rung) for step in plan.steps]
    assert rungs == sorted(rungs)
    own = [step.candidate for step in plan.steps if step.route == plan.route]
    first = routes[plan.route][0] if plan.route in routes else None
    preferable = [c for c in own if c.provider not in local or c.weight is not None or c == first]
    assert rungs.count(0) == bool(preferable)
    assert not preferable or plan.steps[0].candidate in preferable
    for step in plan.steps:
        assert (step.rung == "local") <= (step.candidate.provider in local)
    if plan.route not in routes:
        assert (plan.steps, plan.detail["unknown_route"]) == ((), 1)
        return
    listed = {(c.provider, c.model) for tier, some in routes.items() for c in some if _reached(tier, plan.route)}
    assert len(plan.steps) + sum(plan.left_out.values()) == len(listed)


def _reached(tier: str, route: str) -> bool:
    return tier == route or (tier in TIERS and route in TIERS and TIERS.index(tier) < TIERS.index(route))
