"""Plans: which candidates, in which order, and what is left out."""

import pytest

from streamguard.config import Candidate, Feature, Routing
from streamguard.events.request import FunctionCall, FunctionTool, Message, Tool, ToolCall
from streamguard.events.stages import Ask
from streamguard.providers.routing import Plan, Router

TOOL = Tool(function=FunctionTool(name="look_up"))
HARD = (
    "Design a distributed rate limiter, prove that it stays exact under a network partition, discuss the trade-offs between "
    "consistency and latency, and justify your choice of algorithm step by step."
)
MEDIUM = "Explain the difference between TCP and UDP, with an example of each."


def model(
    name: str,
    *,
    weight: float | None = None,
    window: int | None = None,
    longest: int | None = None,
    without: frozenset[Feature] = frozenset(),
) -> Candidate:
    """A candidate from `provider/model`."""
    provider, _, named = name.partition("/")
    return Candidate(
        provider=provider, model=named, weight=weight, context_window=window, max_output_tokens=longest, without=without
    )


def ask(route: str = "flagship", text: str = "Hi", *, longest: int = 100, tools: tuple[Tool, ...] = ()) -> Ask:
    return Ask(
        messages=(Message(role="system", content=HARD), Message(role="user", content=text)),
        route=route,
        max_output_tokens=longest,
        tools=tools,
    )


def order(plan: Plan) -> list[str]:
    return [f"{step.rung} {step.candidate.provider}/{step.candidate.model} of {step.route}" for step in plan.steps]


TIERS = {
    "flagship": (model("openai/big"), model("anthropic/opus"), model("azure/big"), model("vllm/llama")),
    "standard": (model("openai/mini"), model("anthropic/sonnet"), model("vllm/llama")),
    "economy": (model("openai/nano"), model("azure/nano")),
    "other": (model("openai/big"), model("azure/big")),
}


def router(**routes: tuple[Candidate, ...]) -> Router:
    return Router(routes or TIERS, Routing(), local=frozenset({"vllm", "static"}))


def test_the_pyramid_goes_by_what_a_candidate_is_to_the_preferred_one() -> None:
    plan = router().plan(ask(), input_tokens=10, conversation="c")
    assert order(plan) == [
        "primary openai/big of flagship",
        "same_model azure/big of flagship",
        "cheaper_tier openai/mini of standard",
        "cheaper_tier openai/nano of economy",
        "other_vendor anthropic/opus of flagship",
        "other_vendor anthropic/sonnet of standard",
        "other_vendor azure/nano of economy",
        "local vllm/llama of flagship",
    ]
    assert (plan.route, plan.complexity, plan.left_out) == ("flagship", None, {})
    assert plan.detail == {"route": "flagship"}


def test_a_cheaper_tier_never_asks_a_dearer_one() -> None:
    plan = router().plan(ask("standard"), input_tokens=10, conversation="c")
    assert {step.route for step in plan.steps} == {"standard", "economy"}
    assert [step.route for step in router().plan(ask("economy"), input_tokens=10, conversation="c").steps] == [
        "economy"
    ] * 2


def test_a_route_that_is_no_tier_has_nothing_below() -> None:
    plan = router().plan(ask("other"), input_tokens=10, conversation="c")
    assert order(plan) == ["primary openai/big of other", "same_model azure/big of other"]


def test_an_unknown_route_gives_an_empty_plan_that_says_so() -> None:
    plan = router().plan(ask("nowhere"), input_tokens=10, conversation="c")
    assert (plan.steps, plan.detail) == ((), {"route": "nowhere", "unknown_route": 1})


def test_the_first_of_the_list_is_preferred_even_when_it_is_local() -> None:
    routes = router(own=(model("vllm/llama"), model("openai/big"), model("static/text")))
    assert order(routes.plan(ask("own"), input_tokens=10, conversation="c")) == [
        "primary vllm/llama of own",
        "other_vendor openai/big of own",
        "local static/text of own",
    ]


