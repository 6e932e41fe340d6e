"""Cutting off work when its request is cancelled from outside.

Made as `asyncio.timeout` is (CPython, `Lib/asyncio/timeouts.py`): the task that runs the body is cancelled, and at the end of the
body exactly that cancellation, told from others by `Task.cancelling()`, becomes `Stopped`.
"""

import asyncio
from types import TracebackType
from typing import Self

from streamguard.errors import StreamguardError


class Stopped(StreamguardError):
    """What ran was cut off because nobody waits for it any more."""


class until:
    """`async with until(stop): …` runs the body until `stop` is set; None never stops.

    Raises `Stopped` when the body was cut off, and before it begins when `stop` is set already. A cancellation from elsewhere, or
    a timeout around it, goes through as it is, also when both come at once; so does another error that the body raises while
    it is cut off. A body that ends in order was not stopped, whatever has been set meanwhile. Not reusable.
    """

    def __init__(self, stop: asyncio.Event | None) -> None:
        self._stop = stop
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[bool] | None = None
        self._cancelling = 0
        self._cut = False

    async def __aenter__(self) -> Self:
        if self._stop is None:
            return self
        if self._stop.is_set():
            raise Stopped("stopped before it began")
        task = asyncio.current_task()
        assert task is not None, "there is a task wherever there is `async with`"
        self._task, self._cancelling = task, task.cancelling()
        self._watcher = asyncio.create_task(self._stop.wait())
        self._watcher.add_done_callback(self._was_set)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is None or self._watcher is None:
            return
        self._watcher.cancel()  # ends in the loop's next round; waiting for it would be one more place to be cancelled at
        if self._cut and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise Stopped("stopped while it ran") from error

    def _was_set(self, watcher: asyncio.Task[bool]) -> None:
        # may be called after the body has ended: the callback was on its way
        if self._task is not None and not watcher.cancelled():
            self._cut = True
            self._task.cancel()
