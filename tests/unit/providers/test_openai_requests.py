"""What an OpenAI-compatible server is asked, down to the names of fields."""

import re
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.errors import ConfigError
from streamguard.events.request import (
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    NamedFunction,
    NamedTool,
    ResponseFormat,
    Tool,
    ToolCall,
)
from streamguard.providers.contract import ChatRequest
from streamguard.providers.errors import Refused
from streamguard.providers.openai import OpenAIProvider
from tests.unit.providers.openai_shapes import WHOLE
from tests.unit.providers.wire import Shape, Told, feed

TRACK = Tool(function=FunctionTool(name="track", parameters={"type": "object"}, strict=True))
REFUND = Tool(function=FunctionTool(name="refund", description="Pays back."))
CALLED = ToolCall(id="call_a", function=FunctionCall(name="track", arguments='{"id":7}'))
TALK = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Where is it?"),
    Message(role="assistant", tool_calls=(CALLED,)),
    Message(role="tool", content="In Graz.", tool_call_id="call_a"),
    Message(role="assistant", content="It is in", tool_calls=(CALLED,)),
)


async def sent(ask: ChatRequest, *, streamed: bool = False) -> Told:
    """What came of asking a server that answers everything."""
    shape = Shape("any", WHOLE[0].body, WHOLE[0].expected, ask=ask, headers={"content-type": "application/json"})
    return await feed(shape, [shape.body], streamed=streamed)


async def body_at(ask: ChatRequest, name: str, base_url: str) -> dict[str, Any]:
    """What the provider of that name at that address is sent."""
    settings = {"kind": "openai", "name": name, "base_url": base_url}
    shape = Shape("any", WHOLE[0].body, WHOLE[0].expected, ask=ask, settings=settings)
    told = await feed(shape, [shape.body])
    assert told.asked is not None
    return orjson.loads(told.asked.content)


async def body_of(ask: ChatRequest, *, streamed: bool = False) -> dict[str, Any]:
    told = await sent(ask, streamed=streamed)
    assert told.asked is not None
    return orjson.loads(told.asked.content)


async def test_messages_keep_their_order_and_their_tools() -> None:
    called = {"id": "call_a", "type": "function", "function": {"name": "track", "arguments": '{"id":7}'}}
    assert (await body_of(ChatRequest("m", TALK, 50, "k", "r")))["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "content": "In Graz.", "tool_call_id": "call_a"},
        {"role": "assistant", "content": "It is in", "tool_calls": [called]},
    ]


def talked(*ids: str) -> tuple[Message, ...]:
    """A talk in which another model called a tool under each of these ids."""
    calls = tuple(ToolCall(id=one, function=FunctionCall(name="track", arguments="{}")) for one in ids)
    results = (Message(role="tool", content="In Graz.", tool_call_id=one) for one in ids)
    return Message(role="user", content="Where?"), Message(role="assistant", tool_calls=calls), *results


OTHERS = (
    "aB3dE6gH9",
    "call_a",
    "toolu_01A09q90qw90lq917835lq9",
    f"chatcmpl-tool-{'0' * 32}",
    f"chatcmpl-tool-{'1' * 32}",
)


@pytest.mark.parametrize(
    ("name", "base_url", "takes"),
    [
        ("openai", "https://api.openai.com/v1", r".{1,40}"),
        ("vllm", "http://127.0.0.1:8000/v1", r".{1,40}"),
        ("mistral_ai", "http://127.0.0.1/v1", r"[A-Za-z0-9]{9}"),
        ("eu", "https://api.mistral.ai/v1", r"[A-Za-z0-9]{9}"),
    ],
)
async def test_ids_of_other_vendors_calls_are_spelled_as_the_server_takes_them(
    name: str, base_url: str, takes: str
) -> None:
    body = await body_at(ChatRequest("m", talked(*OTHERS), 50, "k", "r"), name, base_url)
    called = [call["id"] for call in body["messages"][1]["tool_calls"]]
    assert all(re.fullmatch(takes, one) for one in called)
    assert len(set(called)) == len(OTHERS)
    assert called[0] == OTHERS[0]
    assert [message["tool_call_id"] for message in body["messages"][2:]] == called
    # when the talk goes on the same ones are sent, also for a provider's cache
    again = await body_at(ChatRequest("m", talked(OTHERS[-1]), 50, "k", "r"), name, base_url)
    assert again["messages"][1]["tool_calls"][0]["id"] == called[-1]


