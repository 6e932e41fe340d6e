"""Prices of the configuration: before the list, exact, under a version that tells them apart."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.analytics.prices import GenaiPrices
from streamguard.config import Candidate, TokenPrice
from streamguard.errors import ConfigError
from streamguard.events.usage import Usage
from streamguard.money import Price
from streamguard.providers.prices import ConfiguredPrices, FlatPrices

AT = 1_790_000_000_000_000
FLAT = FlatPrices(unknown=frozenset({"unknown"}))
USAGE = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200, cache_write_tokens=300)


def priced(input: str, output: str, *, read: str | None = None, write: str | None = None) -> Candidate:
    return Candidate(
        provider="p",
        model="m",
        price=TokenPrice(
            input=Decimal(input),
            output=Decimal(output),
            cache_read=None if read is None else Decimal(read),
            cache_write=None if write is None else Decimal(write),
        ),
    )


def cost(candidate: Candidate, usage: Usage = USAGE) -> int:
    price = ConfiguredPrices(FLAT, [candidate]).cost("p", "m", usage, AT)
    assert price is not None
    return price.cost_nusd


def test_each_kind_of_token_has_its_rate() -> None:
    assert cost(priced("3", "15", read="0.3", write="3.75")) == 500 * 3000 + 200 * 300 + 300 * 3750 + 100 * 15000


def test_tokens_of_the_cache_cost_what_input_costs_where_nothing_is_said() -> None:
    assert cost(priced("3", "15")) == 1000 * 3000 + 100 * 15000


def test_halves_of_a_nano_dollar_go_to_the_even_neighbour() -> None:
    half = priced("0.0005", "0")
    assert [cost(half, Usage(input_tokens=n)) for n in range(6)] == [0, 0, 1, 2, 2, 2]


def test_a_model_of_ones_own_may_cost_nothing() -> None:
    assert cost(priced("0", "0")) == 0


def test_other_models_cost_what_the_list_says() -> None:
    book = ConfiguredPrices(FLAT, [priced("3", "15"), Candidate(provider="p", model="other")])
    assert book.cost("p", "other", USAGE, AT) == FLAT.cost("p", "other", USAGE, AT)
    assert book.cost("q", "m", USAGE, AT) == FLAT.cost("q", "m", USAGE, AT)
    assert book.cost("p", "unknown", USAGE, AT) is None


def test_a_static_text_is_free_unless_a_candidate_says_otherwise() -> None:
    book = ConfiguredPrices(FLAT, [priced("3", "15")], free={"static", "p"})
    assert book.cost("static", "unknown", USAGE, AT) == Price(0, book.version)
    assert book.cost("p", "unknown", USAGE, AT) == Price(0, book.version)
    assert book.cost("p", "m", USAGE, AT) == Price(1000 * 3000 + 100 * 15000, book.version)


def test_the_version_names_the_prices_and_not_how_they_are_written() -> None:
    def version(*candidates: Candidate) -> str:
        return ConfiguredPrices(FLAT, candidates).version

    other = priced("1", "1").model_copy(update={"model": "other"})
    assert version(priced("3", "15")).startswith("configured/")
    assert version(priced("3", "15")) == version(priced("3.00", "15.0", read="3"))
    assert version(priced("3", "15"), other) == version(other, priced("3", "15"))
    different = [
        version(priced("3", "15")),
        version(priced("3", "15.01")),
        version(priced("0.3", "1.5")),
        version(priced("0.003", "0.015")),
        version(priced("0.0003", "0.0015")),
        version(priced("3", "15", read="1")),
        version(priced("3", "15", write="1")),
        version(priced("3", "15"), other),
        version(other),
        version(),
    ]
    assert len(set(different)) == len(different)


def test_two_prices_for_one_model_are_refused() -> None:
    ConfiguredPrices(FLAT, [priced("3", "15"), priced("3.0", "15"), Candidate(provider="p", model="m")])
    with pytest.raises(ConfigError, match="p/m has two prices"):
        ConfiguredPrices(FLAT, [priced("3", "15"), priced("3", "16")])


rates = st.decimals(0, 1000, places=7)
tokens = st.integers(0, 2_000_000)


@given(rates, rates, rates, rates, tokens, tokens, tokens, tokens)
def test_any_cost_is_the_exact_one_rounded_once(
    given_rate: Decimal, output: Decimal, read: Decimal, write: Decimal, plain: int, hit: int, kept: int, answered: int
) -> None:
    candidate = Candidate(
        provider="p", model="m", price=TokenPrice(input=given_rate, output=output, cache_read=read, cache_write=write)
    )
    usage = Usage(
        input_tokens=plain + hit + kept, output_tokens=answered, cache_read_tokens=hit, cache_write_tokens=kept
    )
    exact = 1000 * (
        plain * Fraction(given_rate) + hit * Fraction(read) + kept * Fraction(write) + answered * Fraction(output)
    )
    assert cost(candidate, usage) == round(exact)  # half to even, as `round` of a Fraction does


def test_more_tokens_of_the_cache_than_there_are_never_make_a_cost_negative() -> None:
    usage = Usage(input_tokens=5, cache_read_tokens=50, cache_write_tokens=50)
    assert cost(priced("3", "15", read="1", write="4"), usage) == 5 * 1000


def test_configured_prices_agree_with_the_list_where_they_say_the_same() -> None:
    candidate = Candidate(
        provider="anthropic",
        model="claude-3-5-haiku-latest",
        price=TokenPrice(input=Decimal("0.8"), output=Decimal(4), cache_read=Decimal("0.08"), cache_write=Decimal(1)),
    )
    listed = GenaiPrices()
    own = ConfiguredPrices(listed, [candidate])
    ours, theirs = (book.cost("anthropic", "claude-3-5-haiku-latest", USAGE, AT) for book in (own, listed))
    assert ours is not None
    assert theirs is not None
    assert ours.cost_nusd == theirs.cost_nusd


def test_flat_prices_take_the_cache_into_account() -> None:
    flat = FlatPrices(input_nusd=4, output_nusd=10, cache_read_nusd=1, cache_write_nusd=5)
    assert flat.cost("p", "m", USAGE, AT) == Price(500 * 4 + 200 * 1 + 300 * 5 + 100 * 10, "flat-1")
    assert FlatPrices().cost("p", "m", USAGE, AT) == Price(1000 * 2 + 100 * 10, "flat-1")


@pytest.mark.parametrize(
    ("provider", "model", "window"),
    [("openai", "gpt-4o", 128_000), ("openai", "no-such-model", None), ("no-such-vendor", "gpt-4o", None)],
)
def test_the_list_knows_windows(provider: str, model: str, window: int | None) -> None:
    assert GenaiPrices().window(provider, model) == window
