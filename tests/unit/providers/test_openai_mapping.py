"""One boundary turns everything that httpx and HTTP can say into our kinds of error."""

import inspect
import time
from typing import Any

import httpx
import orjson
import pytest

from streamguard.errors import ProviderError
from streamguard.events.usage import Usage
from streamguard.providers import errors
from streamguard.providers.errors import CallFailed, EmptyAnswer, InvalidResponse
from streamguard.providers.failures import error_inside, error_of_exception, error_of_status, read_error_code
from streamguard.providers.openai_answer import read_answer
from streamguard.providers.rate_headers import retry_after

NOW_US = 1_800_000_000_000_000
CODES = {
    "ConnectTimeout": "connect",
    "PoolTimeout": "connect",
    "ConnectError": "connect",
    "ProxyError": "connect",
    "UnsupportedProtocol": "connect",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "TimeoutException": "timeout",
    "DecodingError": "invalid_response",
    "TooManyRedirects": "invalid_response",
    "HTTPStatusError": "server_error",
    "ReadError": "disconnected",
    "WriteError": "disconnected",
    "CloseError": "disconnected",
    "NetworkError": "disconnected",
    "RemoteProtocolError": "disconnected",
    "LocalProtocolError": "disconnected",
    "ProtocolError": "disconnected",
    "TransportError": "disconnected",
    "RequestError": "disconnected",
    "HTTPError": "disconnected",
}


def every_httpx_error() -> list[type[httpx.HTTPError]]:
    return [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, httpx.HTTPError)]


def made(kind: type[httpx.HTTPError]) -> httpx.HTTPError:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("POST", "http://127.0.0.1/")
        return httpx.HTTPStatusError("", request=request, response=httpx.Response(500, request=request))
    return kind("what the user said")


@pytest.mark.parametrize("kind", every_httpx_error())
def test_every_exception_of_httpx_has_a_kind(kind: type[httpx.HTTPError]) -> None:
    error = error_of_exception(made(kind))
    assert error.code == CODES[kind.__name__]
    assert "user" not in str(error)


@pytest.mark.parametrize(
    ("status", "code", "retriable", "blames"),
    [
        (400, "bad_request", False, False),
        (401, "auth", False, False),
        (402, "auth", False, False),
        (403, "auth", False, False),
        (404, "bad_request", False, False),
        (408, "server_error", True, True),
        (409, "server_error", True, True),
        (413, "bad_request", False, False),
        (422, "bad_request", False, False),
        (429, "rate_limited", True, False),
        (500, "server_error", True, True),
        (502, "server_error", True, True),
        (529, "server_error", True, True),
        (204, "invalid_response", True, True),
        (302, "invalid_response", True, True),
    ],
)
def test_every_status_has_a_kind(status: int, code: str, retriable: bool, blames: bool) -> None:
    error = error_of_status(status, {}, NOW_US)
    assert (error.code, error.retriable, error.blames_provider, error.status) == (code, retriable, blames, status)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error":{"code":"rate_limit_exceeded","type":"tokens"}}', "rate_limit_exceeded"),
        (b'{"error":{"code":null,"type":"server_error"}}', "server_error"),
        (b'{"error":{"code":502}}', 502),
        (b'{"object":"error","code":400,"message":"alice"}', 400),
        (b'[{"error":{"code":429}}]', 429),
        (b'{"error":{"message":"alice"}}', None),
        (b'{"error":{"code":"what alice said"}}', None),
        (b'{"error":"alice"}', None),
        (b'{"error":{"code":true}}', None),
        (b"<html>alice</html>", None),
        (b"[]", None),
        (b"3", None),
        (b"", None),
        (b'{"error":{"code":"x"}' + b" " * 20_000 + b"}", None),
    ],
)
async def test_of_an_errors_body_only_the_code_is_read(body: bytes, code: str | int | None) -> None:
    assert await read_error_code(httpx.Response(400, content=body)) == code


