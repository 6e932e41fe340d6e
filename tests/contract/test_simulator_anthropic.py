"""The simulator's side of Anthropic's messages."""

from typing import Any

import orjson
import pytest

from streamguard.dev.simulator import DEFAULT_PRICES, Fault
from streamguard.dev.simulator.tokens import count, count_messages
from tests.support.simulated import ANTHROPIC, QUESTION, SYSTEM, simulated

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"category": {"enum": ["billing", "delivery"]}, "note": {"type": "string"}},
    "required": ["category", "note"],
}
TOOL: dict[str, Any] = {"name": "ticket", "description": "Files a ticket.", "input_schema": SCHEMA}
FORCED: dict[str, Any] = {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "ticket"}}
LONG = "A rule of the house that is always the same. " * 120
MARK = {"cache_control": {"type": "ephemeral"}}


async def test_an_answer_has_anthropics_form() -> None:
    async with simulated() as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body())
        call = await client.last_call()
    said = heard.json["content"][0]["text"]
    assert "[EMAIL_1]" in said
    assert {key: heard.json[key] for key in ("type", "role", "model", "stop_reason", "stop_sequence")} == {
        "type": "message",
        "role": "assistant",
        "model": ANTHROPIC.model,
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    usage = heard.json["usage"]
    assert usage["input_tokens"] == count_messages([("system", SYSTEM), ("user", QUESTION)])
    assert usage["output_tokens"] == count(said)
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (0, 0)
    assert heard.json["id"].endswith(f"-{call['seq']}")
    assert heard.headers["request-id"] == f"req_sim-{call['seq']}"
    price = DEFAULT_PRICES[ANTHROPIC.model]
    assert call["cost_nusd"] == usage["input_tokens"] * price.input + count(said) * price.output


async def test_a_stream_has_anthropics_events_and_counts() -> None:
    async with simulated() as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body(stream=True))
        call = await client.last_call()
    assert heard.headers["content-type"].startswith("text/event-stream")
    named = [line[7:] for line in heard.body.decode().splitlines() if line.startswith("event: ")]
    assert named == [event["type"] for event in heard.events]
    deltas = named.count("content_block_delta")
    assert deltas > 1
    assert named == [
        "message_start",
        "ping",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    begun, end = heard.events[0]["message"], heard.events[-2]
    assert (begun["content"], begun["stop_reason"], begun["usage"]["output_tokens"]) == ([], None, 1)
    assert begun["usage"]["input_tokens"] == call["input_tokens"]
    assert end["delta"]["stop_reason"] == "end_turn"
    assert end["usage"]["output_tokens"] == count(ANTHROPIC.text(heard.events)) == call["output_tokens"]


async def test_the_same_seed_says_the_same_over_both_wires() -> None:
    async with simulated(seed=3) as one, simulated(seed=3) as other:
        whole = await one.ask(ANTHROPIC, ANTHROPIC.body())
        streamed = await other.ask(ANTHROPIC, ANTHROPIC.body(stream=True))
    assert whole.json["content"][0]["text"] == ANTHROPIC.text(streamed.events)


async def test_an_answer_is_cut_at_the_most_tokens() -> None:
    async with simulated() as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body(max_tokens=7))
    assert (heard.json["stop_reason"], heard.json["usage"]["output_tokens"]) == ("max_tokens", 7)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_forced_tool_is_used_as_its_schema_wants(stream: bool) -> None:
    async with simulated() as client:
        for number in range(5):
            heard = await client.ask(ANTHROPIC, ANTHROPIC.body(f"{number}?", stream=stream, **FORCED))
            call = await client.last_call()
            if stream:
                [opening] = [event for event in heard.events if event["type"] == "content_block_start"]
                block, used = opening["content_block"], orjson.loads(ANTHROPIC.text(heard.events))
                reason = heard.events[-2]["delta"]["stop_reason"]
                assert block["input"] == {}
            else:
                [block] = heard.json["content"]
                used, reason = block["input"], heard.json["stop_reason"]
            assert (block["type"], block["name"], reason) == ("tool_use", "ticket", "tool_use")
            assert used["category"] in ("billing", "delivery")
            assert call["output_tokens"] == count(orjson.dumps(used).decode())


async def test_faults_of_json_befall_forced_tools() -> None:
    async with simulated(Fault.WRONG_SCHEMA) as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body(**FORCED))
        assert heard.json["content"][0]["input"] == {"unexpected": True}
    async with simulated(Fault.BROKEN_JSON) as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body(**FORCED))
        assert heard.json["content"][0]["input"] == {}
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body(stream=True, **FORCED))
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(ANTHROPIC.text(heard.events))


