"""The faults: what each inflicts and heals, and how long the line must at least be silent where it strikes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from tests.chaos.driver import Driver
from tests.chaos.fleet import Fleet
from tests.support.kafka import KafkaNode

T = TypeVar("T")


@dataclass
class Scene:
    """What faults can reach. `nodes` are operated in one thread that lives as long as they do, beside the event loop."""

    fleet: Fleet
    driver: Driver
    nodes: Sequence[KafkaNode]
    operator: ThreadPoolExecutor
    start_seconds: float = 0.0
    """How long a worker took from its start until what its stages rely on was there."""
    _struck: set[str] = field(default_factory=set[str])
    _freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def operate(self, work: Callable[[], T]) -> T:
        """Do something to a node that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self.operator, work)

    @asynccontextmanager
    async def claimed(self, draw: Random, candidates: Callable[[], Sequence[str]]) -> AsyncGenerator[str]:
        """One of the candidates that no other fault holds; waits for one."""
        async with self._freed:
            await self._freed.wait_for(lambda: set(candidates()) - self._struck)
            name = draw.choice([one for one in candidates() if one not in self._struck])
            self._struck.add(name)
        try:
            yield name
        finally:
            async with self._freed:
                self._struck.discard(name)
                self._freed.notify_all()

    def only(self, name: str):
        """Hold this one thing."""
        return self.claimed(Random(0), lambda: [name])


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` inflicts it and returns, healed, with the name of what it struck. `on` is what kind of thing that is; two
    faults on one kind of thing are not mixed, except on workers. `floor` is the least possible silence in seconds, and
    `because` what it is made of."""

    kind: str
    on: str
    strike: Callable[[Scene, Random], Awaitable[str]]
    floor: Callable[[Scene], float]
    because: str
