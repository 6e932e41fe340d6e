"""Asking models until one answers, within one deadline and one budget of calls.

In order: the candidates of the route, the preferred first; a stale cache entry; the static text of the ask; a failure.
"""

import random
from collections.abc import Callable, Mapping

from streamguard.clock import Clock
from streamguard.config import Candidate, Invoke
from streamguard.events.stages import Ask, CacheEntry, Reservation
from streamguard.providers.answered import Answered
from streamguard.providers.breaker import Breakers
from streamguard.providers.contract import ChatProvider
from streamguard.providers.prices import PriceBook

FormCheck = Callable[[str], str | None]
"""Says what is wrong with the form of an answer, in words made for the model that hold nothing of the answer itself."""


class Invoker:
    """Asks models. One for all requests of a worker: connections and breakers are shared. Safe to use concurrently."""

    def __init__(
        self,
        *,
        routes: Mapping[str, tuple[Candidate, ...]],
        providers: Mapping[str, ChatProvider],
        prices: PriceBook,
        breakers: Breakers,
        clock: Clock,
        rng: random.Random,
        settings: Invoke,
    ) -> None: ...

    async def ask(
        self,
        ask: Ask,
        *,
        call_id_base: str,
        reservation: Reservation,
        deadline_us: int | None = None,
        check: FormCheck | None = None,
        stale: CacheEntry | None = None,
    ) -> Answered:
        raise NotImplementedError
