"""A setting for tests of the invoker: scripted providers, a fake clock, all the real rules between."""

import random
from collections.abc import Mapping
from typing import Any

from streamguard.clock import FakeClock
from streamguard.config import BatchLane, Breaker, Candidate, Concurrency, Invoke, RetryBudget, Routing
from streamguard.events.request import Message
from streamguard.events.stages import Ask, CacheEntry, Reservation
from streamguard.events.usage import Usage
from streamguard.providers.answered import Answered
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.candidate import Leave
from streamguard.providers.contract import ChatAnswer, ChatProvider
from streamguard.providers.fake import FakeProvider, Scripted
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.prices import FlatPrices
from streamguard.providers.question import Question
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns

USAGE = Usage(input_tokens=100, output_tokens=10)
GOOD = ChatAnswer("good", USAGE, "stop", "id-1", "m-2026")
PRICE = 100 * 2 + 10 * 10
MANY = Reservation(input_tokens=1000, output_tokens=100, calls=10)
STALE = CacheEntry(
    tenant_id="t", output="stale", provider="x", model="y", usage=USAGE, created_at=0, expires_at=1, source="t/r/1"
)
ROUTES: Mapping[str, tuple[Candidate, ...]] = {
    "both": (
        Candidate(provider="a", model="flagship", timeout=10),
        Candidate(provider="b", model="spare", timeout=8),
    ),
    "one": (Candidate(provider="a", model="flagship", timeout=10),),
}


class Setting:
    """Two candidates, `flagship` and `spare`, each at its own scripted provider."""

    def __init__(
        self,
        flagship: tuple[Scripted, ...] = (),
        spare: tuple[Scripted, ...] = (),
        *,
        routes: Mapping[str, tuple[Candidate, ...]] = ROUTES,
        unpriced: frozenset[str] = frozenset(),
        static: frozenset[str] = frozenset(),
        places: int = 64,
        **invoke: Any,
    ) -> None:
        self.clock = FakeClock()
        self.passage = self.permit
        self.given = True
        self.permits = 0
        self.permit_seconds = 0.0
        self.flagship = FakeProvider(*flagship, default=GOOD, clock=self.clock)
        self.spare = FakeProvider(*spare, default=GOOD, clock=self.clock)
        self.breakers = Breakers(Breaker(failures=3, open_seconds=5), self.clock)
        # most tests are about other rules than the budget's, which has its own
        budget = invoke.pop("budget", RetryBudget(per_second=100.0))
        self.fleet = Fleet(
            self.breakers,
            RetryBudgets(budget, self.clock),
            Turns(Concurrency(), BatchLane(), self.clock, lambda provider: places),
        )
        self.providers: dict[str, ChatProvider] = {"a": self.flagship, "b": self.spare}
        self.invoker = Invoker(
            router=Router(routes, Routing()),
            providers=self.providers,
            prices=FlatPrices(unknown=unpriced),
            fleet=self.fleet,
            clock=self.clock,
            rng=random.Random(1),
            settings=Invoke(**invoke),
            count=lambda text: len(text.split()),
            static=static,
            leave=Leave(lambda: self.passage(), lambda: self.given),
        )

    async def permit(self) -> None:
        self.permits += 1
        self.clock.advance(self.permit_seconds)

    async def ask(self, route: str = "both", *, static: str | None = None, **how: Any) -> Answered:
        return await self.invoker.ask(question(route, static=static, **how))


def question(route: str = "both", *, static: str | None = None, **how: Any) -> Question:
    fields: dict[str, Any] = {
        name: how.pop(name) for name in ("messages", "tools", "tool_choice", "response_format") if name in how
    }
    fields.setdefault("messages", (Message(role="user", content="hello"),))
    how.setdefault("reservation", MANY)
    how.setdefault("call_id_base", "t/r/1")
    how.setdefault("input_tokens", 7)
    return Question(Ask(route=route, max_output_tokens=50, static_text=static, **fields), **how)


def told(answered: Answered) -> list[tuple[str, str, str, str | None, int | None]]:
    return [(call.call_id, call.model, call.kind, call.error, call.cost_nusd) for call in answered.calls]
