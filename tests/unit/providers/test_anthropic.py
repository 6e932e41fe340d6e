"""What goes out to Anthropic, and what its headers say."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from streamguard.errors import ConfigError
from streamguard.events.request import FunctionTool, JsonSchemaFormat, Message, ResponseFormat, Tool
from streamguard.providers.anthropic import rate_limit
from streamguard.providers.contract import ChatRequest, RateLimit
from streamguard.providers.errors import Refused
from tests.unit.providers.anthropic_shapes import RATE, RATES, shape, streamed, whole
from tests.unit.providers.anthropic_writing import TEXT
from tests.unit.providers.wire import ASK, Told, feed

SCHEMA = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(name="ticket", schema={"type": "object"}))
TOOL = Tool(function=FunctionTool(name="look_up"))
NOW_US = 1_800_000_000_000_000


async def ask(asked: ChatRequest = ASK, *, stream: bool = False, **settings: Any) -> Told:
    row = replace(shape("any", streamed(TEXT) if stream else whole(TEXT), Refused(), streamed=stream), ask=asked)
    return await feed(replace(row, settings={**row.settings, "api_key": SecretStr("sk-1"), **settings}), [row.body])


def sent(told: Told) -> dict[str, Any]:
    assert told.asked is not None
    return orjson.loads(told.asked.content)


async def test_what_goes_over_the_wire() -> None:
    told = await ask(headers={"Anthropic-Beta": "context-1m-2025-08-07"})
    assert told.asked is not None
    assert str(told.asked.url) == "http://models/v1/messages"
    headers = told.asked.headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-1", "2023-06-01")
    assert (headers["idempotency-key"], headers["x-request-id"]) == ("t/r/1/1", "t/r/1/1.1")
    assert headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert "authorization" not in headers
    assert sent(told) == {
        "model": "m",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Grüße"}]}],
    }


async def test_a_stream_is_asked_for_and_the_cache_is_left_alone_when_told_so() -> None:
    told = await ask(stream=True, cache_prompts=False, api_key=SecretStr(""), version="2030-01-01")
    assert told.asked is not None
    assert told.asked.headers["accept"] == "text/event-stream"
    assert told.asked.headers["anthropic-version"] == "2030-01-01"
    assert "x-api-key" not in told.asked.headers
    body = sent(told)
    assert body["stream"] is True
    assert body["system"] == [{"type": "text", "text": "Be brief."}]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_schema_is_a_tool_that_must_be_called(stream: bool) -> None:
    body = sent(await ask(replace(ASK, response_format=SCHEMA), stream=stream))
    assert [tool["name"] for tool in body["tools"]] == ["ticket"]
    assert body["tool_choice"]["name"] == "ticket"
    assert len(body["system"]) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(ASK, response_format=SCHEMA, tools=(TOOL,)), '{"type":"object"}'),
        (replace(ASK, response_format=ResponseFormat(type="json_object")), "one JSON object only"),
    ],
)
async def test_beside_tools_and_without_a_schema_the_form_is_asked_for_in_words(asked: ChatRequest, words: str) -> None:
    body = sent(await ask(asked))
    assert words in body["system"][0]["text"]
    assert "tool_choice" not in body
    assert [tool["name"] for tool in body.get("tools", [])] == [tool.function.name for tool in asked.tools]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_json_cannot_say_is_refused_and_not_quoted(stream: bool) -> None:
    half = replace(ASK, messages=(Message.model_construct(role="user", content="alice \ud800"),))
    told = await ask(half, stream=stream)
    assert isinstance(told.error, Refused)
    assert "alice" not in repr(told.error)
    assert told.error.__cause__ is None
    assert told.asked is None


@pytest.mark.parametrize(
    "settings", [{"api_key": SecretStr("schlüssel")}, {"base_url": "models/v1"}, {"headers": {"x-api-key": "sk-2"}}]
)
async def test_settings_that_cannot_be_used_are_errors_without_the_key(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        await ask(**settings)
    assert "schlüssel" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        (RATES, RATE),
        ({"anthropic-ratelimit-requests-remaining": "0"}, RateLimit(requests_left=0)),
        (
            {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:07Z"},
            RateLimit(tokens_left=0, tokens_reset=7.0),
        ),
        (
            {"anthropic-ratelimit-requests-remaining": "5", "anthropic-ratelimit-requests-reset": "soon"},
            RateLimit(requests_left=5),
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "5",
                "anthropic-ratelimit-requests-reset": "2027-01-15T07:59:00Z",
            },
            RateLimit(requests_left=5, requests_reset=0.0),
        ),
        # without an offset it is UTC, whatever the machine's own time zone
        (
            {
                "anthropic-ratelimit-requests-remaining": "5",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:09",
            },
            RateLimit(requests_left=5, requests_reset=9.0),
        ),
        ({"anthropic-ratelimit-requests-remaining": "many", "anthropic-ratelimit-tokens-remaining": "-1"}, None),
        ({"x-ratelimit-remaining-requests": "5"}, None),
    ],
)
def test_headers_say_what_is_left(headers: dict[str, str], expected: RateLimit | None) -> None:
    assert rate_limit(headers, NOW_US) == expected
