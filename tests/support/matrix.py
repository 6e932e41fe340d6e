"""One question asked of two models, each on a simulator of its own, while one of them or both fail in one way: what came of it.

The rules are the real ones, the sockets too. All limits are a tenth of what is configured by default, waits between tries a
twenty-fifth, so that a question that only meets timeouts is always cut short by the limit for everything.
"""

import asyncio
import random
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from streamguard.analytics.prices import GenaiPrices
from streamguard.checks.text.tokens import count_message_tokens, count_tokens
from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import BatchLane, Breaker, Candidate, Concurrency, Invoke, RetryBudget, Routing
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.events.request import Message
from streamguard.events.stages import Ask, Reservation
from streamguard.providers.answered import Answered
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.contract import ChatProvider
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.prices import ConfiguredPrices
from streamguard.providers.question import Question
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns

Vendor = Literal["openai", "anthropic"]
Phase = Literal["first", "twice", "every"]
"""Which calls fail: the first one; the first two to the first candidate; all to both candidates."""
PHASES: tuple[Phase, ...] = ("first", "twice", "every")

TOTAL = 3.0
CALL = 1.0
FALLBACK = 0.5
FIRST_TOKEN = 0.8
BETWEEN = 0.4
RETRY_AFTER = 1.0
INVOKE = Invoke(
    timeout=TOTAL,
    fallback_timeout=FALLBACK,
    first_token=FIRST_TOKEN,
    between_tokens=BETWEEN,
    backoff=0.04,
    backoff_cap=0.32,
)
STATIC = "We come back to you."
MESSAGES = (
    Message(role="system", content="You are the support desk."),
    Message(role="user", content="My order 77 did not arrive. Where is it, who brings it, and what if it never comes?"),
)
MODELS: Mapping[Vendor, tuple[str, str]] = {
    "openai": ("gpt-4o", "gpt-4o-mini"),
    "anthropic": ("claude-3-5-sonnet-latest", "claude-3-5-haiku-latest"),
}
"""A vendor's model as the first candidate, and as the one behind it."""
OTHER: Mapping[Vendor, Vendor] = {"openai": "anthropic", "anthropic": "openai"}
_RESERVATION = Reservation(input_tokens=1000, output_tokens=200, calls=8)
_MOST_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Cell:
    """The question is bound for `vendor`, the other vendor is behind it."""

    vendor: Vendor
    streamed: bool
    phase: Phase

    @property
    def models(self) -> tuple[str, str]:
        return MODELS[self.vendor][0], MODELS[OTHER[self.vendor]][1]

    @property
    def static(self) -> str | None:
        """Half of the cells have a static text at the pyramid's end."""
        return STATIC if self.vendor == "openai" else None

    def __str__(self) -> str:
        return f"{self.vendor}-{'streamed' if self.streamed else 'whole'}-{self.phase}"


@dataclass
class Reader:
    """What somebody who watches has seen: the pieces of each call, and how often an answer stood."""

    shown: list[list[str]] = field(default_factory=list[list[str]])
    ends: int = 0

    async def begin(self) -> None:
        self.shown.append([])

    async def text(self, piece: str) -> None:
        self.shown[-1].append(piece)

    async def end(self) -> None:
        self.ends += 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one cell. `books` are the simulators' entries by request id, `seconds` those of the whole."""

    answered: Answered
    seconds: float
    books: Mapping[str, Mapping[str, Any]]
    reader: Reader


@cache
def prices() -> GenaiPrices:
    """The list that comes along; reading it takes a while."""
    return GenaiPrices()


def provider(vendor: Vendor, url: str) -> ChatProvider:
    """The real one, of a simulator at `url`."""
    address = f"{url}/{vendor}/v1"
    if vendor == "openai":
        settings = OpenAISettings(name=vendor, base_url=address, connect_timeout=0.2)
        return OpenAIProvider(settings, max_body_bytes=_MOST_BYTES)
    return AnthropicProvider(
        AnthropicSettings(kind="anthropic", name=vendor, base_url=address, connect_timeout=0.2),
        max_body_bytes=_MOST_BYTES,
    )


def fleet(**how: Any) -> Fleet:
    """Breakers, budgets and turns as they are configured by default, but for what is named."""
    clock = SystemClock()
    return Fleet(
        Breakers(how.get("breaker", Breaker()), clock),
        RetryBudgets(how.get("budget", RetryBudget()), clock),
        Turns(Concurrency(), BatchLane(), clock, lambda provider: 64),
    )


