"""The workers that an outage befalls: real invokers over real sockets, with one log of breakers between them."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Self

from streamguard.clock import Clock
from streamguard.config import AnthropicProvider, Candidate, Invoke, OpenAIProvider, Routing
from streamguard.events.fleet import BreakerChange
from streamguard.events.usage import Usage
from streamguard.money import Price
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.building import build_providers
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns

ROUTE = "flagship"
FLAGSHIP, OTHER, ECONOMY = "gpt-4o", "claude-3-5-sonnet-latest", "claude-3-5-haiku-latest"
"""The models in the order in which they are asked; the last two are another vendor's."""
VENDOR, OTHER_VENDOR = "openai", "anthropic"
_ROUTES = {
    ROUTE: (Candidate(provider=VENDOR, model=FLAGSHIP), Candidate(provider=OTHER_VENDOR, model=OTHER)),
    "economy": (Candidate(provider=OTHER_VENDOR, model=ECONOMY),),
}


class Log:
    """A log of breakers in memory: all workers read all changes in one order, `delay` seconds after they were written."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._readers: list[Callable[[BreakerChange], None]] = []

    def join(self, breakers: Breakers) -> None:
        """That worker reads and writes from now on."""
        self._readers.append(breakers.apply)
        breakers.share(self._write)

    def _write(self, change: BreakerChange) -> None:
        # the loop runs what has one delay in the order in which it was asked for
        asyncio.get_running_loop().call_later(self._delay, self._deliver, change)

    def _deliver(self, change: BreakerChange) -> None:
        for read in self._readers:
            read(change)


class Workers:
    """So many workers, each with its own connections, budget, turns and breakers. Use as an async context manager."""

    def __init__(self, url: str, settings: Invoke, clock: Clock, *, count: int, log: Log, seed: int) -> None:
        """`url` is a simulator's."""
        self._stack = AsyncExitStack()
        self.breakers = [Breakers(settings.breaker, clock, worker=f"worker-{number}") for number in range(count)]
        self.invokers: Sequence[Invoker] = [
            self._invoker(url, settings, clock, breakers, random.Random(f"{seed}/{number}"))
            for number, breakers in enumerate(self.breakers)
        ]
        for breakers in self.breakers:
            log.join(breakers)

    def _invoker(self, url: str, settings: Invoke, clock: Clock, breakers: Breakers, rng: random.Random) -> Invoker:
        named = (
            OpenAIProvider(name=VENDOR, base_url=f"{url}/{VENDOR}/v1"),
            AnthropicProvider(kind="anthropic", name=OTHER_VENDOR, base_url=f"{url}/{OTHER_VENDOR}/v1"),
        )
        places = {one.name: one.max_concurrency for one in named}
        providers = build_providers(named, clock)
        for provider in providers.values():
            self._stack.push_async_callback(provider.aclose)
        return Invoker(
            router=Router(_ROUTES, Routing()),
            providers=providers,
            prices=_NoPrices(),
            fleet=Fleet(
                breakers,
                RetryBudgets(settings.budget, clock),
                Turns(settings.concurrency, settings.batch, clock, places.__getitem__),
            ),
            clock=clock,
            rng=rng,
            settings=settings,
            count=len,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


class _NoPrices:
    """What things cost is not looked at here."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        return None
