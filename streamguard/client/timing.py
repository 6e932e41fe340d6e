"""How long one waits."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from streamguard.clock import Clock

T = TypeVar("T")


class Limit:
    """Until it is over. Made by `limited`."""

    def __init__(self, timer: asyncio.Task[None]) -> None:
        self._timer = timer

    async def on(self, work: Coroutine[Any, Any, T], over: Callable[[], Exception]) -> T:
        """What `work` returns. Raises what `over` makes when the time is over first: then `work` is called off."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, self._timer}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise over()
            return task.result()
        finally:
            task.cancel()


@contextmanager
def limited(clock: Clock, seconds: float) -> Generator[Limit]:
    """A limit on all that is done in the block, together."""
    timer = asyncio.create_task(clock.sleep(seconds))
    try:
        yield Limit(timer)
    finally:
        timer.cancel()
