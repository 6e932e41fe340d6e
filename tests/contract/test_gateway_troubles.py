"""What users of gateways suffer from most in their calls to models, and that it cannot happen here.

Over real sockets, against a simulator's own books. That guards are skipped on streams is for `tests/stream/test_streams.py` and
`tests/unit/stages/test_showing.py` to rule out.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers as listed

from streamguard.analytics.prices import rates_of
from streamguard.config import Breaker, RetryBudget
from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.dev.simulator.ledger import Tokens
from streamguard.dev.simulator.settings import DEFAULT_PRICES
from streamguard.events.reason import Reason
from streamguard.events.stages import Reservation
from streamguard.events.usage import Call, Usage
from tests.support.matrix import Reader, asking, prices, question
from tests.support.matrix_servers import MODELS, Vendor

AT = 1_790_000_000_000_000
MANY = Reservation(input_tokens=1000, output_tokens=200, calls=30)
PLENTY = RetryBudget(per_second=1000.0)
Route = list[tuple[Vendor, str]]
FLAGSHIP: tuple[Vendor, str] = ("openai", "gpt-4o")
SMALL: tuple[Vendor, str] = ("openai", "gpt-4o-mini")
OTHER: tuple[Vendor, str] = ("anthropic", "claude-3-5-haiku-latest")


def simulated(*rules: FaultRule, per_chunk_ms: float | None = None) -> Simulator:
    return Simulator(SimulatorSettings(seed=3, latency=Latency(0.0), faults=rules, per_chunk_ms=per_chunk_ms))


def addresses(simulator: Simulator) -> dict[Vendor, str]:
    return {"openai": simulator.url, "anthropic": simulator.url}


async def books(simulator: Simulator) -> Mapping[str, Mapping[str, Any]]:
    """The calls by their ids, once none is under way."""
    async with asyncio.timeout(5):
        while simulator.ledger.report(detail=False)["in_flight"]:
            await asyncio.sleep(0.005)
    return {entry["request_id"]: entry for entry in simulator.ledger.report(detail=True)["detail"]}


async def test_the_cost_of_a_stream_is_neither_wrong_nor_zero() -> None:
    rates = {Fault.CUT_STREAM: 0.15, Fault.STREAM_ERROR: 0.1, Fault.NO_USAGE: 0.2, Fault.EMPTY_ANSWER: 0.05}
    route: dict[str, Route] = {vendor: [(vendor, MODELS[vendor][0]), (vendor, MODELS[vendor][1])] for vendor in MODELS}
    async with (
        simulated(FaultRule(rates=rates)) as simulator,
        asking(route, addresses(simulator), budget=PLENTY, breaker=Breaker(failures=1000, failure_rate=1.0)) as invoker,
    ):
        answers = await asyncio.gather(
            *(
                invoker.ask(question(vendor, name=f"t/{vendor}{number}/1", audience=Reader()))
                for vendor in MODELS
                for number in range(40)
            )
        )
        there = await books(simulator)
    calls = [call for answered in answers for call in answered.calls]
    assert {call.call_id for call in calls} == set(there)
    assert all(call.cost_nusd == there[call.call_id]["cost_nusd"] > 0 for call in calls)
    assert {there[call.call_id]["fault"] for call in calls if call.estimated} == {
        "cut_stream",
        "stream_error",
        "no_usage",
    }
    assert sum(answered.cost_nusd or 0 for answered in answers) == sum(call["cost_nusd"] for call in there.values())


@dataclass
class Leaving(Reader):
    """Leaves in the middle of the second call."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def text(self, piece: str) -> None:
        await super().text(piece)
        if len(self.shown) == 2 and len(self.shown[1]) == 3:
            self.stop.set()


@pytest.mark.parametrize("vendor", MODELS)
async def test_a_client_that_leaves_does_not_take_the_usage_along(vendor: Vendor) -> None:
    reader = Leaving()
    # the first call breaks, so that there is something to be forgotten; the second is left
    rule = FaultRule(rates={Fault.CUT_STREAM: 1.0}, times=1)
    async with (
        simulated(rule, per_chunk_ms=40.0) as simulator,
        asking({"both": [(vendor, MODELS[vendor][0])]}, addresses(simulator)) as invoker,
    ):
        answered = await invoker.ask(question(audience=reader, stop=reader.stop))
        there = await books(simulator)
    broken, left = answered.calls
    assert (answered.failure, broken.error, left.error) == (Reason.CANCELLED, "stream_broken", "cancelled")
    assert broken.cost_nusd == there[broken.call_id]["cost_nusd"] > 0
    assert left.usage is not None
    assert left.estimated
    # the server may have written a piece more before it saw that nobody listens
    assert there[left.call_id]["partial"]
    assert 0 < left.usage.output_tokens <= there[left.call_id]["output_tokens"] <= left.usage.output_tokens + 20
    assert left.usage.input_tokens == there[left.call_id]["input_tokens"]
    assert answered.cost_nusd == (broken.cost_nusd or 0) + (left.cost_nusd or 0)


async def test_a_fallback_does_not_begin_the_retries_anew() -> None:
    async with (
        simulated(FaultRule(rates={Fault.SERVER_ERROR: 1.0})) as simulator,
        asking({"both": [FLAGSHIP, OTHER, SMALL]}, addresses(simulator), budget=PLENTY) as invoker,
    ):
        answered = await invoker.ask(question(reservation=MANY))
        there = await books(simulator)
    # three retries among them all, not three for each
    assert len(there) == len(answered.calls) == 3 + 3
    assert [call.kind for call in answered.calls].count("retry") == 3