@pytest.mark.parametrize(
    ("error", "kind", "begun"),
    [
        ({"code": "rate_limit_exceeded"}, errors.RateLimited, errors.StreamBroken),
        ({"type": "overloaded_error"}, errors.ServerFailed, errors.StreamBroken),
        ({"code": 503}, errors.ServerFailed, errors.StreamBroken),
        ({"code": "insufficient_quota"}, errors.NotAuthorized, errors.StreamBroken),
        ({"code": "context_length_exceeded"}, errors.Refused, errors.StreamBroken),
        ({"code": "Content_Filter"}, errors.Refused, errors.StreamBroken),
        ({"code": 7}, errors.InvalidResponse, errors.StreamBroken),
        ({"message": "alice"}, errors.InvalidResponse, errors.StreamBroken),
        ("alice", errors.InvalidResponse, errors.StreamBroken),
    ],
)
def test_an_error_under_a_good_status_is_what_its_code_says(
    error: object, kind: type[CallFailed], begun: type[CallFailed]
) -> None:
    told = error_inside(error, otherwise=InvalidResponse)
    assert type(told) is kind
    assert told.status == 200
    # what had been generated may be charged, whatever the code
    late = error_inside(error, otherwise=InvalidResponse, begun=True)
    assert (type(late), late.charge) == (begun, "unknown")


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "enforced_spend_limit_reached"]
)
def test_no_waiting_helps_an_account_that_is_empty(code: str) -> None:
    error = error_of_status(429, {"retry-after": "1"}, NOW_US, code=code)
    assert (error.code, error.retriable, error.blames_provider) == ("auth", False, False)
    inside = error_inside({"code": code}, otherwise=InvalidResponse)
    assert (inside.code, inside.retriable, inside.blames_provider) == ("auth", False, False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 +99999999999999999999", None),
        ("Fri, 99999999999999999999 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW_US) == seconds


def test_a_date_without_a_zone_is_gmt_wherever_the_worker_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after("Fri Jan 15 08:00:30 2027", NOW_US) == 30.0
        assert retry_after("Fri, 15 Jan 2027 08:00:30 GMT", NOW_US) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_retry_after_reaches_the_error() -> None:
    assert error_of_status(429, httpx.Headers({"Retry-After": "7"}), NOW_US).retry_after == 7
    assert error_of_status(503, httpx.Headers({"Retry-After": "7"}), NOW_US).retry_after == 7


def test_every_kind_is_a_provider_error_with_its_own_code() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, CallFailed) and kind is not CallFailed
    ]
    assert len({kind.code_ for kind in kinds}) == len(kinds) > 12
    for kind in kinds:
        error = kind(status=500)
        assert isinstance(error, ProviderError)
        assert (error.code, error.retriable) == (kind.code_, kind.retriable_)
        assert errors.__doc__ is not None
        assert f"{kind.__name__} " in errors.__doc__
        assert f"`{kind.code_}`" in errors.__doc__


def completion(**changes: Any) -> bytes:
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "model": "m-2026",
        "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }
    return orjson.dumps({**body, **changes})


def test_an_answer_is_read_with_all_its_tokens() -> None:
    answer = read_answer(completion())
    assert (answer.text, answer.finish_reason, answer.response_id, answer.response_model) == (
        "hello",
        "stop",
        "chatcmpl-1",
        "m-2026",
    )
    assert answer.usage == Usage(input_tokens=100, output_tokens=20, cache_read_tokens=60, reasoning_tokens=5)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": "many"},
        {"prompt_tokens": "7", "completion_tokens": "3"},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 7.5, "completion_tokens": 1},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}},
        {"prompt_tokens": 7, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": -1}},
        [],
        3,
    ],
)
def test_usage_that_makes_no_sense_is_unknown_and_never_zero(usage: object) -> None:
    assert read_answer(completion(usage=usage)).usage is None


def test_details_without_numbers_are_none_of_it() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None}
    assert read_answer(completion(usage=usage)).usage == Usage(input_tokens=1, output_tokens=2)


def test_codes_that_look_like_text_are_dropped() -> None:
    answer = read_answer(completion(id="what alice said", model="x" * 500))
    assert (answer.response_id, answer.response_model) == (None, None)


def test_a_refusal_is_an_answer() -> None:
    choices = [{"message": {"content": None, "refusal": "I cannot help."}, "finish_reason": "stop"}]
    assert read_answer(completion(choices=choices)).text == "I cannot help."


def test_an_empty_answer_keeps_what_it_cost() -> None:
    choices = [{"message": {"content": " \n"}, "finish_reason": "length"}]
    with pytest.raises(EmptyAnswer) as caught:
        read_answer(completion(choices=choices))
    assert caught.value.usage is not None
    assert (caught.value.usage.input_tokens, caught.value.finish_reason) == (100, "length")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>alice</html>",
        b"[]",
        b"3",
        b"{}",
        completion(choices=[]),
        completion(choices=[{"message": None}]),
        completion(choices=[{"message": {"content": ["alice"]}}]),
        completion()[:-20],
    ],
)
def test_what_is_no_completion_is_invalid_and_not_quoted(body: bytes) -> None:
    with pytest.raises(InvalidResponse) as caught:
        read_answer(body)
    assert "alice" not in repr(caught.value)
    assert caught.value.__cause__ is None
