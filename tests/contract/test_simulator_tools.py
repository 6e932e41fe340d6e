"""Tools over the simulator's side of OpenAI's API, and its cache of prompts."""

from collections import defaultdict
from typing import Any

import jsonschema_rs
import orjson
import pytest

from streamguard.dev.simulator import DEFAULT_PRICES, Fault
from streamguard.dev.simulator.tokens import count
from tests.support.simulated import OPENAI, QUESTION, Heard, simulated

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"order": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["order", "note"],
    "additionalProperties": False,
}
TRACK: dict[str, Any] = {"type": "function", "function": {"name": "track", "parameters": SCHEMA}}
REFUND: dict[str, Any] = {"type": "function", "function": {"name": "refund"}}
TOOLS: dict[str, Any] = {"tools": [TRACK, REFUND]}
NAMED: dict[str, Any] = {"tools": [TRACK, REFUND], "tool_choice": {"type": "function", "function": {"name": "track"}}}


def calls_of(heard: Heard) -> tuple[str | None, list[tuple[str, str]], str]:
    """Text, names and arguments, and the reason of the end; of a stream put together by index."""
    if not heard.headers["content-type"].startswith("text/event-stream"):
        [choice] = heard.json["choices"]
        made = choice["message"].get("tool_calls", [])
        named = [(call["function"]["name"], call["function"]["arguments"]) for call in made]
        return choice["message"]["content"], named, choice["finish_reason"]
    names: dict[int, str] = {}
    arguments: defaultdict[int, str] = defaultdict(str)
    text, reason = "", ""
    for event in heard.events:
        for choice in event["choices"]:
            text += choice["delta"].get("content") or ""
            reason = choice["finish_reason"] or reason
            for call in choice["delta"].get("tool_calls", []):
                if "id" in call:
                    assert call["index"] == len(names)
                    assert call["type"] == "function"
                    names[call["index"]] = call["function"]["name"]
                arguments[call["index"]] += call["function"]["arguments"]
    return text or None, [(name, arguments[index]) for index, name in names.items()], reason


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_asked_for_by_name_is_called_as_its_schema_wants(stream: bool) -> None:
    async with simulated() as client:
        for number in range(5):
            heard = await client.ask(OPENAI, OPENAI.body(f"{number}?", stream=stream, **NAMED))
            text, [(name, arguments)], reason = calls_of(heard)
            assert (text, name, reason) == (None, "track", "stop")  # as OpenAI ends a named one
            jsonschema_rs.validate(SCHEMA, orjson.loads(arguments))
            assert (await client.last_call())["output_tokens"] == count(arguments)


@pytest.mark.parametrize("stream", [False, True])
async def test_when_some_tool_is_required_one_or_two_are_called(stream: bool) -> None:
    async with simulated() as client:
        called: set[int] = set()
        for number in range(30):
            heard = await client.ask(OPENAI, OPENAI.body(f"{number}?", stream=stream, **TOOLS, tool_choice="required"))
            text, made, reason = calls_of(heard)
            assert (text, reason) == (None, "tool_calls")
            assert {name for name, _ in made} <= {"track", "refund"}
            called.add(len(made))
            assert (await client.last_call())["output_tokens"] == count("".join(arguments for _, arguments in made))
        assert called == {1, 2}
        one = OPENAI.body(**TOOLS, tool_choice="required", parallel_tool_calls=False)
        assert {len(calls_of(await client.ask(OPENAI, one))[1]) for _ in range(20)} == {1}


async def test_a_free_model_calls_tools_in_its_share_the_same_way_each_time() -> None:
    async def called(share: float) -> list[int]:
        async with simulated(tool_share=share) as client:
            bodies = [OPENAI.body(f"{number}?", **TOOLS) for number in range(30)]
            return [len(calls_of(await client.ask(OPENAI, body))[1]) for body in bodies]

    sometimes = await called(0.5)
    assert sometimes == await called(0.5)
    assert 5 <= sometimes.count(0) <= 25
    assert set(await called(0.0)) == {0}
    assert 0 not in await called(1.0)


async def test_no_tools_and_forbidden_tools_leave_the_answer_as_it_was() -> None:
    async with simulated() as client:
        plain = await client.ask(OPENAI, OPENAI.body())
        for _ in range(10):
            text, made, reason = calls_of(await client.ask(OPENAI, OPENAI.body(**TOOLS, tool_choice="none")))
            assert (made, reason) == ([], "stop")
            assert text
    assert "tool_calls" not in plain.json["choices"][0]["message"]


async def test_the_result_of_a_tool_is_answered_with_text() -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": "In Graz."},
    ]
    async with simulated(tool_share=1.0) as client:
        text, made, _ = calls_of(await client.ask(OPENAI, OPENAI.body(**TOOLS) | {"messages": messages}))
        lost = await client.ask(OPENAI, OPENAI.body(**TOOLS) | {"messages": [messages[0], messages[2]]})
    assert made == []
    assert text
    assert lost.status == 400


async def test_arguments_are_broken_or_cut_like_every_answer() -> None:
    async with simulated(Fault.BROKEN_JSON) as client:
        _, [(_, arguments)], _ = calls_of(await client.ask(OPENAI, OPENAI.body(**NAMED)))
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(arguments)
    async with simulated() as client:
        _, [(_, arguments)], reason = calls_of(await client.ask(OPENAI, OPENAI.body(**NAMED, max_tokens=4)))
        assert (reason, count(arguments)) == ("length", 4)


@pytest.mark.parametrize(
    "change",
    [
        {"tool_choice": "required"},
        {"tools": "track"},
        {"tools": [{"type": "function"}]},
        {**TOOLS, "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {**TOOLS, "tool_choice": "always"},
    ],
)
async def test_wrong_words_about_tools_are_refused(change: dict[str, Any]) -> None:
    async with simulated() as client:
        heard = await client.ask(OPENAI, OPENAI.body(**change))
    assert heard.status == 400
    assert "tool" in heard.json["error"]["param"]


async def test_a_long_prompt_is_cached_where_that_is_wanted() -> None:
    rules = {"role": "system", "content": "A rule of the house that is always the same. " * 150}
    body = OPENAI.body() | {"messages": [rules, {"role": "user", "content": QUESTION}]}
    again = body | {"messages": [rules, {"role": "user", "content": "And order 78?"}]}
    async with simulated(cache_automatically=True) as client:
        first = (await client.ask(OPENAI, body)).json["usage"]["prompt_tokens_details"]["cached_tokens"]
        usage = (await client.ask(OPENAI, again)).json["usage"]
        call = await client.last_call()
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert first == 0
    assert 1024 <= cached < usage["prompt_tokens"]
    assert cached % 128 == 0
    price = DEFAULT_PRICES[OPENAI.model]
    assert (call["cache_read_tokens"], call["cache_write_tokens"], price.cache_read) == (cached, 0, 75)
    fresh = usage["prompt_tokens"] - cached
    assert call["cost_nusd"] == fresh * 150 + cached * 75 + usage["completion_tokens"] * 600
    async with simulated() as client:
        for asked in (body, again):
            usage = (await client.ask(OPENAI, asked)).json["usage"]
            assert usage["prompt_tokens_details"]["cached_tokens"] == 0
