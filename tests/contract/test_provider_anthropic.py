"""Anthropic's messages over real sockets, against the simulator: what comes, what goes wrong, and what it costs."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from streamguard.analytics.prices import GenaiPrices
from streamguard.answers.structure import form_problem
from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.dev.simulator import Fault, FaultRule, Latency, LimitRule, Simulator, SimulatorSettings, tokens
from streamguard.events.request import FunctionTool, JsonSchemaFormat, Message, ResponseFormat, Tool
from streamguard.events.usage import Usage
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    Disconnected,
    EmptyAnswer,
    FirstTokenLate,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ResponseTooLarge,
    ServerFailed,
    StreamBroken,
    StreamStalled,
)

MODEL = "claude-3-5-haiku-latest"
ASK = ChatRequest(
    model=MODEL,
    messages=(
        Message(role="system", content="You are the support desk of a shop."),
        Message(role="user", content="My order 77 did not arrive. Grüße!"),
    ),
    max_output_tokens=200,
    idempotency_key="t/r/1/1",
    request_id="t/r/1/1",
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"enum": ["billing", "delivery"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["category", "tags"],
    "additionalProperties": False,
}
LOOK_UP = Tool(function=FunctionTool(name="look_up", parameters=SCHEMA))
PRICES = GenaiPrices()
AMPLE = CallLimits(5)
QUICK = CallLimits(total=0.4, first_token=0.2, between_tokens=0.2)
SLOW = (Fault.HANG, Fault.HANG_MID, Fault.SLOW_DRIP)


@dataclass
class Desk:
    """A simulator and a provider that asks it."""

    simulator: Simulator
    provider: AnthropicProvider
    shown: list[str] = field(default_factory=list[str])
    progress: Progress | None = None

    async def ask(self, ask: ChatRequest, *, stream: bool, limits: CallLimits = AMPLE) -> ChatAnswer:
        """The answer; `shown` and `progress` are this call's."""
        self.shown = []
        self.progress = Progress(time.monotonic, self._show) if stream else None
        return await self.provider.chat(ask, limits=limits, progress=self.progress)

    async def _show(self, piece: str) -> None:
        self.shown.append(piece)

    async def booked(self) -> Mapping[str, Any]:
        """The last call's entry in the simulator's books, once no call is under way."""
        async with asyncio.timeout(5):
            while (report := self.simulator.ledger.report(detail=True))["in_flight"]:
                await asyncio.sleep(0.005)
        return report["detail"][-1]


@asynccontextmanager
async def desk(*faults: Fault, **settings: Any) -> AsyncGenerator[Desk]:
    rules = tuple(FaultRule(rates={fault: 1.0}) for fault in faults)
    given: dict[str, Any] = {"latency": Latency(0.0), "faults": rules, "hang_seconds": 20.0, **settings}
    async with Simulator(SimulatorSettings(**given)) as simulator:
        provider = AnthropicProvider(
            AnthropicSettings(kind="anthropic", name="anthropic", base_url=f"{simulator.url}/anthropic/v1")
        )
        try:
            yield Desk(simulator, provider)
        finally:
            await provider.aclose()


def cost(usage: Usage | None) -> int | None:
    assert usage is not None
    price = PRICES.cost("anthropic", MODEL, usage, SystemClock().now_us())
    return price.cost_nusd if price else None


def form(schema: dict[str, Any]) -> ResponseFormat:
    return ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_costs_what_the_books_say(stream: bool) -> None:
    async with desk() as one:
        answer = await one.ask(ASK, stream=stream)
        entry = await one.booked()
    assert answer.text
    assert answer.finish_reason == "stop"
    assert answer.response_model == MODEL
    assert (entry["request_id"], entry["idempotency_key"], entry["streamed"]) == ("t/r/1/1", "t/r/1/1", stream)
    assert cost(answer.usage) == entry["cost_nusd"] > 0
    if stream:
        assert "".join(one.shown) == answer.text
        assert one.progress is not None
        assert one.progress.usage == answer.usage
        assert tokens.count("".join(one.progress.pieces)) == entry["output_tokens"]


