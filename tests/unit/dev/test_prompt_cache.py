"""Which beginnings of prompts a simulated provider keeps."""

from streamguard.clock import FakeClock
from streamguard.dev.simulator import Price
from streamguard.dev.simulator.ledger import Tokens
from streamguard.dev.simulator.prompt_cache import Prefix, PromptCache

SHORT, LONG, LONGER = Prefix(b"short", 900), Prefix(b"long", 1_500), Prefix(b"longer", 2_000)


def test_the_longest_known_prefix_is_read_and_what_lies_behind_it_written() -> None:
    cache = PromptCache(FakeClock(), 1_024)
    assert cache.use("p", "m", [SHORT, LONG]) == (0, 1_500)
    assert cache.use("p", "m", [SHORT, LONG]) == (1_500, 0)
    assert cache.use("p", "m", [LONG, LONGER]) == (1_500, 500)
    assert cache.use("p", "m", [LONG, LONGER]) == (2_000, 0)
    assert cache.use("p", "m", [SHORT]) == (0, 0)


def test_models_and_providers_share_nothing() -> None:
    cache = PromptCache(FakeClock(), 1_024)
    cache.use("p", "m", [LONG])
    assert cache.use("p", "other", [LONG]) == (0, 1_500)
    assert cache.use("other", "m", [LONG]) == (0, 1_500)


def test_each_use_keeps_it_for_five_minutes() -> None:
    clock = FakeClock()
    cache = PromptCache(clock, 1_024)
    cache.use("p", "m", [LONG])
    for _ in range(3):
        clock.advance(299)
        assert cache.use("p", "m", [LONG]) == (1_500, 0)
    clock.advance(301)
    assert cache.use("p", "m", [LONG]) == (0, 1_500)


def test_each_kind_of_token_has_its_price() -> None:
    used = Tokens(1_000, 10, cache_read=600, cache_write=300)
    assert used.cost(Price(100, 500, cache_read=10, cache_write=125)) == 100 * 100 + 600 * 10 + 300 * 125 + 10 * 500
    assert used.cost(Price(100, 500)) == 1_000 * 100 + 10 * 500
