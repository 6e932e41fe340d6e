"""Asking models: order, retries, fallbacks, time, form and money."""

import asyncio
from collections.abc import Sequence

import pytest

from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.stages import Reservation
from streamguard.events.usage import Usage
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import (
    CallTimeout,
    ConnectFailed,
    Disconnected,
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ServerFailed,
    Withheld,
)
from streamguard.providers.fake import FakeProvider
from tests.unit.providers.asking import MANY, PRICE, STALE, USAGE, Setting, told


async def test_each_call_is_permitted_first_a_retry_too() -> None:
    setting = Setting(flagship=(ServerFailed(status=503), ServerFailed(status=503)))

    answered = await setting.ask("one")

    assert len(answered.calls) == 3
    assert setting.permits == 2 * 3  # before it waits for its place, and once more before it goes out


async def test_a_worker_that_must_not_call_calls_nobody_and_time_runs_on() -> None:
    setting = Setting()
    setting.permit_seconds = 30.0

    answered = await setting.ask()

    assert (answered.failure, setting.flagship.asked) == (Reason.PROVIDERS_EXHAUSTED, [])
    assert {(call.status, call.error) for call in answered.calls} == {("skipped", "no_time")}


async def test_the_preferred_candidate_answers() -> None:
    setting = Setting()
    answered = await setting.ask()
    assert (answered.text, answered.source, answered.degraded, answered.failure) == ("good", "model", None, None)
    assert (answered.provider, answered.model, answered.finish_reason) == ("a", "flagship", "stop")
    assert told(answered) == [("t/r/1/1", "flagship", "first", None, PRICE)]
    assert (answered.cost_nusd, answered.price_version, answered.usage) == (PRICE, "flat-1", USAGE)
    request, limits = setting.flagship.asked[0]
    assert (request.idempotency_key, request.request_id, limits) == ("t/r/1/1", "t/r/1/1", CallLimits(10))
    call = answered.calls[0]
    assert (call.response_id, call.response_model, call.http_status) == ("id-1", "m-2026", 200)


async def test_a_failure_that_may_pass_is_tried_again_under_the_same_key() -> None:
    setting = Setting((ServerFailed(status=503), Disconnected()))
    answered = await setting.ask()
    assert told(answered) == [
        ("t/r/1/1", "flagship", "first", "server_error", 0),
        ("t/r/1/1.1", "flagship", "retry", "disconnected", None),
        ("t/r/1/1.2", "flagship", "retry", None, PRICE),
    ]
    assert {request.idempotency_key for request, _ in setting.flagship.asked} == {"t/r/1/1"}
    assert [request.request_id for request, _ in setting.flagship.asked] == ["t/r/1/1", "t/r/1/1.1", "t/r/1/1.2"]
    assert len(setting.clock.slept) == 2
    assert answered.cost_nusd == PRICE


async def test_a_useless_answer_is_charged_and_asked_for_anew_under_another_key() -> None:
    setting = Setting((EmptyAnswer(status=200, usage=USAGE), InvalidResponse(status=200)))
    answered = await setting.ask()
    assert [request.idempotency_key for request, _ in setting.flagship.asked] == ["t/r/1/1", "t/r/1/1.1", "t/r/1/1.2"]
    assert [call.cost_nusd for call in answered.calls] == [PRICE, None, PRICE]
    assert answered.cost_nusd == 2 * PRICE
    assert answered.usage == USAGE + USAGE


async def test_retries_are_counted_over_all_candidates_together() -> None:
    setting = Setting((ServerFailed(status=500),) * 9, (ServerFailed(status=500),) * 9, retries=2)
    answered = await setting.ask()
    assert [call.kind for call in answered.calls] == ["first", "retry", "retry", "fallback"]
    assert answered.failure is Reason.PROVIDERS_EXHAUSTED
    assert answered.cost_nusd == 0


@pytest.mark.parametrize("error", [Refused(status=400), NotAuthorized(status=401), Refused(status=404)])
async def test_a_failure_that_will_not_pass_goes_to_the_next_candidate_and_blames_nobody(
    error: Refused | NotAuthorized,
) -> None:
    setting = Setting((error,) * 10)
    for _ in range(5):
        answered = await setting.ask()
        assert [call.kind for call in answered.calls] == ["first", "fallback"]
        assert (answered.text, answered.degraded, answered.model) == ("good", "fallback", "spare")
    assert setting.breakers.states().get(("a", "flagship"), "closed") == "closed"


async def test_whoever_asks_for_nothing_opens_no_breaker_for_others() -> None:
    setting = Setting((EmptyAnswer(status=200, usage=USAGE, finish_reason="stop"),) * 12)
    for _ in range(3):
        answered = await setting.ask()
        assert [call.error for call in answered.calls] == ["empty_answer"] * 4 + [None]
    assert setting.breakers.states()["a", "flagship"] == "closed"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_an_answer_that_would_be_as_empty_again_is_not_asked_for_again(reason: str) -> None:
    setting = Setting((EmptyAnswer(status=200, usage=USAGE, finish_reason=reason),))
    answered = await setting.ask()
    assert told(answered) == [
        ("t/r/1/1", "flagship", "first", "empty_answer", PRICE),
        ("t/r/1/3", "spare", "fallback", None, PRICE),
    ]


