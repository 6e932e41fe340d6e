"""A provider without a network, for tests of everything that asks models."""

import asyncio
from collections import deque
from collections.abc import Callable

from streamguard.clock import FakeClock
from streamguard.providers.contract import ChatAnswer, ChatRequest
from streamguard.providers.errors import CallFailed, CallTimeout

Scripted = ChatAnswer | CallFailed | float
"""What a call does: gives this answer, raises this error, or takes so many seconds (longer than allowed: a timeout)."""


class FakeProvider:
    """Plays a script, one entry a call; after its end, `default` for ever.

    `asked` lists the calls with their timeouts. With a `clock`, a number in the script moves it, cut at the timeout.
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
        self.asked: list[tuple[ChatRequest, float]] = []
        self.closed = False

    async def chat(self, ask: ChatRequest, *, timeout: float) -> ChatAnswer:
        self.asked.append((ask, timeout))
        await asyncio.sleep(0)
        entry = self._script.popleft() if self._script else self._default
        if isinstance(entry, float | int):
            if self._clock is not None:
                self._clock.advance(min(entry, timeout))
            if entry >= timeout:
                raise CallTimeout
            return ChatAnswer("ok", finish_reason="stop")
        if isinstance(entry, CallFailed):
            raise entry
        return entry if isinstance(entry, ChatAnswer) else entry(ask)

    async def aclose(self) -> None:
        self.closed = True
