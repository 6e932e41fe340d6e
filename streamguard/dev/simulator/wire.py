"""The bytes of the simulator's answers, and what can be done to a connection."""

import math
import socket
import struct
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from streamguard.dev.simulator.chat import BadRequest, Reply

_PIECES = 16


def inputs(body: Mapping[str, Any]) -> list[str]:
    """The texts of an embedding or moderation request. Raises `BadRequest`."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequest("input must be a string or a list of strings", "input")
    return [str(text) for text in texts]


def pieces(text: str) -> list[str]:
    """An answer in the pieces that a stream brings, 16 at most; joined they are the answer."""
    words = text.split(" ")
    size = max(1, math.ceil(len(words) / _PIECES))
    groups = [" ".join(words[at : at + size]) for at in range(0, len(words), size)]
    return [group if number == 0 else f" {group}" for number, group in enumerate(groups)] if text else []


def usage(answer: Reply) -> dict[str, Any]:
    """The `usage` of an answer as OpenAI writes it."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def event(envelope: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    """One chunk of a stream as a server-sent event."""
    return data(
        {**envelope, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}
    )


def data(chunk: object) -> bytes:
    """A server-sent event."""
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def failure(status: int, code: str, message: str, param: str | None) -> web.Response:
    """An error as OpenAI writes it."""
    error = {"message": message, "type": code, "param": param, "code": code}
    return web.Response(body=orjson.dumps({"error": error}), status=status, content_type="application/json")


def still_there(request: web.Request) -> bool:
    """Whether the client's connection stands, as far as this side can know."""
    return request.transport is not None and not request.transport.is_closing()


def reset(request: web.Request) -> None:
    """End the connection with RST instead of FIN."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
