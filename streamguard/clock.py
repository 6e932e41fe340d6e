"""The only place that reads the time. Everything that decides by time is given a `Clock`."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations, and waiting. Implementations never block the event loop."""

    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once when they are zero or less."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class FakeClock:
    """A clock for tests that moves when told to, or by each sleep. `slept` lists the sleeps asked for, in seconds."""

    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self._start_us = now_us
        self._passed = 0.0
        self.slept: list[float] = []

    def now_us(self) -> int:
        return self._start_us + round(self._passed * 1e6)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._passed += seconds
