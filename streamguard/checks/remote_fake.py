"""A remote model without a network, for tests of everything that asks one."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from streamguard.checks.remote import RemoteScores
from streamguard.clock import FakeClock
from streamguard.errors import ProviderError

Scripted = RemoteScores | ProviderError | float
"""What a call does: gives each text these scores, raises this error, or takes so many seconds (too many: a timeout)."""


class FakeRemoteModel:
    """Plays a script, one entry a call; after its end, `default` for ever: scores, an error, or a function of a text.

    `asked` lists the calls: their texts and timeouts. With a `clock`, a number in the script moves it, cut at the timeout.
    """

    def __init__(
        self,
        *script: Scripted,
        default: RemoteScores | ProviderError | Callable[[str], RemoteScores] | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self._script = deque(script)
        self._default = {"benign": 1.0} if default is None else default
        self._clock = clock
        self.asked: list[tuple[tuple[str, ...], float]] = []
        self.closed = False

    async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[RemoteScores]:
        self.asked.append((tuple(texts), timeout))
        await asyncio.sleep(0)
        entry = self._script.popleft() if self._script else self._default
        if isinstance(entry, float | int):
            if self._clock is not None:
                self._clock.advance(min(entry, timeout))
            if entry >= timeout:
                raise ProviderError("timeout", retriable=True)
            entry = {"benign": 1.0}
        if isinstance(entry, ProviderError):
            raise entry
        return [entry(text) if callable(entry) else entry for text in texts]

    async def aclose(self) -> None:
        self.closed = True