def question(cell: Cell, reader: Reader, **more: Any) -> Question:
    """The cell's question."""
    ask = Ask(messages=MESSAGES, route="both", max_output_tokens=200, static_text=cell.static)
    return Question(
        ask,
        call_id_base="t/r/1",
        reservation=_RESERVATION,
        input_tokens=count_message_tokens(MESSAGES),
        audience=reader if cell.streamed else None,
        **more,
    )


class _Servers:
    """The two candidates' servers. `fault` None: nobody listens where one should fail, as long as it should."""

    def __init__(self, fault: Fault | None, cell: Cell) -> None:
        times = {"first": 1, "twice": 2, "every": None}[cell.phase]
        self._places: list[socket.socket] = []
        self.both = tuple(
            self._server(fault, times if behind == 0 else None, fails=behind == 0 or cell.phase == "every")
            for behind in (0, 1)
        )
        self._closed = [
            server
            for server, fails in zip(self.both, (True, cell.phase == "every"), strict=True)
            if fault is None and fails
        ]
        self._opens_before = None if times is None else times + 1
        self._passed = 0

    def _server(self, fault: Fault | None, times: int | None, *, fails: bool) -> Simulator:
        # bound and not listening: nobody else gets the port, and connections are refused
        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        self._places.append(place)
        rules = (FaultRule(rates={fault: 1.0}, times=times),) if fault is not None and fails else ()
        return Simulator(
            SimulatorSettings(
                port=place.getsockname()[1],
                seed=3,
                latency=Latency(0.0),
                faults=rules,
                retry_after_seconds=int(RETRY_AFTER),
                drip_seconds=3.0,
            )
        )

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{place.getsockname()[1]}" for place in self._places)

    async def open(self) -> None:
        for server in self.both:
            if server not in self._closed:
                await server.start()

    async def passage(self) -> None:
        """Before each call: who was refused so far is let in once enough were."""
        self._passed += 1
        if self._passed == self._opens_before:
            for server in self._closed:
                await server.start()

    async def close(self) -> None:
        for server, place in zip(self.both, self._places, strict=True):
            await server.close()
            place.close()

    async def books(self) -> Mapping[str, Mapping[str, Any]]:
        """Once no call is under way: what hangs would be for a minute unless its client's leaving was noticed."""
        async with asyncio.timeout(5):
            while any(server.ledger.report(detail=False)["in_flight"] for server in self.both):
                await asyncio.sleep(0.005)
        entries = [entry for server in self.both for entry in server.ledger.report(detail=True)["detail"]]
        return {entry["request_id"]: entry for entry in sorted(entries, key=lambda entry: entry["begun_at"])}


async def run(fault: Fault | None, cell: Cell) -> Seen:
    """Ask, and read both sides' books."""
    clock, reader, servers = SystemClock(), Reader(), _Servers(fault, cell)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(servers.close)
        await servers.open()
        vendors = (cell.vendor, OTHER[cell.vendor])
        providers = {vendor: provider(vendor, url) for vendor, url in zip(vendors, servers.urls, strict=True)}
        for each in providers.values():
            stack.push_async_callback(each.aclose)
        candidates = tuple(
            Candidate(provider=vendor, model=model, timeout=CALL)
            for vendor, model in zip(vendors, cell.models, strict=True)
        )
        invoker = Invoker(
            router=Router({"both": candidates}, Routing()),
            providers=providers,
            prices=ConfiguredPrices(prices(), candidates),
            fleet=fleet(),
            clock=clock,
            rng=random.Random(5),
            settings=INVOKE,
            count=count_tokens,
            passage=servers.passage,
        )
        began = clock.monotonic()
        answered = await invoker.ask(question(cell, reader))
        seconds = clock.monotonic() - began
        return Seen(answered, seconds, await servers.books(), reader)


def run_row(fault: Fault | None, cells: tuple[Cell, ...]) -> Mapping[Cell, Seen]:
    """All cells of a row at once: most of their time is waiting."""
    prices()

    async def all_of_them() -> list[Seen]:
        return await asyncio.gather(*(run(fault, cell) for cell in cells))

    return dict(zip(cells, asyncio.run(all_of_them()), strict=True))
