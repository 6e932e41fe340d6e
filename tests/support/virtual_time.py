"""An event loop whose time jumps to the next thing that waits for it: minutes of sleeping take no time, and go alike."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """Time as the loop has it. As `streamguard.clock.Clock`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return 1_800_000_000_000_000 + round(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class _Jumping(selectors.SelectSelector):
    """Instead of waiting, time goes on. Sockets that are ready come first."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and for no time: nothing can ever happen again")
            self._clock.seconds += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Jumping(clock))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.seconds


def in_virtual_time(clock: VirtualClock, main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns, run on a loop of its own by this clock. What it leaves running is cancelled."""
    with asyncio.Runner(loop_factory=lambda: _VirtualLoop(clock)) as runner:
        return runner.run(main)
