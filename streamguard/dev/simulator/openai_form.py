"""OpenAI's chat completions on the wire. Source: https://platform.openai.com/docs/api-reference/chat"""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from streamguard.dev.simulator import openai_reading, wire
from streamguard.dev.simulator.chat import Asked, Reply
from streamguard.dev.simulator.form import Answer, Piece, Script
from streamguard.dev.simulator.ledger import Tokens
from streamguard.dev.simulator.limits import Left, Room

_HERE = "\x00"
"""Stands in an encoded chunk where a piece of text belongs."""
_MARK = orjson.dumps(_HERE)


class OpenAIForm:
    """`fingerprint` is the `system_fingerprint` of all answers. `caching`: prompts are cached without being marked."""

    def __init__(self, fingerprint: str, *, caching: bool) -> None:
        self._fingerprint = fingerprint
        self._caching = caching

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
        """See `Form.read`."""
        return openai_reading.read_chat(body, caching=self._caching)

    def whole(self, asked: Asked, answer: Answer, *, usage: bool) -> bytes:
        """See `Form.whole`."""
        said = answer.reply
        message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
        if said.tool_uses:
            message["content"] = said.text or None
            message["tool_calls"] = [
                {"id": f"call_{use.id}", "type": "function", "function": {"name": use.name, "arguments": use.arguments}}
                for use in said.tool_uses
            ]
        choice = {"index": 0, "message": message, "logprobs": said.logprobs, "finish_reason": _reason(asked, said)}
        body = {**self._envelope(asked, answer), "object": "chat.completion", "choices": [choice]}
        return orjson.dumps({**body, "usage": _usage(answer.used)} if usage else body)

    def script(self, asked: Asked, answer: Answer, *, usage: bool) -> Script:
        """See `Form.script`."""
        envelope = {**self._envelope(asked, answer), "object": "chat.completion.chunk"}
        said = answer.reply
        text = _frame(envelope, {"content": _HERE})
        pieces = [Piece(_filled(text, piece), piece) for piece in wire.pieces(said.text)]
        for index, use in enumerate(said.tool_uses):
            begun = {"index": index, "id": f"call_{use.id}", "type": "function"}
            opening = _event(envelope, {"tool_calls": [{**begun, "function": {"name": use.name, "arguments": ""}}]})
            arguments = _frame(envelope, {"tool_calls": [{"index": index, "function": {"arguments": _HERE}}]})
            for piece in wire.slices(use.arguments):
                pieces.append(Piece(opening + _filled(arguments, piece), piece))
                opening = b""
        content = None if said.tool_uses and not said.text else ""
        tail = _event(envelope, {}, _reason(asked, said))
        if asked.include_usage and usage:
            tail += wire.data({**envelope, "choices": [], "usage": _usage(answer.used)})
        error = {"message": "simulated: server_error", "type": "server_error", "param": None, "code": "server_error"}
        return Script(
            head=_event(envelope, {"role": "assistant", "content": content}),
            pieces=tuple(pieces),
            tail=tail + b"data: [DONE]\n\n",
            error=wire.data({"error": error}),
        )

    def headers(self, seq: int) -> dict[str, str]:
        """See `Form.headers`."""
        return {"X-Request-Id": f"sim-{seq}"}

    def room(self, room: Room, now_us: int) -> dict[str, str]:
        """See `Form.room`."""
        told: dict[str, str] = {}
        for name, left in (("requests", room.requests), ("tokens", room.tokens)):
            if left is not None:
                told |= _left(name, left)
        return told

    def failure(self, status: int, code: str, message: str, param: str | None = None) -> web.Response:
        """See `Form.failure`."""
        return wire.failure(status, code, message, param)

    def _envelope(self, asked: Asked, answer: Answer) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{asked.digest.hex()}-{answer.seq}",
            "created": answer.created,
            "model": asked.model,
            "system_fingerprint": self._fingerprint,
        }


def _reason(asked: Asked, said: Reply) -> str:
    # a tool that was asked for by its name ends with `stop`, as OpenAI does it
    return "stop" if said.finish_reason == "tool_calls" and asked.tools.named is not None else said.finish_reason


def _usage(used: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _event(envelope: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    return wire.data(
        {**envelope, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}
    )


def _frame(envelope: Mapping[str, Any], delta: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """A chunk in two parts, between which a piece goes: all chunks of a stream are alike but for that."""
    before, _, after = _event(envelope, delta).partition(_MARK)
    return before, after


def _filled(frame: tuple[bytes, bytes], piece: str) -> bytes:
    return frame[0] + orjson.dumps(piece) + frame[1]


def _left(name: str, left: Left) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{name}": str(left.most),
        f"x-ratelimit-remaining-{name}": str(left.left),
        f"x-ratelimit-reset-{name}": _go_duration(left.reset),
    }


def _go_duration(seconds: float) -> str:
    """As Go writes durations: `6m0s`, `1.5s`, `20ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