async def test_a_model_that_fails_again_and_again_is_not_asked_any_more() -> None:
    async with (
        simulated(FaultRule(model="gpt-4o", rates={Fault.SERVER_ERROR: 1.0})) as simulator,
        asking(
            {"both": [FLAGSHIP, OTHER]}, addresses(simulator), budget=PLENTY, breaker=Breaker(open_seconds=60)
        ) as invoker,
    ):
        answers = [await invoker.ask(question(name=f"t/r{number}/1")) for number in range(25)]
        there = await books(simulator)
    assert all(answered.model == "claude-3-5-haiku-latest" for answered in answers)
    asked = [entry["model"] for entry in there.values()]
    assert (asked.count("gpt-4o"), asked.count("claude-3-5-haiku-latest")) == (Breaker().failures, 25)
    skipped = [call for answered in answers[2:] for call in answered.calls if call.model == "gpt-4o"]
    assert {(call.status, call.error, call.cost_nusd) for call in skipped} == {("skipped", "breaker_open", 0)}


@pytest.mark.slow
async def test_a_timeout_does_not_lock_the_key() -> None:
    routes: dict[str, Route] = {"both": [FLAGSHIP, OTHER], "other": [SMALL, OTHER]}
    async with (
        simulated(FaultRule(model="gpt-4o", rates={Fault.HANG: 1.0}, times=1)) as simulator,
        asking(routes, addresses(simulator)) as invoker,
    ):
        late, after = [await invoker.ask(question(name=f"t/r{number}/1")) for number in (1, 2)]
    assert [call.error for call in late.calls] == ["timeout", None]
    # the very next question goes there again
    assert [(call.model, call.error) for call in after.calls] == [("gpt-4o", None)]
    async with (
        simulated(FaultRule(model="gpt-4o", rates={Fault.HANG: 1.0})) as simulator,
        asking(routes, addresses(simulator), breaker=Breaker(failures=1, open_seconds=60)) as invoker,
    ):
        first, second = [await invoker.ask(question(name=f"t/r{number}/1")) for number in (1, 2)]
        other = await invoker.ask(question("other", name="t/r3/1"))
    # where it does open the breaker, that is the model's alone: others behind the same key are asked
    assert [(call.error, call.tripped) for call in first.calls] == [("timeout", True), (None, False)]
    assert [call.error for call in second.calls] == ["breaker_open", None]
    assert [(call.model, call.error) for call in other.calls] == [("gpt-4o-mini", None)]


async def test_a_key_that_is_refused_for_one_model_is_good_for_the_others() -> None:
    async with (
        simulated(FaultRule(model="gpt-4o", rates={Fault.REVOKED_KEY: 1.0})) as simulator,
        asking({"both": [FLAGSHIP, SMALL]}, addresses(simulator), breaker=Breaker(failures=1)) as invoker,
    ):
        answers = [await invoker.ask(question(name=f"t/r{number}/1")) for number in range(3)]
    assert [_errors(answered.calls) for answered in answers] == [["auth", None]] * 3


@pytest.mark.parametrize("model", [model for names in MODELS.values() for model in names] + ["gpt-4.1", "gpt-4.1-mini"])
def test_the_price_list_agrees_with_what_is_charged(model: str) -> None:
    vendor = "anthropic" if model.startswith("claude") else "openai"
    for used in (Tokens(1000, 100), Tokens(1000, 100, cache_read=400), Tokens(3000, 1, 1000, 500)):
        usage = Usage(
            input_tokens=used.input,
            output_tokens=used.output,
            cache_read_tokens=used.cache_read,
            cache_write_tokens=used.cache_write,
        )
        price = prices().cost(vendor, model, usage, AT)
        assert price is not None
        assert price.cost_nusd == used.cost(DEFAULT_PRICES[model])


def test_no_price_of_the_list_is_off_by_orders_of_magnitude() -> None:
    rates: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for provider in listed:
        for model in provider.models:
            found = rates_of(model.get_prices(datetime.fromtimestamp(AT / 1e6, UTC)))
            if found is not None:
                tier = found.tiers[-1]
                rates[provider.id, model.id] = (Decimal(tier.input) / found.scale, Decimal(tier.output) / found.scale)
    assert len(rates) > 1500
    # nano-dollars a token, which are thousandths of a dollar for a million: the dearest known model takes 600,000
    assert [each for each, both in rates.items() if not all(rate == 0 or 1 <= rate <= 1_000_000 for rate in both)] == []
    # OpenRouter's moving names ("~…-latest") are not looked at: the rates of some do not go together
    odd = [
        each
        for each, (given, made) in rates.items()
        if given > 0 and made > 0 and not each[1].startswith("~") and not Decimal("0.05") <= made / given <= 100
    ]
    assert odd == []
    # the same model costs nowhere a hundred times of what it costs elsewhere
    named: dict[str, list[Decimal]] = {}
    for (_, model), (given, _) in rates.items():
        if given > 0:
            named.setdefault(model.rpartition("/")[2].partition(":")[0].lower(), []).append(given)
    assert [model for model, given in named.items() if max(given) > 100 * min(given)] == []


def _errors(calls: tuple[Call, ...]) -> list[str | None]:
    return [call.error for call in calls]
