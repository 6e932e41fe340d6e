"""Asking models: the steps of the pyramid, the budget that holds a question back, turns, lanes and tools."""

import asyncio
from collections.abc import Sequence

from streamguard.config import BatchLane, Candidate, RetryBudget
from streamguard.events.reason import Reason
from streamguard.events.request import FunctionCall, ToolCall
from streamguard.providers.contract import ChatAnswer, ChatRequest
from streamguard.providers.errors import RateLimited, Refused, ServerFailed
from streamguard.providers.fake import FakeProvider
from streamguard.providers.turns import Turn
from tests.unit.providers.asking import ROUTES, USAGE, Setting, told

LOOK = ToolCall(id="call-1", function=FunctionCall(name="look", arguments='{"at":"sky"}'))
NO_FURTHER = RetryBudget(share=0.0, per_second=0.01)
"""One further call, in effect."""


async def test_each_call_tells_its_rung() -> None:
    routes = {
        "both": (
            Candidate(provider="a", model="flagship"),
            Candidate(provider="b", model="spare"),
            Candidate(provider="b", model="flagship"),
        )
    }
    broken = (Refused(status=400),) * 9
    answered = await Setting(broken, broken, routes=routes).ask()
    assert [(call.provider, call.model, call.rung) for call in answered.calls] == [
        ("a", "flagship", "primary"),
        ("b", "flagship", "same_model"),
        ("b", "spare", "other_vendor"),
    ]


async def test_a_static_provider_behind_others_gives_a_static_answer() -> None:
    setting = Setting((Refused(status=400),), (ChatAnswer("we are away"),), static=frozenset({"b"}))
    answered = await setting.ask()
    assert (answered.text, answered.source, answered.degraded) == ("we are away", "static", "static")


async def test_a_provider_that_causes_too_many_calls_is_asked_after_the_others() -> None:
    setting = Setting((ServerFailed(status=500),) * 4, budget=NO_FURTHER, retries=0)
    first = await setting.ask()
    assert [call.model for call in first.calls] == ["flagship", "spare"]
    second = await setting.ask()
    assert told(second) == [
        ("t/r/1/1", "flagship", "first", "retry_budget", 0),
        ("t/r/1/3", "spare", "fallback", None, 300),
    ]
    assert (second.text, second.degraded) == ("good", "fallback")


async def test_it_is_asked_in_spite_of_that_when_nobody_else_can_be() -> None:
    routes = {"both": (*ROUTES["both"],), "one": ROUTES["one"]}
    setting = Setting((ServerFailed(status=500),), budget=NO_FURTHER, retries=0, routes=routes)
    await setting.ask()
    alone = await setting.ask("one")
    assert [(call.status, call.error) for call in alone.calls] == [("skipped", "retry_budget"), ("ok", None)]
    assert (alone.text, alone.degraded) == ("good", None)


async def test_it_is_asked_in_spite_of_that_when_nobody_else_has_a_place_at_once() -> None:
    setting = Setting((ServerFailed(status=500),) * 2, budget=NO_FURTHER, retries=0, places=1)
    await setting.ask()
    held = await setting.fleet.turns.enter("b", "spare", "interactive", tokens=1, longest=1)
    assert held is not None
    began = setting.clock.now_us()
    calls = (await setting.ask()).calls
    assert [(call.model, call.error) for call in calls] == [
        ("flagship", "retry_budget"),
        ("spare", "saturated"),
        ("flagship", "server_error"),
        ("spare", "saturated"),
    ]
    assert [call.started_at - began for call in calls[:3]] == [0, 0, 0]
    assert setting.clock.now_us() > began


