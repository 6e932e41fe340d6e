"""Both of our providers against a mock of both APIs that was written by others: what they hold for OpenAI's and Anthropic's
wire is read as it should be, and what we send is understood."""

import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import SecretStr

from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.request import FunctionTool, JsonSchemaFormat, Message, ResponseFormat, Tool
from streamguard.events.usage import Usage
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatProvider, ChatRequest, Progress
from streamguard.providers.errors import CallFailed, NotAuthorized, RateLimited, Refused, ServerFailed, StreamBroken
from streamguard.providers.openai import OpenAIProvider
from tests.support.aimock import Aimock
from tests.support.unavailable import or_skip

pytestmark = pytest.mark.slow

KEY = "sk-1"
TEXT = "Grüße from a mock that somebody else wrote: 👋 and good-bye."
USAGE = {"prompt_tokens": 31, "completion_tokens": 12, "input_tokens": 31, "output_tokens": 12}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORM = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(name="place", schema=SCHEMA))
LOOK_UP = Tool(function=FunctionTool(name="look_up", parameters=SCHEMA))
FAILURES = {
    "busy": (429, RateLimited),
    "ill": (503, ServerFailed),
    "overloaded": (529, ServerFailed),
    "locked": (401, NotAuthorized),
    "wrong": (400, Refused),
}


def says(words: str, response: dict[str, Any], *, when: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    return {"match": {"userMessage": words, **(when or {})}, "response": response, **how}


FIXTURES = [
    says("say hello", {"content": TEXT, "usage": USAGE}),
    says("think first", {"content": TEXT, "reasoning": "They greet.", "usage": USAGE}),
    says("where is it", {"content": "It is in Graz.", "usage": USAGE}, when={"hasToolResult": True}),
    says("where is it", {"content": "I look.", "toolCalls": [{"name": "look_up", "arguments": '{"city":"Graz"}'}]}),
    # each API has its own way to a form: Anthropic's is a tool of the form's name
    says("which city", {"toolCalls": [{"name": "place", "arguments": '{"city":"Graz"}'}]}, when={"toolName": "place"}),
    says("which city", {"content": '{"city":"Graz"}'}, when={"responseFormat": "json_schema"}),
    says("break off", {"content": TEXT * 5}, truncateAfterChunks=4, latency=20),
    *(
        says(words, {"error": {"message": "what the user said", "type": "some_error"}, "status": status})
        for words, (status, _) in FAILURES.items()
    ),
]


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    started = or_skip(lambda: Aimock(tmp_path_factory.mktemp("aimock"), FIXTURES, KEY))
    yield started.url
    started.stop()


@dataclass
class Asking:
    """One of our providers, asked whole or streamed."""

    provider: ChatProvider
    stream: bool
    shown: list[str] = field(default_factory=list[str])
    progress: Progress | None = None

    async def __call__(self, words: str, *more: Message, **how: Any) -> ChatAnswer:
        asked = (Message(role="system", content="Be brief."), Message(role="user", content=words), *more)
        ask = replace(ChatRequest("m-1", asked, 100, "t/r/1/1", "t/r/1/1"), **how)
        self.progress = Progress(time.monotonic, self._show) if self.stream else None
        answer = await self.provider.chat(ask, limits=CallLimits(10), progress=self.progress)
        assert "".join(self.shown) == (answer.text if self.stream else "")
        self.shown.clear()
        return answer

    async def _show(self, piece: str) -> None:
        self.shown.append(piece)


@pytest.fixture(params=["openai", "anthropic"])
def vendor(request: pytest.FixtureRequest) -> str:
    return request.param


def provider_of(vendor: str, url: str, key: str = KEY) -> ChatProvider:
    where: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": SecretStr(key), "name": vendor}
    if vendor == "openai":
        return OpenAIProvider(OpenAISettings(**where))
    return AnthropicProvider(AnthropicSettings(kind="anthropic", **where))


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
async def ask(request: pytest.FixtureRequest, mock: str, vendor: str) -> AsyncGenerator[Asking]:
    provider = provider_of(vendor, mock)
    yield Asking(provider, request.param)
    await provider.aclose()


async def test_an_answer_and_its_usage(ask: Asking) -> None:
    answer = await ask("say hello")
    assert (answer.text, answer.finish_reason) == (TEXT, "stop")
    assert answer.usage == Usage(input_tokens=31, output_tokens=12)
    assert answer.response_model == "m-1"
    assert answer.response_id


async def test_thoughts_are_not_shown(ask: Asking) -> None:
    answer = await ask("think first")
    assert answer.text == TEXT
    if ask.progress is not None:
        assert "They greet." in "".join(ask.progress.pieces)


async def test_a_tool_is_called_and_its_result_is_answered(ask: Asking) -> None:
    called = await ask("where is it", tools=(LOOK_UP,))
    assert (called.text, called.finish_reason) == ("I look.", "tool_calls")
    (call,) = called.tool_calls
    assert (call.function.name, call.function.arguments) == ("look_up", '{"city":"Graz"}')
    answer = await ask(
        "where is it",
        Message(role="assistant", content=called.text, tool_calls=called.tool_calls),
        Message(role="tool", content="Graz", tool_call_id=call.id),
        tools=(LOOK_UP,),
    )
    assert (answer.text, answer.tool_calls) == ("It is in Graz.", ())


async def test_a_form_is_asked_for_in_each_apis_own_way(ask: Asking) -> None:
    answer = await ask("which city", response_format=FORM)
    assert (answer.text, answer.finish_reason, answer.tool_calls) == ('{"city":"Graz"}', "stop", ())


@pytest.mark.parametrize("words", FAILURES)
async def test_an_error_is_of_its_kind_and_not_quoted(ask: Asking, words: str) -> None:
    status, kind = FAILURES[words]
    with pytest.raises(CallFailed) as caught:
        await ask(words)
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert "user" not in repr(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 1


async def test_a_stream_that_breaks_off_is_told_as_such(ask: Asking) -> None:
    if not ask.stream:
        assert (await ask("break off")).text == TEXT * 5
        return
    with pytest.raises(StreamBroken) as caught:
        await ask("break off")
    assert caught.value.charge == "unknown"
    assert ask.progress is not None
    came = "".join(ask.progress.pieces)
    assert came
    assert (TEXT * 5).startswith(came)
    assert "".join(ask.shown) == came


async def test_what_the_mock_does_not_know_is_an_error(ask: Asking) -> None:
    with pytest.raises(CallFailed):
        await ask("nobody taught it this")


async def test_a_wrong_key_is_told_as_such(mock: str, vendor: str) -> None:
    provider = provider_of(vendor, mock, "sk-2")
    with pytest.raises(NotAuthorized):
        await Asking(provider, stream=False)("say hello")
    await provider.aclose()
