"""The faults: what each inflicts and heals, and how long the line must at least be silent where it strikes."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from tests.chaos.audit import Sent
from tests.chaos.driver import Driver
from tests.chaos.fleet import Fleet
from tests.support.cluster import KafkaCluster
from tests.support.faketime import FakeTime
from tests.support.kafka import KafkaNode

T = TypeVar("T")
taken: ContextVar[list[int]] = ContextVar("taken")
"""When a strike got hold of what it strikes, in milliseconds since 1970: it may have waited for others."""


@dataclass
class Scene:
    """What faults can reach. `nodes` are operated in one thread that lives as long as they do, beside the event loop."""

    fleet: Fleet
    driver: Driver
    nodes: Sequence[KafkaNode]
    operator: ThreadPoolExecutor
    clock: FakeTime | None = None
    """Of the member `clock`; None where the library for it is missing."""
    cluster: KafkaCluster | None = None
    """None on a single node."""
    away: float = 60.0
    """How long a store that is down for long is down, in seconds."""
    unread: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """When the simulator left unread what callers sent, and read it late, in milliseconds since 1970."""
    raw: list[Sent] = field(default_factory=list[Sent])
    """What was sent beside the driver's requests."""
    starts: list[float] = field(default_factory=list[float])
    """How long workers took from their start until all that their stages rely on was there, in seconds."""
    _struck: set[str] = field(default_factory=set[str])
    _freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def started(self, name: str, start: Callable[[str], Awaitable[None] | None]) -> None:
        """Start a worker in whatever way, and wait until it has all that its stages rely on."""
        log = self.fleet.log(name)
        since, begun = log.stat().st_size if log.exists() else 0, time.monotonic()
        if (starting := start(name)) is not None:
            await starting
            begun = time.monotonic()
        await self.fleet.working(name, since)
        self.starts.append(time.monotonic() - begun)

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
        if (moments := taken.get(None)) is not None:
            moments.append(time.time_ns() // 1_000_000)
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
