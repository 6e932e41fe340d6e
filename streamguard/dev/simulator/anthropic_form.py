"""Anthropic's messages on the wire.

Sources: https://docs.anthropic.com/en/api/messages, /messages-streaming, /errors and /rate-limits
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from streamguard.dev.simulator import anthropic_reading, wire
from streamguard.dev.simulator.chat import Asked
from streamguard.dev.simulator.form import Answer, Piece, Script
from streamguard.dev.simulator.ledger import Tokens
from streamguard.dev.simulator.limits import Left, Room
from streamguard.dev.simulator.tools import ToolUse

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AnthropicForm:
    """Answers are messages with blocks of text and of tool use."""

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
        """See `Form.read`."""
        return anthropic_reading.read_messages(body, headers)

    def whole(self, asked: Asked, answer: Answer, *, usage: bool) -> bytes:
        """See `Form.whole`."""
        said = answer.reply
        content: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
        content += [{**_tool_use(use), "input": _input(use.arguments)} for use in said.tool_uses]
        message = _message(asked, answer) | {"content": content, "stop_reason": _REASONS[said.finish_reason]}
        return orjson.dumps(message | {"usage": _usage(answer.used, answer.used.output)} if usage else message)

    def script(self, asked: Asked, answer: Answer, *, usage: bool) -> Script:
        """See `Form.script`."""
        said = answer.reply
        begun = _message(asked, answer)
        if usage:  # the output is counted from its first token on
            begun["usage"] = _usage(answer.used, min(1, answer.used.output))
        pieces: list[Piece] = []
        index, ending = 0, b""
        if said.text:
            text = _delta(0, "text_delta", "text")
            opening = _start(0, {"type": "text", "text": ""})
            for piece in wire.pieces(said.text):
                pieces.append(Piece(opening + _filled(text, piece), piece))
                opening = b""
            index, ending = 1, _stop(0)
        for use in said.tool_uses:
            opening = ending + _start(index, {**_tool_use(use), "input": {}})
            arguments = _delta(index, "input_json_delta", "partial_json")
            for piece in wire.slices(use.arguments):
                pieces.append(Piece(opening + _filled(arguments, piece), piece))
                opening = b""
            index, ending = index + 1, _stop(index)
        end: dict[str, Any] = {"delta": {"stop_reason": _REASONS[said.finish_reason], "stop_sequence": None}}
        if usage:
            end["usage"] = {"output_tokens": answer.used.output}
        error = {"type": "overloaded_error", "message": "simulated: overloaded"}
        return Script(
            head=_event("message_start", {"message": begun}) + _event("ping", {}),
            pieces=tuple(pieces),
            tail=ending + _event("message_delta", end) + _event("message_stop", {}),
            error=_event("error", {"error": error}),
        )

    def headers(self, seq: int) -> dict[str, str]:
        """See `Form.headers`."""
        return {"request-id": f"req_sim-{seq}"}

    def room(self, room: Room, now_us: int) -> dict[str, str]:
        """See `Form.room`. Resets are points in time."""
        told: dict[str, str] = {}
        for name, left in (("requests", room.requests), ("tokens", room.tokens)):
            if left is not None:
                told |= _left(name, left, now_us)
        return told

    def failure(self, status: int, code: str, message: str, param: str | None = None) -> web.Response:
        """See `Form.failure`. `code` is OpenAI's; Anthropic has one type a status."""
        kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        named = f"{param}: {message}" if param is not None else message
        body = {"type": "error", "error": {"type": kind, "message": named}, "request_id": "req_sim"}
        return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _message(asked: Asked, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{asked.digest.hex()}-{answer.seq}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(used: Tokens, output: int) -> dict[str, Any]:
    """Anthropic's `input_tokens` are without those that have to do with the cache."""
    return {
        "input_tokens": used.input - used.cache_read - used.cache_write,
        "cache_creation_input_tokens": used.cache_write,
        "cache_read_input_tokens": used.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": used.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _tool_use(use: ToolUse) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{use.id}", "name": use.name}


def _input(arguments: str) -> Any:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:  # cut: what Anthropic gives then is what it could read, at worst nothing
        return {}


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %s\n%s" % (name.encode(), wire.data({"type": name, **data}))


def _start(index: int, block: Mapping[str, Any]) -> bytes:
    return _event("content_block_start", {"index": index, "content_block": block})


def _stop(index: int) -> bytes:
    return _event("content_block_stop", {"index": index})


def _delta(index: int, kind: str, key: str) -> tuple[bytes, bytes]:
    """A delta in two parts, between which a piece goes: all deltas of a block are alike but for that."""
    before, _, after = _event("content_block_delta", {"index": index, "delta": {"type": kind, key: 0}}).rpartition(b"0")
    return before, after


def _filled(frame: tuple[bytes, bytes], piece: str) -> bytes:
    return frame[0] + orjson.dumps(piece) + frame[1]


def _left(name: str, left: Left, now_us: int) -> dict[str, str]:
    reset = _EPOCH + timedelta(microseconds=now_us, seconds=left.reset)
    return {
        f"anthropic-ratelimit-{name}-limit": str(left.most),
        f"anthropic-ratelimit-{name}-remaining": str(left.left),
        f"anthropic-ratelimit-{name}-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
