"""How long a call is waited for, from one moment to the next."""

import asyncio
from types import TracebackType

from streamguard.providers.contract import CallLimits
from streamguard.providers.errors import CallTimeout


class Patience:
    """Until when the next thing must have come, and what it means when it has not. Ends what is inside it with `TimeoutError`.

    A stream moves the point in time with each piece; the timer follows only once it fires, since setting one costs more than
    reading a piece.
    """

    def __init__(self, limits: CallLimits) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._end = self._due = self._now() + limits.total
        self._timeout = asyncio.timeout(None)
        self._set_for = self._end
        self._timer = self._loop.call_at(self._end, self._check)
        self.late: type[CallTimeout] = CallTimeout

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    @property
    def expired(self) -> bool:
        """Whether it was this that ended what was inside."""
        return self._timeout.expired()

    def wait(self, seconds: float | None, kind: type[CallTimeout]) -> None:
        """From now on for `seconds`; None: until the end of all."""
        due = self._end if seconds is None else self._now() + seconds
        if due < self._end:
            self._due, self.late = due, kind
            if due < self._set_for:
                self._set(due)
        else:
            self._due, self.late = self._end, CallTimeout

    def _check(self) -> None:
        if self._now() < self._due:
            self._set(self._due)
        else:
            self._timeout.reschedule(self._due)

    def _set(self, due: float) -> None:
        self._timer.cancel()
        self._set_for = due
        self._timer = self._loop.call_at(due, self._check)
