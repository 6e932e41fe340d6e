"""The bytes of the simulator's answers, and what can be done to a connection."""

import math
import socket
import struct
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from streamguard.dev.simulator.chat import BadRequest

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


def slices(text: str) -> list[str]:
    """A tool's arguments in the pieces that a stream brings, 16 at most, cut anywhere; joined they are the arguments."""
    size = max(4, math.ceil(len(text) / _PIECES))
    return [text[at : at + size] for at in range(0, len(text), size)]


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


def close(request: web.Request) -> None:
    """End the connection once everything written is sent, whatever is missing of the answer."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.Request) -> None:
    """End the connection with RST instead of FIN."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
