"""What `streamguard send` shows of a response on a terminal."""

from typing import Any

from streamguard.cli.send_showing import piece, plain_lines
from streamguard.events.outcome import Provenance, Response, Timings
from streamguard.events.reading import Told
from streamguard.events.reason import Reason
from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.stages import CacheUse


def response(**fields: Any) -> Response:
    given: dict[str, Any] = {
        "request_id": "r-1",
        "tenant_id": "acme",
        "run": 1,
        "status": "answered",
        "timings": Timings(total_us=288_186),
        "cache": CacheUse(status="miss"),
        "provenance": Provenance(policy_version="1", content_hash="", key_id="k", signature=""),
    }
    return Response(**{**given, **fields})


def test_an_answer_with_who_gave_it_and_what_it_cost() -> None:
    told = response(output="On Monday.", provider="openai", model="gpt-4o", cost_nusd=1_112_500)
    assert plain_lines(told) == ["answered · openai/gpt-4o · 288 ms · cost $0.0011125 · r-1", "On Monday."]


def test_a_refusal_with_its_reason_and_when_to_ask_again() -> None:
    told = response(status="refused", reason=Reason.RATE_LIMITED_USER, retry_after_us=40_200_000, cost_nusd=0)
    assert plain_lines(told) == ["refused: rate_limited_user · 288 ms · cost $0.00 · ask again in 41 s · r-1"]


def test_a_degraded_answer_from_the_cache_of_unknown_cost() -> None:
    told = response(output="yes", degraded="stale_cache", cache=CacheUse(status="exact"), cost_nusd=None)
    assert (
        plain_lines(told)[0] == "answered · only by stale cache · from the cache (exact) · 288 ms · cost unknown · r-1"
    )


def test_the_tools_that_an_answer_calls() -> None:
    call = ToolCall(id="c1", function=FunctionCall(name="track", arguments='{"id":7}'))
    assert plain_lines(response(tool_calls=(call,), cost_nusd=0))[1:] == ['calls track({"id":7})']


def test_what_comes_while_it_is_written_moves_no_cursor_either() -> None:
    whole = response(output="one\x1b[2J\ntwo", cost_nusd=0)
    pieces = (Told("text", "one\x1b[2J"), Told("text", "\ntwo"), Told("final"))
    assert "".join(map(piece, pieces)) == plain_lines(whole)[1]
    assert "\x1b" not in plain_lines(whole)[1]