async def test_a_timeout_is_not_repeated_while_there_are_other_candidates() -> None:
    setting = Setting((99.0,))
    answered = await setting.ask()
    assert told(answered) == [
        ("t/r/1/1", "flagship", "first", "timeout", None),
        ("t/r/1/3", "spare", "fallback", None, PRICE),
    ]
    assert setting.spare.asked[0][1].total == 5  # fallback_timeout
    assert answered.cost_nusd == PRICE


async def test_a_timeout_of_the_last_candidate_is_repeated() -> None:
    answered = await Setting((99.0,)).ask("one")
    assert [call.kind for call in answered.calls] == ["first", "retry"]
    assert answered.text == "good"


async def test_everything_ends_within_the_timeout() -> None:
    setting = Setting((CallTimeout(), *[99.0] * 9), timeout=12, backoff=0)
    answered = await setting.ask("one")
    assert [limits.total for _, limits in setting.flagship.asked] == [10, 10, 2]
    assert answered.failure is Reason.PROVIDERS_EXHAUSTED
    assert setting.clock.monotonic() <= 12


async def test_retries_leave_time_for_a_fallback() -> None:
    setting = Setting((RateLimited(status=429, retry_after=26),), timeout=30)
    answered = await setting.ask()
    assert [call.kind for call in answered.calls] == ["first", "fallback"]
    assert setting.clock.slept == []


async def test_a_servers_wish_is_waited_for() -> None:
    setting = Setting((RateLimited(status=429, retry_after=3),))
    answered = await setting.ask()
    assert [call.kind for call in answered.calls] == ["first", "retry"]
    assert setting.clock.slept[0] >= 3


async def test_a_deadline_that_has_passed_means_no_call() -> None:
    setting = Setting()
    answered = await setting.ask(deadline_us=setting.clock.now_us(), stale=STALE, static="static")
    assert (answered.failure, answered.calls, answered.text) == (Reason.EXPIRED, (), None)
    assert answered.cost_nusd == 0


async def test_a_deadline_bounds_each_call_and_leaves_a_fallback_its_time() -> None:
    setting = Setting((99.0,))
    answered = await setting.ask(deadline_us=setting.clock.now_us() + 4_000_000, static="static")
    assert setting.flagship.asked[0][1].total == pytest.approx(2)
    assert setting.spare.asked[0][1].total == pytest.approx(2)
    assert (answered.text, answered.degraded) == ("good", "fallback")


async def test_a_deadline_ends_the_asking() -> None:
    setting = Setting((99.0,), (99.0,))
    answered = await setting.ask(deadline_us=setting.clock.now_us() + 4_000_000, static="static")
    assert answered.failure is Reason.EXPIRED
    assert [(call.status, call.error) for call in answered.calls] == [("error", "timeout"), ("error", "timeout")]


async def test_a_worker_that_may_not_call_holds_no_place_meanwhile() -> None:
    setting = Setting(places=1)
    gate, asked = asyncio.Event(), asyncio.Event()

    async def closed() -> None:
        asked.set()
        await gate.wait()

    setting.passage = closed
    waiting = asyncio.create_task(setting.ask("one"))
    await asked.wait()
    place = await setting.fleet.turns.enter("a", "flagship", "interactive", tokens=1, longest=0)
    assert place is not None
    place.leave()
    gate.set()
    assert (await waiting).text == "good"


async def test_a_call_that_was_withheld_waits_for_leave_again_and_leaves_no_trace() -> None:
    """A worker that was frozen while it connected may no longer be the one to call: nothing was sent, so nothing is booked, no
    retry and no call is used up, and neither breaker nor budget hears of it."""
    setting = Setting((Withheld(), Withheld(), Withheld(), Withheld()), places=1)
    one = Reservation(input_tokens=1, output_tokens=1, calls=1)
    answered = await setting.ask("one", reservation=one)
    assert told(answered) == [("t/r/1/1", "flagship", "first", None, PRICE)]
    assert {ask.idempotency_key for ask, _ in setting.flagship.asked} == {"t/r/1/1"}
    assert len(setting.flagship.asked) == 5
    assert setting.permits == 2 * 5


async def test_a_call_is_told_whom_to_ask_before_it_goes_out() -> None:
    setting = Setting()
    await setting.ask("one")
    leave = setting.flagship.asked[0][1].leave
    assert leave is not None
    assert leave()
    setting.given = False
    assert not leave()


async def test_the_reserved_calls_are_never_exceeded_and_one_is_kept_for_the_fallback() -> None:
    two = Reservation(input_tokens=1, output_tokens=1, calls=2)
    answered = await Setting((ServerFailed(status=500),) * 9).ask(reservation=two)
    assert [call.kind for call in answered.calls] == ["first", "fallback"]
    assert answered.text == "good"
    one = Reservation(input_tokens=1, output_tokens=1, calls=1)
    answered = await Setting((ServerFailed(status=500),)).ask(reservation=one)
    assert answered.failure is Reason.PROVIDERS_EXHAUSTED
    assert [(call.status, call.error) for call in answered.calls] == [
        ("error", "server_error"),
        ("skipped", "no_calls"),
    ]


