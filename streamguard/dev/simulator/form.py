"""What the APIs of the simulated providers have in common: how a question is read, and an answer written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from streamguard.dev.simulator.chat import Asked, Reply
from streamguard.dev.simulator.ledger import Tokens
from streamguard.dev.simulator.limits import Room


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply as it goes out: `seq` is the number of the call that it was made for, `created` seconds since the epoch."""

    reply: Reply
    used: Tokens
    seq: int
    created: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a stream, and the text or arguments in them, which are charged for."""

    event: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A whole stream: `head`, the `pieces`, `tail`. `error` can stand in place of any of them but the first."""

    head: bytes
    pieces: tuple[Piece, ...]
    tail: bytes
    error: bytes


class Form(Protocol):
    """The wire shapes of one API."""

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
        """What is asked. Raises `BadRequest`."""
        ...

    def whole(self, asked: Asked, answer: Answer, *, usage: bool) -> bytes:
        """The answer as one JSON text, with its usage or without."""
        ...

    def script(self, asked: Asked, answer: Answer, *, usage: bool) -> Script:
        """The answer as a stream."""
        ...

    def headers(self, seq: int) -> dict[str, str]:
        """What every answer's headers tell: the number of the call."""
        ...

    def room(self, room: Room, now_us: int) -> dict[str, str]:
        """What the headers tell of limits. Empty where there are none."""
        ...

    def failure(self, status: int, code: str, message: str, param: str | None = None) -> web.Response:
        """An error."""
        ...
