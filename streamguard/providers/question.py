"""One request to be answered, as the invoker takes it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamguard.events.request import ToolCall
from streamguard.events.stages import Ask, CacheEntry, Reservation

FormCheck = Callable[[str, Sequence[ToolCall]], str | None]
"""Says what is wrong with the form of an answer (its text and the tools it calls), in words made for the model that hold nothing
of the answer itself; None where it is right."""


class Audience(Protocol):
    """Who watches an answer while it is written. Nothing that it does may make a call fail."""

    async def begin(self) -> None:
        """A call begins: what it brings takes the place of all that an earlier one brought."""
        ...

    async def text(self, piece: str) -> None:
        """The next piece of the answer."""
        ...

    async def end(self) -> None:
        """The answer of this call is complete, and it is the one that stands."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, and within which bounds.

    `call_id_base` names the request's run: all its calls are named below it. `conversation` is what a canary's share is drawn
    by. `input_tokens` are the prompt's, as guard counted them. `deadline_us` is in microseconds since the epoch. Once `stop` is
    set, whatever runs is cut off and the request fails with `cancelled`.
    """

    ask: Ask
    call_id_base: str
    reservation: Reservation
    conversation: str = ""
    lane: str = "interactive"
    input_tokens: int = 0
    deadline_us: int | None = None
    check: FormCheck | None = None
    stale: CacheEntry | None = None
    audience: Audience | None = None
    stop: asyncio.Event | None = None
