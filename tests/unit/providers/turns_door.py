"""Turns at one model on a loop of virtual time, for tests."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from streamguard.config import BatchLane, Concurrency
from streamguard.providers.turns import Turn, Turns
from tests.support.virtual_time import VirtualClock, in_virtual_time


class Door:
    """Turns at one model with `most` places, and a clock."""

    def __init__(self, most: int = 2, batch: BatchLane | None = None) -> None:
        self.clock = VirtualClock()
        self.turns = Turns(Concurrency(), batch or BatchLane(), self.clock, lambda _: most)
        self.log: list[tuple[str, float]] = []

    async def enter(
        self, longest: float = 5.0, lane: str = "interactive", tokens: int = 10, model: str = "m"
    ) -> Turn | None:
        return await self.turns.enter("p", model, lane, tokens=tokens, longest=longest)

    async def must(self, longest: float = 5.0, lane: str = "interactive", tokens: int = 10, model: str = "m") -> Turn:
        turn = await self.enter(longest, lane, tokens, model)
        assert turn is not None
        return turn

    async def call(self, name: str, seconds: float, lane: str = "interactive", longest: float = 60.0) -> None:
        turn = await self.enter(longest, lane)
        self.log.append((name if turn else f"no {name}", self.clock.seconds))
        if turn:
            await self.clock.sleep(seconds)
            turn.answered(None)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        in_virtual_time(self.clock, main)


async def settled() -> None:
    """Everything that can go on without time has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def others() -> int:
    """Tasks that are left, once those that were cancelled are gone."""
    await settled()
    return len(asyncio.all_tasks()) - 1
