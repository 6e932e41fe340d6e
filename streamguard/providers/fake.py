"""A provider without a network, for tests of everything that asks models."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamguard.clock import FakeClock
from streamguard.events.usage import Usage
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import CallFailed, CallTimeout


@dataclass(frozen=True, slots=True)
class Pieces:
    """A stream: pieces of text, then the answer that they make, or the error that ends it. `told` is the usage so far."""

    pieces: Sequence[str]
    then: CallFailed | None = None
    usage: Usage | None = None
    told: Usage | None = None


Scripted = ChatAnswer | CallFailed | Pieces | float
"""What a call does: gives this answer, raises this error, streams, or takes so many seconds (longer than allowed: a timeout)."""


class FakeProvider:
    """Plays a script, one entry a call; after its end, `default` for ever.

    `asked` lists the calls with their limits. With a `clock`, a number in the script moves it, cut at the timeout.
    A callable as `default` answers by the request.
    """

    def __init__(
        self,
        *script: Scripted,
        default: ChatAnswer | CallFailed | Callable[[ChatRequest], ChatAnswer] | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self._script = deque(script)
        self._default = default if default is not None else ChatAnswer("ok", finish_reason="stop")
        self._clock = clock
        self.asked: list[tuple[ChatRequest, CallLimits]] = []
        self.closed = False

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        self.asked.append((ask, limits))
        await asyncio.sleep(0)
        entry = self._script.popleft() if self._script else self._default
        if isinstance(entry, float | int):
            if self._clock is not None:
                self._clock.advance(min(entry, limits.total))
            if entry >= limits.total:
                raise CallTimeout
            entry = ChatAnswer("ok", finish_reason="stop")
        if isinstance(entry, CallFailed):
            raise entry
        if not isinstance(entry, ChatAnswer | Pieces):
            entry = entry(ask)
        stream = entry if isinstance(entry, Pieces) else Pieces([entry.text], usage=entry.usage)
        if progress is not None:
            progress.opened, progress.usage = True, stream.told
            for piece in stream.pieces:
                await progress.text(piece)
                await asyncio.sleep(0)
        if stream.then is not None:
            raise stream.then
        return entry if isinstance(entry, ChatAnswer) else ChatAnswer("".join(entry.pieces), entry.usage, "stop")

    async def aclose(self) -> None:
        self.closed = True
