"""Costs against the price list's own calculation, to the nano-dollar."""

import timeit
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data import providers
from genai_prices.types import ModelPrice

from streamguard.analytics.prices import GenaiPrices, Rates, Tier, rates_of
from streamguard.events.usage import Usage

AT = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def prices() -> GenaiPrices:
    return GenaiPrices()


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        # 500 plain input tokens, 200 read from the cache, 300 written to it, 100 output tokens; OpenAI's writes cost nothing more
        ("openai", "gpt-4o", 800 * 2500 + 200 * 1250 + 100 * 10000),
        ("openai", "gpt-4o-mini", 800 * 150 + 200 * 75 + 100 * 600),
        ("anthropic", "claude-3-5-haiku-latest", 500 * 800 + 200 * 80 + 300 * 1000 + 100 * 4000),
    ],
)
def test_known_models_cost_what_their_vendors_charge(
    prices: GenaiPrices, provider: str, model: str, expected: int
) -> None:
    usage = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200, cache_write_tokens=300)
    price = prices.cost(provider, model, usage, AT)
    assert price is not None
    assert (price.cost_nusd, price.version) == (expected, prices.version)
    assert price.version.startswith("genai-prices/0.")


@pytest.mark.parametrize(("provider", "model"), [("openai", "no-such-model"), ("no-such-vendor", "gpt-4o")])
def test_an_unknown_price_is_none_and_stays_none(prices: GenaiPrices, provider: str, model: str) -> None:
    assert prices.cost(provider, model, Usage(input_tokens=1), AT) is None
    assert prices.cost(provider, model, Usage(input_tokens=1), AT) is None


def _differences(usage: Usage) -> list[str]:
    at = datetime.fromtimestamp(AT / 1e6, UTC)
    theirs = TheirUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    found: list[str] = []
    for provider in providers:
        for model in provider.models:
            price = model.get_prices(at)
            rates = rates_of(price)
            if rates is None:
                continue
            exact = price.calc_price(theirs)["total_price"] * 1_000_000_000
            if rates.cost(usage) != int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)):
                found.append(f"{provider.id}/{model.id}: {rates.cost(usage)} instead of {exact}")
    return found


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=1, output_tokens=1),
        Usage(input_tokens=12_345, output_tokens=678, cache_read_tokens=4_321),
        Usage(input_tokens=200_000, output_tokens=7, cache_read_tokens=100_001),
        Usage(input_tokens=300_001, output_tokens=999, cache_read_tokens=1, reasoning_tokens=500),
        Usage(input_tokens=9_999, output_tokens=1, cache_read_tokens=2_000, cache_write_tokens=7_001),
        Usage(input_tokens=200_001, output_tokens=1, cache_write_tokens=200_001),
    ],
    ids=[
        "tiny",
        "cached",
        "at a tier's edge",
        "above tiers, reasoning",
        "written to the cache",
        "all written, above tiers",
    ],
)
def test_every_model_of_the_list_costs_what_the_list_says(usage: Usage) -> None:
    assert _differences(usage) == []


def test_halves_of_a_nano_dollar_go_to_the_even_neighbour() -> None:
    rates = Rates(10, (Tier(0, 5, 5, 5, 0, 0),))
    assert [rates.cost(Usage(input_tokens=n)) for n in (0, 1, 2, 3, 4, 5)] == [0, 0, 1, 2, 2, 2]


def test_more_cached_tokens_than_input_tokens_never_make_a_cost_negative() -> None:
    rates = rates_of(ModelPrice(input_mtok=Decimal(10), cache_read_mtok=Decimal(1), cache_write_mtok=Decimal(12)))
    assert rates is not None
    assert rates.cost(Usage(input_tokens=5, cache_read_tokens=50)) == 5 * 1000
    assert rates.cost(Usage(input_tokens=5, cache_read_tokens=50, cache_write_tokens=50)) == 5 * 1000
    assert rates.cost(Usage(input_tokens=5, cache_read_tokens=2, cache_write_tokens=50)) == 2 * 1000 + 3 * 12_000


def test_a_model_that_is_not_priced_by_tokens_is_unknown() -> None:
    assert rates_of(ModelPrice()) is None
    assert rates_of(ModelPrice(audio_hours=Decimal("0.1"))) is None


def test_a_price_that_changed_is_looked_up_by_the_time_of_the_call(prices: GenaiPrices) -> None:
    usage = Usage(input_tokens=1_000_000)
    early, late = 1_740_000_000_000_000, AT
    changed = [
        (provider.id, model.id)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list)
        and prices.cost(provider.id, model.id, usage, early) != prices.cost(provider.id, model.id, usage, late)
    ]
    assert ("openai", "o3") in changed


def test_a_lookup_of_a_model_seen_before_takes_microseconds(prices: GenaiPrices) -> None:
    usage = Usage(input_tokens=1000, output_tokens=100)
    best = min(timeit.repeat(lambda: prices.cost("openai", "gpt-4o", usage, AT), number=2000, repeat=5)) / 2000
    assert best < 20e-6
