"""Which requests nobody waits for any more."""

import asyncio
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from streamguard.clock import Clock

KEEP_SECONDS = 3600.0
"""How long a cancellation is remembered: as long as its topic keeps it."""
MOST = 100_000
"""How many are remembered; with more the oldest are forgotten early."""

_Name = tuple[str, str]


class Cancellations:
    """What a worker was told to stop, for those that are at work and those still to come. Not thread-safe; everything is O(1)."""

    def __init__(self, clock: Clock, *, keep: float = KEEP_SECONDS, most: int = MOST) -> None:
        """`keep` in seconds."""
        self._clock, self._keep, self._most = clock, keep, most
        self._told: OrderedDict[_Name, float] = OrderedDict()
        self._watched: dict[_Name, list[asyncio.Event]] = {}

    def tell(self, tenant_id: str, request_id: str) -> None:
        """Stop this request, now if it is watched, and when it comes. To be told again changes nothing, not even for how long it
        is remembered."""
        name = (tenant_id, request_id)
        self._forget()
        self._told.setdefault(name, self._clock.monotonic())
        if len(self._told) > self._most:
            self._told.popitem(last=False)
        for stop in self._watched.get(name, ()):
            stop.set()

    @contextmanager
    def watch(self, tenant_id: str, request_id: str) -> Generator[asyncio.Event]:
        """An event that is set when the request is to stop; at once where that was told before."""
        name, stop = (tenant_id, request_id), asyncio.Event()
        self._forget()
        if name in self._told:
            stop.set()
        watching = self._watched.setdefault(name, [])
        watching.append(stop)
        try:
            yield stop
        finally:
            watching.remove(stop)
            if not watching:
                del self._watched[name]

    @property
    def remembered(self) -> int:
        """How many are known."""
        return len(self._told)

    @property
    def watched(self) -> int:
        """How many requests are watched."""
        return len(self._watched)

    def _forget(self) -> None:
        # in the order in which they were told, so that each is looked at once
        before = self._clock.monotonic() - self._keep
        while self._told:
            name, told_at = next(iter(self._told.items()))
            if told_at > before:
                return
            del self._told[name]