async def test_a_free_tool_is_used_now_and_then_and_its_result_is_answered_with_text() -> None:
    async with simulated() as client:
        kinds: set[tuple[str, ...]] = set()
        for number in range(30):
            heard = await client.ask(ANTHROPIC, ANTHROPIC.body(f"{number}?", stream=True, tools=[TOOL]))
            starts = [event["content_block"] for event in heard.events if event["type"] == "content_block_start"]
            kinds.add(tuple(block["type"] for block in starts))
        assert kinds == {("text",), ("tool_use",), ("text", "tool_use")}
        use = {"type": "tool_use", "id": "toolu_1", "name": "ticket", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "It is filed."}
        messages = [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
        for _ in range(10):
            heard = await client.ask(ANTHROPIC, ANTHROPIC.body(tools=[TOOL]) | {"messages": messages})
            assert heard.json["stop_reason"] == "end_turn"


async def test_a_marked_prompt_is_written_to_the_cache_and_then_read() -> None:
    body = ANTHROPIC.body() | {"system": [{"type": "text", "text": LONG, **MARK}]}
    async with simulated() as client:
        fresh = (await client.ask(ANTHROPIC, body)).json["usage"]
        written = await client.last_call()
        other = body | {"messages": [{"role": "user", "content": "And order 78?"}]}
        heard = await client.ask(ANTHROPIC, other | {"stream": True})
        read = await client.last_call()
        elsewhere = (await client.ask(ANTHROPIC, body | {"model": "claude-3-5-sonnet-latest"})).json["usage"]
    cached = fresh["cache_creation_input_tokens"]
    assert cached == 3 + count("system") + count(LONG)
    assert (fresh["cache_read_input_tokens"], elsewhere["cache_read_input_tokens"]) == (0, 0)
    begun = heard.events[0]["message"]["usage"]
    assert (begun["cache_read_input_tokens"], begun["cache_creation_input_tokens"]) == (cached, 0)
    assert begun["input_tokens"] + cached == read["input_tokens"]
    fields = ("cache_write_tokens", "cache_read_tokens")
    assert [[call[name] for name in fields] for call in (written, read)] == [[cached, 0], [0, cached]]
    price = DEFAULT_PRICES[ANTHROPIC.model]
    assert (price.cache_write, price.cache_read) == (1_000, 80)
    assert written["cost_nusd"] == fresh["input_tokens"] * 800 + cached * 1_000 + fresh["output_tokens"] * 4_000
    assert read["cost_nusd"] == begun["input_tokens"] * 800 + cached * 80 + read["output_tokens"] * 4_000


async def test_a_short_prompt_is_not_cached() -> None:
    body = ANTHROPIC.body() | {"system": [{"type": "text", "text": SYSTEM, **MARK}]}
    async with simulated() as client:
        for _ in range(2):
            usage = (await client.ask(ANTHROPIC, body)).json["usage"]
            assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (0, 0)


def _messages(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages)}


def _user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"max_tokens": None}, "max_tokens"),
        (_messages(), "messages"),
        (_messages({"role": "assistant", "content": "Hello."}), "user role"),
        (_messages({"role": "system", "content": "Be brief."}), "messages.0.role"),
        (_messages(_user({"type": "text", "text": ""})), "non-empty"),
        (_messages({"role": "user", "content": ""}), "non-empty"),
        (_messages(_user({"type": "tool_result", "tool_use_id": "x", "content": "y"})), "tool_result"),
        (_messages(_user({"type": "tool_use", "id": "x", "name": "y", "input": {}})), "messages.0.content"),
        (
            _messages(
                _user({"type": "text", "text": "a"}),
                {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "y", "input": {}}]},
            ),
            "tool_use",
        ),
        ({"system": [{"type": "text", "text": "a", "cache_control": {"type": "forever"}}]}, "cache_control"),
        ({"system": [{"type": "text", "text": "a", **MARK}] * 5}, "cache_control"),
        ({"tools": [{"name": "t", "input_schema": {"type": "array"}}]}, "input_schema"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "other"}}, "tool_choice"),
    ],
)
async def test_what_the_api_refuses_is_refused(change: dict[str, Any], names: str) -> None:
    async with simulated() as client:
        heard = await client.ask(ANTHROPIC, ANTHROPIC.body() | change)
    assert (heard.status, heard.json["type"], heard.json["error"]["type"]) == (400, "error", "invalid_request_error")
    assert names in heard.json["error"]["message"]


async def test_the_version_is_asked_for_and_an_unknown_model_is_not_found() -> None:
    async with simulated() as client:
        without = await client.http.post(ANTHROPIC.path, json=ANTHROPIC.body())
        unknown = await client.ask(ANTHROPIC, ANTHROPIC.body() | {"model": "claude-99"})
    assert (without.status_code, "anthropic-version" in without.json()["error"]["message"]) == (400, True)
    assert (unknown.status, unknown.json["error"]["type"]) == (404, "not_found_error")
