"""Messages and streams as Anthropic writes them, after its documentation."""

from collections.abc import Iterator
from typing import Any

import orjson

from streamguard.events.request import JsonSchemaFormat
from streamguard.events.usage import Usage
from streamguard.providers.anthropic_form import form_of

COUNTS = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 3000,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 7,
    "service_tier": "standard",
}
USAGE = Usage(input_tokens=3210, output_tokens=7, cache_read_tokens=3000, cache_write_tokens=200)
OBJECT = form_of(JsonSchemaFormat(schema={"type": "object"}))
LIST = form_of(JsonSchemaFormat(schema={"type": "array"}))
TEXT = {"type": "text", "text": "Hello, Oslo!"}
THOUGHT = {"type": "thinking", "thinking": "They mean the town.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "c2VjcmV0"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"id": 7}}
BARE = {"type": "tool_use", "id": "toolu_2", "name": "list_all", "input": {}}
IN_FORM = {"type": "tool_use", "id": "toolu_3", "name": "answer", "input": {"a": [1]}}
IN_LIST = {"type": "tool_use", "id": "toolu_3", "name": "answer", "input": {"value": [1, {"b": {}}]}}


def message(*blocks: dict[str, Any], reason: str = "end_turn", **changes: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(blocks),
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": COUNTS,
        **changes,
    }


def _cut(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in _cut(block["text"]))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            written = orjson.dumps(block["input"]).decode() if block["input"] else ""
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ["", *_cut(written)])
        case _:
            pass


def events(*blocks: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """The stream that Anthropic sends for a message."""
    told = message(*blocks, **changes)
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
    made: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {**told, "content": [], "stop_reason": None, "usage": {**told["usage"], "output_tokens": 1}},
        },
        {"type": "ping"},
    ]
    for index, block in enumerate(blocks):
        opened = {**block, **empty.get(block["type"], {})}
        made.append({"type": "content_block_start", "index": index, "content_block": opened})
        made += ({"type": "content_block_delta", "index": index, "delta": delta} for delta in _deltas(block))
        made.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": told["stop_reason"], "stop_sequence": None}
    made.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": told["usage"]["output_tokens"]}})
    made.append({"type": "message_stop"})
    return made