def test_what_is_local_is_last_even_with_the_same_model_unless_the_preferred_one_is_local_too() -> None:
    routes = router(own=(model("groq/llama"), model("vllm/llama"), model("groq/small")))
    assert order(routes.plan(ask("own"), input_tokens=10, conversation="c")) == [
        "primary groq/llama of own",
        "cheaper_tier groq/small of own",
        "local vllm/llama of own",
    ]
    routes = router(own=(model("vllm/llama"), model("groq/small"), model("static/llama"), model("static/text")))
    assert order(routes.plan(ask("own"), input_tokens=10, conversation="c")) == [
        "primary vllm/llama of own",
        "same_model static/llama of own",
        "other_vendor groq/small of own",
        "local static/text of own",
    ]


def test_a_local_canary_is_asked_first_by_its_weight() -> None:
    routes = router(own=(model("openai/big"), model("vllm/llama", weight=1)))
    assert order(routes.plan(ask("own"), input_tokens=10, conversation="c")) == [
        "primary vllm/llama of own",
        "other_vendor openai/big of own",
    ]


def test_a_local_one_is_not_promoted_because_the_first_does_not_fit() -> None:
    routes = router(own=(model("openai/big", window=50), model("vllm/llama"), model("anthropic/opus")))
    plan = routes.plan(ask("own"), input_tokens=10, conversation="c")
    assert order(plan) == ["primary anthropic/opus of own", "local vllm/llama of own"]
    assert plan.left_out == {"context_window": 1}


def test_a_static_text_is_a_way_down_even_when_nothing_else_fits() -> None:
    routes = router(own=(model("openai/big", window=50), model("static/text")))
    assert order(routes.plan(ask("own"), input_tokens=100, conversation="c")) == ["local static/text of own"]


@pytest.mark.parametrize(("given", "fits"), [(900, True), (901, False)])
def test_a_window_takes_the_question_and_its_longest_answer(given: int, fits: bool) -> None:
    routes = router(own=(model("openai/big", window=1000),))
    plan = routes.plan(ask("own"), input_tokens=given, conversation="c")
    assert bool(plan.steps) is fits
    assert plan.detail.get("left_out_context_window", 0) == (0 if fits else 1)


def test_a_model_that_writes_less_is_asked_for_less() -> None:
    routes = router(own=(model("openai/big", window=1000, longest=40), model("azure/big")))
    plan = routes.plan(ask("own"), input_tokens=960, conversation="c")
    assert [step.max_output_tokens for step in plan.steps] == [40, 100]
    assert plan.left_out == {}


def test_the_price_list_knows_windows_that_the_configuration_does_not_name() -> None:
    asked: list[tuple[str, str]] = []

    def windows(provider: str, model: str) -> int | None:
        asked.append((provider, model))
        return 500 if provider == "openai" else None

    routes = {"own": (model("openai/big"), model("azure/big"), model("openai/mini", window=9000))}
    known = Router(routes, Routing(), windows=windows)
    plans = [known.plan(ask("own"), input_tokens=600, conversation="c") for _ in range(2)]
    assert order(plans[1]) == ["primary azure/big of own", "other_vendor openai/mini of own"]
    assert asked == [("openai", "big"), ("azure", "big")]


def test_who_does_not_know_tools_is_never_asked_for_them() -> None:
    routes = router(own=(model("openai/big", without=frozenset({"tools"})), model("azure/big")))
    assert len(routes.plan(ask("own"), input_tokens=10, conversation="c").steps) == 2
    with_tools = routes.plan(ask("own", tools=(TOOL,)), input_tokens=10, conversation="c")
    assert order(with_tools) == ["primary azure/big of own"]
    assert with_tools.detail["left_out_tools"] == 1
    call = ToolCall(id="1", function=FunctionCall(name="look_up", arguments="{}"))
    talk = ask("own").model_copy(
        update={
            "messages": (
                Message(role="user", content="Hi"),
                Message(role="assistant", tool_calls=(call,)),
                Message(role="tool", content="x", tool_call_id="1"),
            )
        }
    )
    assert order(routes.plan(talk, input_tokens=10, conversation="c")) == ["primary azure/big of own"]


def test_where_nothing_of_the_route_fits_cheaper_tiers_are_ranked_by_what_was_wanted() -> None:
    routes = router(
        flagship=(model("openai/big", window=50),),
        standard=(model("anthropic/sonnet"), model("azure/big"), model("openai/mini")),
    )
    assert order(routes.plan(ask(), input_tokens=100, conversation="c")) == [
        "same_model azure/big of standard",
        "cheaper_tier openai/mini of standard",
        "other_vendor anthropic/sonnet of standard",
    ]