@pytest.mark.parametrize(
    ("name", "base_url", "field"),
    [
        ("openai", "http://127.0.0.1/v1", "max_completion_tokens"),
        ("openai-eu", "https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("azure-west", "https://west.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("vllm", "http://127.0.0.1:8000/v1", "max_tokens"),
        ("other", "https://api.openai.com.example.org/v1", "max_tokens"),
    ],
)
async def test_a_second_resource_under_another_name_is_asked_like_the_first(
    name: str, base_url: str, field: str
) -> None:
    body = await body_at(ChatRequest("m", TALK, 50, "k", "r"), name, base_url)
    assert [each for each in body if each.startswith("max_")] == [field]


async def test_tools_and_the_choice_among_them() -> None:
    named = NamedTool(function=NamedFunction(name="refund"))
    body = await body_of(ChatRequest("m", TALK, 50, "k", "r", tools=(TRACK, REFUND), tool_choice=named))
    assert body["tools"] == [
        {"type": "function", "function": {"name": "track", "parameters": {"type": "object"}, "strict": True}},
        {
            "type": "function",
            "function": {
                "name": "refund",
                "description": "Pays back.",
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "refund"}}
    body = await body_of(ChatRequest("m", TALK, 50, "k", "r", tools=(TRACK,), tool_choice="required"))
    assert body["tool_choice"] == "required"


async def test_a_form_has_a_name_that_openai_takes() -> None:
    form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(name="acme/ticket.v2" + "x" * 80, schema={}))
    body = await body_of(ChatRequest("m", TALK, 50, "k", "r", response_format=form))
    assert body["response_format"]["json_schema"]["name"] == "acme_ticket_v2" + "x" * 50


async def test_what_is_not_asked_for_is_not_there() -> None:
    assert set(await body_of(ChatRequest("m", TALK, 50, "k", "r"))) == {"model", "messages", "max_tokens"}
    assert set(await body_of(ChatRequest("m", TALK, 50, "k", "r"), streamed=True)) == {
        "model",
        "messages",
        "max_tokens",
        "stream",
        "stream_options",
    }


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_json_cannot_say_is_refused_and_not_quoted(streamed: bool) -> None:
    half = Message.model_construct(role="user", content="alice \ud800", tool_calls=None, tool_call_id=None)
    told = await sent(ChatRequest("m", (half,), 50, "k", "r"), streamed=streamed)
    assert isinstance(told.error, Refused)
    assert "alice" not in repr(told.error)
    assert told.error.__cause__ is None
    assert told.asked is None


def made(base_url: str = "http://127.0.0.1/v1", **how: Any) -> OpenAIProvider:
    return OpenAIProvider(OpenAISettings(name="openai", base_url=base_url, **how))


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"base_url": "api.example.org/v1"}, "base_url"),
        ({"base_url": "ftp://127.0.0.1/v1"}, "base_url"),
        ({"base_url": "http://127.0.0.1:99999999/v1"}, "base_url"),
        ({"base_url": "http:///v1"}, "base_url"),
        ({"base_url": "https://127.0.0.1/openai?api-version=break"}, "goes into query"),
        ({"base_url": "https://127.0.0.1/v1#break"}, "without"),
        ({"base_url": "https://u:break@127.0.0.1/v1", "api_key": SecretStr("sk-1")}, "keep one"),
        ({"api_key": SecretStr("line\nbreak")}, "api_key"),
        ({"headers": {"x-team": "line\nbreak"}}, "headers"),
        ({"headers": {"bad name": "1"}}, "headers"),
        ({"headers": {"Authorization": "Bearer break"}}, "authorization"),
    ],
)
def test_settings_that_cannot_work_are_told_at_the_start(how: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        made(**how)
    assert "break" not in str(caught.value)


def test_a_provider_shows_neither_key_nor_anything_else_of_its_settings() -> None:
    provider = made(api_key=SecretStr("sk-secret"))
    assert "sk-secret" not in f"{provider!r} {provider}"
