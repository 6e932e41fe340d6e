"""One question asked of two models, each on a simulator of its own, while one of them or both fail in one way: what came of it.

The rules are the real ones, the sockets too. All limits are a fifth of what is configured by default, waits between tries a
twenty-fifth, so that a question that only meets timeouts is always cut short by the limit for everything.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from streamguard.analytics.prices import GenaiPrices
from streamguard.checks.text.tokens import count_message_tokens, count_tokens
from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import BatchLane, Breaker, Candidate, Concurrency, Invoke, RetryBudget, Routing
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.dev.simulator import Fault, tokens
from streamguard.events.request import Message
from streamguard.events.stages import Ask, Reservation
from streamguard.providers.answered import Answered
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.candidate import Leave
from streamguard.providers.contract import ChatProvider
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.prices import ConfiguredPrices
from streamguard.providers.question import Question
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns
from tests.support.matrix_servers import Cell, Servers, Vendor

TOTAL = 6.0
CALL = 2.0
FALLBACK = 1.0
FIRST_TOKEN = 1.6
BETWEEN = 0.8
INVOKE = Invoke(
    timeout=TOTAL,
    fallback_timeout=FALLBACK,
    first_token=FIRST_TOKEN,
    between_tokens=BETWEEN,
    backoff=0.04,
    backoff_cap=0.32,
)
MESSAGES = (
    Message(role="system", content="You are the support desk."),
    Message(role="user", content="My order 77 did not arrive. Where is it, who brings it, and what if it never comes?"),
)
_MOST_BYTES = 1 << 18
_APART = 0.3


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


@cache
def warm() -> None:
    """What is read from disk at first use would hold up calls that have little time."""
    prices().window("openai", "gpt-4o")
    count_tokens("warm")
    tokens.count("warm")


def provider(vendor: Vendor, url: str) -> ChatProvider:
    """The real one, of a simulator at `url`."""
    address = f"{url}/{vendor}/v1"
    if vendor == "openai":
        settings = OpenAISettings(name=vendor, base_url=address, connect_timeout=1.5)
        return OpenAIProvider(settings, max_body_bytes=_MOST_BYTES)
    return AnthropicProvider(
        AnthropicSettings(kind="anthropic", name=vendor, base_url=address, connect_timeout=1.5),
        max_body_bytes=_MOST_BYTES,
    )


@asynccontextmanager
async def asking(
    routes: Mapping[str, Sequence[tuple[Vendor, str]]],
    urls: Mapping[Vendor, str],
    *,
    breaker: Breaker | None = None,
    budget: RetryBudget | None = None,
    leave: Leave | None = None,
) -> AsyncGenerator[Invoker]:
    """All that asks models, with vendors at these addresses; `routes` are of vendors and models. What is not given is as it is
    configured by default."""
    warm()
    clock = SystemClock()
    candidates = {
        route: tuple(Candidate(provider=vendor, model=model, timeout=CALL) for vendor, model in models)
        for route, models in routes.items()
    }
    providers = {vendor: provider(vendor, url) for vendor, url in urls.items()}
    try:
        yield Invoker(
            router=Router(candidates, Routing()),
            providers=providers,
            prices=ConfiguredPrices(prices(), [each for some in candidates.values() for each in some]),
            fleet=Fleet(
                Breakers(breaker or Breaker(), clock),
                RetryBudgets(budget or RetryBudget(), clock),
                Turns(Concurrency(), BatchLane(), clock, lambda provider: 64),
            ),
            clock=clock,
            rng=random.Random(5),
            settings=INVOKE,
            count=count_tokens,
            leave=leave,
        )
    finally:
        for each in providers.values():
            await each.aclose()


def question(route: str = "both", *, name: str = "t/r/1", static: str | None = None, **more: Any) -> Question:
    """The question, so often that its calls can be told apart by `name`."""
    ask = Ask(messages=MESSAGES, route=route, max_output_tokens=200, static_text=static)
    more.setdefault("reservation", Reservation(input_tokens=1000, output_tokens=200, calls=8))
    return Question(ask, call_id_base=name, input_tokens=count_message_tokens(MESSAGES), **more)


async def run(fault: Fault | None, cell: Cell) -> Seen:
    """Ask, and read both sides' books."""
    clock, reader = SystemClock(), Reader()
    async with Servers(fault, cell) as servers:
        route = list(zip(cell.vendors, cell.models, strict=True))
        urls = dict(zip(cell.vendors, servers.urls, strict=True))
        async with asking({"both": route}, urls, leave=Leave(servers.passage, lambda: True)) as invoker:
            began = clock.monotonic()
            answered = await invoker.ask(question(static=cell.static, audience=reader if cell.streamed else None))
            seconds = clock.monotonic() - began
            # asked for before our connections are closed, which would end calls that are left running
            return Seen(answered, seconds, await servers.books(), reader)


def run_all(rows: Mapping[str, tuple[Fault | None, Sequence[Cell]]]) -> Mapping[tuple[str, Cell], Seen]:
    """All cells of these rows at once, since most of their time is waiting; but not all beginning in the same moment."""
    warm()

    async def row(begins: int, fault: Fault | None, cells: Sequence[Cell]) -> list[Seen]:
        await asyncio.sleep(_APART * begins)
        return await asyncio.gather(*(run(fault, cell) for cell in cells))

    async def all_of_them() -> list[list[Seen]]:
        return await asyncio.gather(*(row(begins, *each) for begins, each in enumerate(rows.values())))

    places = [(name, cell) for name, (_, cells) in rows.items() for cell in cells]
    return dict(zip(places, (one for row in asyncio.run(all_of_them()) for one in row), strict=True))