def test_nothing_fits() -> None:
    routes = router(flagship=(model("openai/big", window=50), model("azure/big", without=frozenset({"tools"}))))
    plan = routes.plan(ask(tools=(TOOL,)), input_tokens=100, conversation="c")
    assert (plan.steps, plan.left_out) == ((), {"context_window": 1, "tools": 1})


@pytest.mark.parametrize(("text", "tier"), [("Hi", "economy"), (MEDIUM, "standard"), (HARD, "flagship")])
def test_auto_picks_the_tier_by_complexity_and_says_why(text: str, tier: str) -> None:
    plan = router().plan(ask("auto", text), input_tokens=50, conversation="c")
    assert plan.route == tier == plan.detail["route"] == plan.detail["tier"]
    assert plan.steps[0].route == tier
    assert plan.complexity is not None
    assert plan.detail["score"] == plan.complexity.score
    parts = {name.removeprefix("score_"): part for name, part in plan.detail.items() if name.startswith("score_")}
    assert parts == {name: part for name, part in plan.complexity.contributions.items() if part}
    assert all(isinstance(part, float) for part in parts.values())


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ("economy", ["economy", "economy", "economy"]),
        ("flagship", ["flagship", "flagship", "flagship"]),
        ("economy standard", ["economy", "standard", "standard"]),
        ("economy flagship", ["economy", "flagship", "flagship"]),
        ("standard flagship", ["standard", "standard", "flagship"]),
    ],
)
def test_tiers_that_are_not_configured_are_stood_in_for_by_the_next_higher(tiers: str, expected: list[str]) -> None:
    routes = router(**{tier: TIERS[tier] for tier in tiers.split()}, default=TIERS["other"])
    got = [routes.plan(ask("auto", text), input_tokens=50, conversation="c").route for text in ("Hi", MEDIUM, HARD)]
    assert got == expected


def test_auto_goes_up_to_a_tier_where_something_fits_else_down() -> None:
    small, large = model("openai/nano", window=50), model("openai/big", window=50_000)
    up = router(economy=(small, model("static/text")), standard=(model("openai/mini", window=60),), flagship=(large,))
    plan = up.plan(ask("auto"), input_tokens=100, conversation="c")
    assert (plan.route, plan.detail["tier"]) == ("flagship", "economy")
    assert order(plan) == ["primary openai/big of flagship", "local static/text of economy"]
    down = router(economy=(large,), flagship=(small,))
    plan = down.plan(ask("auto", HARD), input_tokens=100, conversation="c")
    assert (plan.route, plan.detail["tier"]) == ("economy", "flagship")
    assert order(plan) == ["primary openai/big of economy"]


def test_auto_stays_at_a_tier_of_local_models_alone() -> None:
    routes = router(economy=(model("vllm/llama"),), flagship=(model("openai/big"),))
    assert order(routes.plan(ask("auto"), input_tokens=10, conversation="c")) == ["primary vllm/llama of economy"]


def test_auto_without_any_tier_finds_nobody() -> None:
    plan = router(default=TIERS["other"]).plan(ask("auto"), input_tokens=10, conversation="c")
    assert (plan.steps, plan.detail["unknown_route"]) == ((), 1)


def test_the_longest_plan_counts_each_model_once() -> None:
    assert router().longest == 8
    assert router(default=TIERS["other"]).longest == 2
    assert Router({}, Routing()).longest == 0


def test_the_one_with_a_weight_is_asked_before_those_without() -> None:
    routes = router(own=(model("openai/a"), model("anthropic/b"), model("openai/c", weight=1)))
    plan = routes.plan(ask("own"), input_tokens=10, conversation="c")
    assert order(plan) == ["primary openai/c of own", "cheaper_tier openai/a of own", "other_vendor anthropic/b of own"]
    assert plan.detail["canary"] == "openai/c"


def test_weights_also_share_what_falls_down_to_a_cheaper_tier() -> None:
    routes = router(
        flagship=(model("openai/big"),), standard=(model("azure/one", weight=1), model("azure/two", weight=1))
    )
    second = [routes.plan(ask(), input_tokens=1, conversation=f"t/{n}").steps[1].candidate.model for n in range(400)]
    assert 140 < second.count("one") < 260