async def test_instructions_are_written_to_the_cache_once_and_then_read() -> None:
    system = Message(role="system", content="Be kind to everyone who writes, and never promise a date. " * 150)
    used: list[Usage] = []
    async with desk() as one:
        for number in range(2):
            ask = replace(ASK, messages=(system, Message(role="user", content=f"Where is parcel {number}?")))
            answer = await one.ask(ask, stream=bool(number))
            assert answer.usage is not None
            used.append(answer.usage)
            assert cost(answer.usage) == (await one.booked())["cost_nusd"]
        uncached = AnthropicProvider(
            AnthropicSettings(
                kind="anthropic", name="anthropic", base_url=f"{one.simulator.url}/anthropic/v1", cache_prompts=False
            )
        )
        plain = await uncached.chat(replace(ASK, messages=(system, ASK.messages[1])), limits=CallLimits(5))
        await uncached.aclose()
    assert used[0].cache_write_tokens > 1024
    assert used[0].cache_read_tokens == 0
    assert (used[1].cache_write_tokens, used[1].cache_read_tokens) == (0, used[0].cache_write_tokens)
    assert used[1].input_tokens >= used[1].cache_read_tokens
    assert plain.usage is not None
    assert (plain.usage.cache_write_tokens, plain.usage.cache_read_tokens) == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_its_result_is_answered(stream: bool) -> None:
    async with desk() as one:
        asked = replace(ASK, tools=(LOOK_UP,), tool_choice="required")
        answer = await one.ask(asked, stream=stream)
        entry = await one.booked()
        (call,) = answer.tool_calls
        assert (call.function.name, answer.finish_reason) == ("look_up", "tool_calls")
        assert form_problem(call.function.arguments, form(SCHEMA)) is None
        assert cost(answer.usage) == entry["cost_nusd"]
        assert "".join(one.shown) == answer.text
        told = (
            *ASK.messages,
            Message(role="assistant", content=answer.text, tool_calls=answer.tool_calls),
            Message(role="tool", content="It is in Graz.", tool_call_id=call.id),
        )
        last = await one.ask(replace(asked, messages=told, tool_choice="none"), stream=stream)
        assert last.text
        assert cost(last.usage) == (await one.booked())["cost_nusd"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("schema", [SCHEMA, {"type": "array", "items": SCHEMA, "minItems": 1}, {"enum": ["yes", "no"]}])
async def test_an_answer_comes_in_the_form_asked_for(schema: dict[str, Any], stream: bool) -> None:
    async with desk() as one:
        answer = await one.ask(replace(ASK, response_format=form(schema), max_output_tokens=2000), stream=stream)
        entry = await one.booked()
    assert form_problem(answer.text, form(schema)) is None
    assert (answer.finish_reason, answer.tool_calls) == ("stop", ())
    assert cost(answer.usage) == entry["cost_nusd"]
    if stream:
        assert "".join(one.shown) == answer.text


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_cut_at_its_cap_says_so(stream: bool) -> None:
    async with desk() as one:
        answer = await one.ask(replace(ASK, max_output_tokens=5), stream=stream)
    assert answer.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5


@pytest.mark.parametrize(
    ("fault", "whole", "streamed"),
    [
        (Fault.RATE_LIMITED, RateLimited, RateLimited),
        (Fault.RATE_LIMITED_SILENT, RateLimited, RateLimited),
        (Fault.SERVER_ERROR, ServerFailed, ServerFailed),
        (Fault.UNAVAILABLE, ServerFailed, ServerFailed),
        (Fault.OVERLOADED, ServerFailed, ServerFailed),
        (Fault.REVOKED_KEY, NotAuthorized, NotAuthorized),
        (Fault.CONTEXT_LENGTH, Refused, Refused),
        (Fault.HANG, CallTimeout, FirstTokenLate),
        (Fault.HANG_MID, CallTimeout, StreamStalled),
        (Fault.SLOW_DRIP, CallTimeout, StreamStalled),
        (Fault.RESET, Disconnected, StreamBroken),
        (Fault.CUT_STREAM, None, StreamBroken),
        (Fault.STREAM_ERROR, None, StreamBroken),
        (Fault.EMPTY_ANSWER, EmptyAnswer, EmptyAnswer),
        (Fault.EMPTY_BODY, InvalidResponse, StreamBroken),
        (Fault.GARBAGE, InvalidResponse, StreamBroken),
        (Fault.HTML, InvalidResponse, InvalidResponse),
        (Fault.OVERSIZED, ResponseTooLarge, ResponseTooLarge),
        (Fault.NO_USAGE, None, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_each_fault_has_its_kind_and_its_price(
    fault: Fault, whole: type[CallFailed] | None, streamed: type[CallFailed] | None, stream: bool
) -> None:
    expected = streamed if stream else whole
    limits = QUICK if fault in SLOW else AMPLE
    async with desk(fault) as one:
        if expected is None:
            answer = await one.ask(ASK, stream=stream)
            assert answer.text
            assert (answer.usage is None) == (fault is Fault.NO_USAGE)
            return
        with pytest.raises(expected) as caught:
            await one.ask(ASK, stream=stream, limits=limits)
        error = caught.value
        entry = await one.booked()
    assert type(error) is expected
    assert error.status in (None, entry["status"])
    assert (error.retry_after is not None) == (fault is Fault.RATE_LIMITED)
    if isinstance(error, EmptyAnswer):
        assert cost(error.usage) == entry["cost_nusd"] > 0
    elif error.charge == "none":
        assert entry["cost_nusd"] == 0
    elif entry["partial"] and fault is not Fault.OVERSIZED:
        # of a stream that broke the input is known, and what came can be counted
        assert one.progress is not None
        assert one.progress.opened
        assert one.progress.usage is not None
        came = tokens.count("".join(one.progress.pieces))
        assert cost(one.progress.usage.model_copy(update={"output_tokens": came})) == entry["cost_nusd"] > 0


async def test_what_is_left_is_read_from_the_headers() -> None:
    limits = (LimitRule(requests_per_minute=3, tokens_per_minute=100_000),)
    async with desk(limits=limits) as one:
        first = await one.ask(ASK, stream=False)
        await one.ask(ASK, stream=True)
        third = await one.ask(ASK, stream=True)
        with pytest.raises(RateLimited) as caught:
            await one.ask(ASK, stream=True)
    assert first.rate is not None
    assert third.rate is not None
    assert caught.value.rate is not None
    assert [first.rate.requests_left, third.rate.requests_left, caught.value.rate.requests_left] == [2, 0, 0]
    assert first.rate.requests_reset is not None
    assert 0 < first.rate.requests_reset <= 60
    assert first.rate.tokens_left is not None
    assert 90_000 < first.rate.tokens_left < 100_000
    assert caught.value.retry_after is not None


async def test_every_odd_conversation_is_taken() -> None:
    """The simulator refuses what the API refuses."""
    odd = (
        Message(role="assistant", content="Hello!"),
        Message(role="assistant", content=" "),
        Message(role="tool", content="of no call", tool_call_id="x"),
        Message(role="user", content="One."),
        Message(role="user", content="Two."),
        Message(role="assistant", content=orjson.dumps({"a": 1}).decode()),
    )
    async with desk() as one:
        for at in range(len(odd) + 1):
            assert (await one.ask(replace(ASK, messages=odd[:at]), stream=bool(at % 2))).text