async def test_no_call_id_is_used_twice_when_a_retry_finds_its_place_taken() -> None:
    setting = Setting(budget=RetryBudget(share=0.0, per_second=10.0), retries=1, backoff=0, places=1)
    stake = setting.fleet.budgets.of("a").open()
    assert stake.first()
    assert all(stake.retry() for _ in range(81))  # too many for first choices, not yet for all others
    taken: list[asyncio.Task[Turn | None]] = []

    def fail_and_lose_the_place(_: ChatRequest) -> ChatAnswer:
        taken.append(asyncio.ensure_future(setting.fleet.turns.enter("b", "spare", "interactive", tokens=1, longest=1)))
        raise ServerFailed(status=500)

    def fail_and_free_it(_: ChatRequest) -> ChatAnswer:
        turn = taken[0].result()
        assert turn is not None
        turn.leave()
        raise ServerFailed(status=500)

    setting.providers["b"] = FakeProvider(default=fail_and_lose_the_place)
    setting.providers["a"] = FakeProvider(default=fail_and_free_it)
    answered = await setting.ask()
    assert [(call.model, call.error) for call in answered.calls[1:4]] == [
        ("spare", "server_error"),
        ("spare", "saturated"),
        ("flagship", "server_error"),
    ]
    called = [call.call_id for call in answered.calls if call.status != "skipped"]
    assert len(set(called)) == len(called)


async def test_a_question_waits_for_a_place_for_a_second_while_there_are_others_and_in_the_batch_lane_longer() -> None:
    for lane, seconds in (("interactive", 1.0), ("batch", 15.0)):
        setting = Setting(places=1)
        held = await setting.fleet.turns.enter("a", "flagship", "interactive", tokens=1, longest=1)
        assert held is not None
        answered = await setting.ask(lane=lane)
        assert [call.error for call in answered.calls] == ["saturated", None]
        assert setting.clock.slept.count(seconds) == 1


async def test_a_model_without_a_free_place_is_left_for_the_next() -> None:
    setting = Setting(places=1, timeout=8)
    held = await setting.fleet.turns.enter("a", "flagship", "interactive", tokens=1, longest=1)
    assert held is not None
    answered = await setting.ask()
    assert [(call.model, call.status, call.error) for call in answered.calls] == [
        ("flagship", "skipped", "saturated"),
        ("spare", "ok", None),
    ]
    held.leave()
    assert (await setting.ask()).degraded is None


async def test_rate_limits_do_not_open_a_breaker() -> None:
    setting = Setting((RateLimited(status=429),) * 20, retries=0)
    for _ in range(10):
        await setting.ask()
    assert setting.breakers.states().get(("a", "flagship"), "closed") == "closed"


async def test_batch_requests_have_a_time_of_their_own() -> None:
    setting = Setting((99.0,) * 9, timeout=12, batch=BatchLane(timeout=3.0), backoff=0)
    answered = await setting.ask("one", lane="batch")
    assert [limits.total for _, limits in setting.flagship.asked] == [3.0]
    assert answered.failure is Reason.PROVIDERS_EXHAUSTED


async def test_an_answer_that_calls_tools_needs_no_text() -> None:
    answered = await Setting((ChatAnswer("", USAGE, "tool_calls", tool_calls=(LOOK,)),)).ask()
    assert (answered.text, answered.tool_calls, answered.finish_reason) == ("", (LOOK,), "tool_calls")


async def test_a_wrong_tool_call_goes_back_as_the_result_of_each_call() -> None:
    def check(_: str, tool_calls: Sequence[ToolCall]) -> str | None:
        return "it calls a tool that was not offered" if tool_calls else None

    setting = Setting((ChatAnswer("", USAGE, "tool_calls", tool_calls=(LOOK,)),))
    answered = await setting.ask(check=check)
    assert (answered.text, answered.tool_calls) == ("good", ())
    said, result = setting.flagship.asked[1][0].messages[-2:]
    assert (said.role, said.tool_calls, result.role, result.tool_call_id) == ("assistant", (LOOK,), "tool", "call-1")
    assert "was not offered" in result.content


async def test_how_a_model_was_chosen_is_told_in_codes() -> None:
    answered = await Setting((Refused(status=400),)).ask()
    assert (answered.detail["route"], answered.detail["rung"]) == ("both", "other_vendor")
