"""A gate before a server with a hidden capacity, always with somebody waiting: simulated, no network, no event loop."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamguard.clock import FakeClock
from streamguard.config import BatchLane, Concurrency
from streamguard.providers.concurrency import Limit
from streamguard.providers.contract import RateLimit
from streamguard.providers.turns_gate import Gate, Ticket


@dataclass(frozen=True, slots=True)
class Reply:
    """`seconds` until it is there."""

    ok: bool
    seconds: float
    retry_after: float | None = None
    rate: RateLimit | None = None


class Server(Protocol):
    @property
    def capacity(self) -> float:
        """Answers a second, at most."""
        ...

    def begin(self, now: float) -> Reply: ...

    def end(self) -> None: ...


@dataclass(slots=True)
class Places:
    """`places` calls at once, refused beyond without a word about when; each takes `latency` within a third."""

    places: int
    rng: random.Random
    latency: float = 0.5
    busy: int = 0

    @property
    def capacity(self) -> float:
        return self.places / self.latency

    def begin(self, now: float) -> Reply:
        if self.busy >= self.places:
            return Reply(False, 0.005)
        self.busy += 1
        return Reply(True, self.latency * self.rng.uniform(0.67, 1.33))

    def end(self) -> None:
        self.busy -= 1


@dataclass(slots=True)
class Bucket:
    """A bucket of `burst` requests, filled by `capacity` a second. It tells what its vendors tell, if it tells at all."""

    capacity: float
    burst: float
    rng: random.Random
    tells_retry: bool = False
    tells_rate: bool = False
    latency: float = 0.5
    level: float = field(init=False)
    at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.level = self.burst

    def begin(self, now: float) -> Reply:
        self.level = min(self.burst, self.level + (now - self.at) * self.capacity)
        self.at = now
        ok = self.level >= 1
        self.level -= ok
        rate = RateLimit(requests_left=int(self.level), requests_reset=(self.burst - self.level) / self.capacity)
        return Reply(
            ok,
            self.latency * self.rng.uniform(0.67, 1.33) if ok else 0.005,
            retry_after=(1 - self.level) / self.capacity if self.tells_retry and not ok else None,
            rate=rate if self.tells_rate else None,
        )

    def end(self) -> None: ...


@dataclass(slots=True)
class Result:
    answered: int = 0
    refused: int = 0
    late: int = 0
    limits: list[int] = field(default_factory=list[int])
    """The limit, once a second."""

    @property
    def refused_share(self) -> float:
        return self.refused / (self.answered + self.refused)


def run(server: Server, *, seconds: float, most: int = 64, backlog: int = 100, seed: int = 3) -> Result:
    """What comes of `seconds` with `backlog` callers that ask again as soon as they are answered, and up to a second after
    they were refused."""
    clock, rng, result = FakeClock(), random.Random(seed), Result()
    gate = Gate(Limit(Concurrency(), most), BatchLane())
    heap: list[tuple[float, int, Callable[[float], None]]] = []
    count = 0

    def at(time: float, what: Callable[[float], None]) -> None:
        nonlocal count
        count += 1
        heapq.heappush(heap, (time, count, what))

    def ask(now: float) -> None:
        ticket = Ticket(batch=False, tokens=1, until=now + 30)

        def decided() -> None:
            if ticket.state == "inside":
                call(ticket, clock.monotonic())
            else:
                result.late += 1
                at(clock.monotonic() + rng.uniform(0, 1), ask)

        gate.ask(ticket, now)
        if ticket.state == "waiting":
            ticket.decided = decided
        else:
            decided()

    def call(ticket: Ticket, now: float) -> None:
        reply = server.begin(now)

        def ended(now: float) -> None:
            if reply.ok:
                server.end()
                result.answered += 1
                gate.answered(ticket, reply.rate, now)
                ask(now)
            else:
                result.refused += 1
                gate.limited(ticket, reply.retry_after, reply.rate, now)
                at(now + rng.uniform(0, 1), ask)

        at(now + reply.seconds, ended)

    def note(now: float) -> None:
        result.limits.append(gate.limit)
        at(now + 1, note)

    for _ in range(backlog):
        at(rng.uniform(0, 1), ask)
    at(1, note)
    while heap[0][0] < seconds:
        if gate.look_at is not None and gate.look_at < heap[0][0]:
            time, what = gate.look_at, gate.look
        else:
            time, _, what = heapq.heappop(heap)
        clock.advance(time - clock.monotonic())
        what(time)
    return result
