"""Answers and streams of Anthropic's messages, after its documentation: rows of the table of all providers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from streamguard.events.request import FunctionCall, FunctionTool, JsonSchemaFormat, ResponseFormat, Tool, ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer, RateLimit
from streamguard.providers.errors import (
    CallFailed,
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ServerFailed,
    StreamBroken,
)
from tests.unit.providers.anthropic_writing import BARE, CALL, IN_FORM, IN_LIST, TEXT, THOUGHT, USAGE, events, message
from tests.unit.providers.wire import ASK, JSON, Shape, named_events

SAID = "Hello, Oslo!"
START = USAGE.model_copy(update={"output_tokens": 1})
TOOLS = replace(ASK, tools=(Tool(function=FunctionTool(name="look_up")), Tool(function=FunctionTool(name="list_all"))))
RATES = {
    "request-id": "req_1",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:01Z",  # the clock of these tests stands at eight
    "anthropic-ratelimit-tokens-remaining": "480000",
    "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:00Z",
    "anthropic-ratelimit-input-tokens-remaining": "400000",
    "anthropic-ratelimit-input-tokens-reset": "2027-01-15T07:59:00Z",
    "anthropic-ratelimit-output-tokens-remaining": "79000",
    "anthropic-ratelimit-output-tokens-reset": "2027-01-15T08:00:30.500000+00:00",
}
RATE = RateLimit(3999, 1.0, 400_000, 0.0)
SPENT = orjson.dumps(
    {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "what the user said",
            "details": {"error_code": "enforced_spend_limit_reached"},
        },
    }
)


def asking(schema: dict[str, Any]) -> ResponseFormat:
    return ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))


OBJECT = replace(ASK, response_format=asking({"type": "object"}))
LIST = replace(ASK, response_format=asking({"type": "array"}))


def answer(
    text: str,
    finish: str | None = "stop",
    *calls: tuple[str, str, str],
    usage: Usage | None = USAGE,
    rate: RateLimit | None = None,
) -> ChatAnswer:
    made = tuple(ToolCall(id=one, function=FunctionCall(name=name, arguments=given)) for one, name, given in calls)
    return ChatAnswer(text, usage, finish, "msg_1", "claude-x", made, rate)


def empty(finish: str) -> EmptyAnswer:
    return EmptyAnswer(status=200, usage=USAGE, finish_reason=finish, response_id="msg_1", response_model="claude-x")


def shape(name: str, body: bytes, expected: ChatAnswer | CallFailed, **changes: Any) -> Shape:
    return Shape(name, body, expected, settings={"kind": "anthropic", "base_url": "http://models/v1"}, **changes)


def whole(*blocks: dict[str, Any], **changes: Any) -> bytes:
    return orjson.dumps(message(*blocks, **changes))


def error(kind: str) -> bytes:
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": "what was said"}, "request_id": "req_1"})


def streamed(*blocks: dict[str, Any], **changes: Any) -> bytes:
    return named_events(*events(*blocks, **changes))


def broken(kind: str, after: int) -> bytes:
    fault: Mapping[str, Any] = {"type": "error", "error": {"type": kind, "message": "what was said"}}
    return named_events(*events(TEXT)[:after], fault)


CALLS = (("toolu_1", "look_up", '{"id":7}'), ("toolu_2", "list_all", "{}"))

WHOLE = [
    shape("text", whole(TEXT), answer(SAID, rate=RATE), headers=RATES),
    shape("thinking", whole(THOUGHT, TEXT, reason="max_tokens"), answer(SAID, "length")),
    shape("tools", whole(TEXT, CALL, BARE, reason="tool_use"), answer(SAID, "tool_calls", *CALLS), ask=TOOLS),
    shape("form", whole(IN_FORM, reason="tool_use"), answer('{"a":[1]}'), ask=OBJECT),
    shape("form of a list", whole(IN_LIST, reason="tool_use"), answer('[1,{"b":{}}]'), ask=LIST),
    shape("a refusal instead of the form", whole(TEXT, reason="refusal"), answer(SAID, "content_filter"), ask=OBJECT),
    shape("no usage", whole(TEXT, usage=None), answer(SAID, usage=None)),
    shape("nothing said", whole(reason="refusal"), empty("content_filter")),
    shape("no message", b'{"content":', InvalidResponse(status=200)),
    shape("completion", b'{"choices":[{"message":{"content":"hello"}}]}', InvalidResponse(status=200)),
    shape("bad request", error("invalid_request_error"), Refused(status=400), status=400),
    shape("wrong key", error("authentication_error"), NotAuthorized(status=401), status=401),
    shape("no money", error("billing_error"), NotAuthorized(status=402), status=402),
    shape("forbidden", error("permission_error"), NotAuthorized(status=403), status=403),
    shape("no such model", error("not_found_error"), Refused(status=404), status=404),
    shape("too large", error("request_too_large"), Refused(status=413), status=413),
    shape(
        "too many",
        error("rate_limit_error"),
        RateLimited(status=429, retry_after=12.0, rate=RATE),
        status=429,
        headers={**RATES, "retry-after": "12"},
    ),
    shape("acceleration", error("rate_limit_error"), RateLimited(status=429), status=429),
    shape("a month's cap", SPENT, NotAuthorized(status=429), status=429),
    shape("api error", error("api_error"), ServerFailed(status=500), status=500),
    shape("overloaded", error("overloaded_error"), ServerFailed(status=529), status=529),
    shape("page of a proxy", b"<html>", ServerFailed(status=502), status=502, headers={"content-type": "text/html"}),
]

STREAMS = [
    shape("text", streamed(TEXT), answer(SAID, rate=RATE), usage=USAGE, headers=RATES),
    shape("thinking", streamed(THOUGHT, TEXT), answer(SAID), usage=USAGE, unseen=THOUGHT["thinking"]),
    shape(
        "tools",
        streamed(TEXT, CALL, BARE, reason="tool_use"),
        answer(SAID, "tool_calls", *CALLS),
        usage=USAGE,
        unseen='look_up{"id":7}list_all',
        ask=TOOLS,
    ),
    shape("form", streamed(IN_FORM, reason="tool_use"), answer('{"a":[1]}'), usage=USAGE, unseen="answer", ask=OBJECT),
    shape(
        "form of a list",
        streamed(IN_LIST, reason="tool_use"),
        answer('[1,{"b":{}}]'),
        usage=USAGE,
        unseen="answer",
        ask=LIST,
    ),
    shape(
        "a refusal instead of the form",
        streamed(TEXT, reason="refusal"),
        answer(SAID, "content_filter"),
        usage=USAGE,
        unseen=SAID,
        ask=OBJECT,
    ),
    shape("nothing said", streamed(reason="refusal"), empty("content_filter"), usage=USAGE),
    shape("broken before its last event", named_events(*events(TEXT)[:-1]), answer(SAID), usage=USAGE, breaks=True),
    shape("ended before its end", named_events(*events(TEXT)[:-2]), StreamBroken(status=200), usage=START, text=SAID),
    shape("broken", named_events(*events(TEXT)[:5]), StreamBroken(status=200), usage=START, text="Hello,", breaks=True),
    shape("no event at all", b"", StreamBroken(status=200)),
    shape("overloaded from the start", broken("overloaded_error", 0), ServerFailed(status=200)),
    shape("too many from the start", broken("rate_limit_error", 0), RateLimited(status=200)),
    shape("overloaded meanwhile", broken("overloaded_error", 4), StreamBroken(status=200), usage=START, text="Hel"),
    shape("error after the end", broken("api_error", -1), answer(SAID), usage=USAGE),
    shape("whole all the same", whole(TEXT), answer(SAID), usage=USAGE, headers=JSON),
    shape("too many", error("rate_limit_error"), RateLimited(status=429), status=429, headers=JSON),
]