async def test_an_open_breaker_is_skipped_and_costs_nothing() -> None:
    setting = Setting((ConnectFailed(),) * 3, backoff=0)
    first = await setting.ask()
    assert [call.tripped for call in first.calls] == [False, False, True, False]
    second = await setting.ask()
    assert [(call.status, call.error, call.cost_nusd) for call in second.calls] == [
        ("skipped", "breaker_open", 0),
        ("ok", None, PRICE),
    ]
    assert (second.degraded, second.cost_nusd) == ("fallback", PRICE)
    setting.clock.advance(5)
    assert (await setting.ask()).model == "flagship"


async def test_without_a_model_the_stale_entry_comes_before_the_static_text() -> None:
    broken = (Refused(status=400),) * 9
    stale = await Setting(broken, broken).ask(stale=STALE, static="static")
    assert (stale.text, stale.source, stale.degraded, stale.provider) == ("stale", "stale_cache", "stale_cache", "x")
    static = await Setting(broken, broken).ask(static="static")
    assert (static.text, static.source, static.degraded, static.model) == ("static", "static", "static", None)
    none = await Setting(broken, broken).ask()
    assert (none.text, none.source, none.failure) == (None, "none", Reason.PROVIDERS_EXHAUSTED)
    unknown = await Setting().ask("nowhere")
    assert (unknown.failure, unknown.calls) == (Reason.PROVIDERS_EXHAUSTED, ())


def check(text: str, _: Sequence[ToolCall]) -> str | None:
    return None if text == "good" else "the answer is not valid JSON"


async def test_a_wrong_form_goes_back_to_its_model_with_the_error() -> None:
    setting = Setting((ChatAnswer("bad", USAGE),))
    answered = await setting.ask(check=check)
    assert (answered.text, answered.form_error) == ("good", None)
    assert told(answered) == [
        ("t/r/1/1", "flagship", "first", None, PRICE),
        ("t/r/1/2", "flagship", "reask", None, PRICE),
    ]
    assert answered.cost_nusd == 2 * PRICE
    again = setting.flagship.asked[1][0]
    assert [(message.role, message.content) for message in again.messages[:2]] == [
        ("user", "hello"),
        ("assistant", "bad"),
    ]
    assert "the answer is not valid JSON" in again.messages[2].content
    assert again.idempotency_key == "t/r/1/2"


async def test_a_form_that_stays_wrong_is_given_back_with_what_is_wrong() -> None:
    bad = ChatAnswer("bad", USAGE)
    answered = await Setting((bad,) * 3).ask(check=check)
    assert (answered.text, answered.form_error, len(answered.calls)) == ("bad", "the answer is not valid JSON", 2)
    capped = await Setting((bad,) * 3).ask(check=check, reservation=MANY.model_copy(update={"calls": 1}))
    assert (capped.text, len(capped.calls)) == ("bad", 1)
    failed = await Setting((bad, Refused(status=400))).ask(check=check)
    assert (failed.text, failed.form_error is None, len(failed.calls)) == ("bad", False, 2)


async def test_an_answer_without_a_known_price_makes_the_total_unknown() -> None:
    setting = Setting((Refused(status=400), ChatAnswer("good")), unpriced=frozenset({"spare"}))
    unpriced = await setting.ask()
    assert (unpriced.text, unpriced.cost_nusd, unpriced.price_version) == ("good", None, None)


async def test_an_answer_without_usage_is_counted_here_and_says_so() -> None:
    answered = await Setting((ChatAnswer("three good words"),)).ask()
    call = answered.calls[0]
    assert (call.usage, call.estimated, call.cost_nusd) == (Usage(input_tokens=7, output_tokens=3), True, 7 * 2 + 30)
    assert (await Setting().ask()).calls[0].estimated is False


async def test_a_second_run_names_its_calls_alike_even_when_it_goes_another_way() -> None:
    first = await Setting((Refused(status=400),)).ask()
    setting = Setting((ConnectFailed(),) * 3, backoff=0)
    await setting.ask()
    second = await setting.ask()
    assert first.calls[-1].call_id == second.calls[-1].call_id == "t/r/1/3"


async def test_a_cancelled_call_gives_its_probe_back() -> None:
    class Hanging(FakeProvider):
        async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
            await asyncio.Event().wait()
            raise AssertionError

    setting = Setting((ConnectFailed(),) * 3, backoff=0)
    await setting.ask("one")
    setting.clock.advance(5)
    setting.providers["a"] = Hanging()
    task = asyncio.create_task(setting.ask("one"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await setting.breakers.permit("a", "flagship", longest=1) is None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await setting.breakers.permit("a", "flagship", longest=1) is not None
