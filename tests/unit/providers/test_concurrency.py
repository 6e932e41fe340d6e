"""The limit by its rules, and before servers whose capacity it does not know."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.config import Concurrency
from streamguard.providers.concurrency import Limit
from tests.unit.providers.capacity_line import Bucket, Places, Reply, Server, run


def rounds(limit: Limit, number: int) -> list[int]:
    """The limit after each round of answers, fully in use."""
    seen: list[int] = []
    for _ in range(number):
        for _ in range(limit.calls):
            limit.answered(limit.calls)
        seen.append(limit.calls)
    return seen


def test_it_starts_at_what_is_allowed_and_never_goes_beyond() -> None:
    limit = Limit(Concurrency(), 8)
    assert limit.calls == 8
    assert rounds(limit, 5) == [8] * 5


def test_one_decrease_for_calls_that_were_under_way_together() -> None:
    limit = Limit(Concurrency(), 64)
    old = limit.era
    assert limit.refused(64, old)
    assert not limit.refused(63, old)
    assert limit.calls == 32
    assert limit.refused(32, limit.era)
    assert limit.calls == 16


def test_it_falls_from_what_was_in_use_and_not_below_the_minimum() -> None:
    limit = Limit(Concurrency(decrease=0.5, minimum=2), 64)
    limit.refused(10, limit.era)
    assert limit.calls == 5
    for _ in range(5):
        limit.refused(limit.calls, limit.era)
    assert limit.calls == 2
    assert Limit(Concurrency(minimum=9), 3).calls == 3


def test_it_grows_half_the_way_to_what_held_rests_there_and_then_goes_by_one() -> None:
    limit = Limit(Concurrency(), 64)
    limit.refused(41, limit.era)
    seen = rounds(limit, 30)
    assert seen[:4] == sorted(seen[:4])
    assert 26 <= seen[0] <= 30
    assert 8 <= seen.count(40) <= 16
    assert 42 <= seen[-1] <= 56
    steps = [after - before for before, after in pairwise(seen[8:])]
    assert max(steps) <= 1


def test_a_limit_that_is_not_half_in_use_stays() -> None:
    limit = Limit(Concurrency(), 64)
    limit.refused(20, limit.era)
    for _ in range(200):
        limit.answered(4)
    assert limit.calls == 10
    for _ in range(20):
        limit.answered(5)
    assert limit.calls > 10


@given(
    st.integers(1, 20),
    st.integers(1, 100),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 2)), max_size=200),
)
def test_it_keeps_its_bounds_and_falls_once_an_era(
    least: int, most: int, events: list[tuple[bool, float, int]]
) -> None:
    limit = Limit(Concurrency(minimum=least), most)
    for good, use, age in events:
        before, era = limit.calls, limit.era
        in_use = max(1, round(use * before))
        if good:
            limit.answered(in_use)
            assert before <= limit.calls <= before + max(1, most - before)
            assert limit.era == era
        else:
            fell = limit.refused(in_use, era - age)
            assert fell == (age == 0)
            assert limit.era == era + fell
            assert limit.calls <= before
            assert fell or limit.calls == before
        assert min(least, most) <= limit.calls <= most


Make = Callable[[random.Random], Server]
SERVERS: dict[str, tuple[Make, float, float]] = {
    "5 places": (lambda rng: Places(5, rng), 0.95, 0.02),
    "10 places": (lambda rng: Places(10, rng), 0.93, 0.01),
    "40 places": (lambda rng: Places(40, rng), 0.93, 0.01),
    "40 slow places": (lambda rng: Places(40, rng, latency=3.0), 0.9, 0.02),
    "20 a second": (lambda rng: Bucket(20, 20, rng), 0.95, 0.02),
    "20 a second, says when": (lambda rng: Bucket(20, 20, rng, tells_retry=True), 0.95, 0.02),
    "20 a second, says how many are left": (lambda rng: Bucket(20, 20, rng, tells_rate=True), 0.98, 0.005),
    "50 a second, hardly any in store": (lambda rng: Bucket(50, 10, rng), 0.9, 0.02),
    "50 a second, hardly any in store, says how many": (lambda rng: Bucket(50, 10, rng, tells_rate=True), 0.95, 0.005),
    "5 a second, says how many": (lambda rng: Bucket(5, 5, rng, tells_rate=True), 0.95, 0.02),
    "more than is ever asked": (lambda rng: Places(64, rng), 0.97, 0.0),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_hidden_capacity_is_used_with_few_refusals(name: str) -> None:
    """Ninety seconds, the start with 64 calls at once included: at least this share of the capacity, at most that one of 429."""
    make, used, refused = SERVERS[name]
    server = make(random.Random(1))
    result = run(server, seconds=90)
    assert result.answered >= used * server.capacity * 90
    assert result.refused_share <= refused
    assert result.late == 0


def test_a_single_place_is_used_though_each_look_for_more_is_refused() -> None:
    result = run(Places(1, random.Random(1)), seconds=180)
    assert result.answered >= 0.95 * 2 * 180
    assert result.refused_share < 0.12


@pytest.mark.parametrize(("capacity", "latency"), [(2.0, 0.05), (5.0, 0.05), (2.0, 0.2)])
def test_less_than_one_call_at_once_is_found_as_well(capacity: float, latency: float) -> None:
    """A single call at once would ask 5 to 20 a second."""
    result = run(Bucket(capacity, capacity, random.Random(1), latency=latency), seconds=90)
    assert result.answered >= 0.9 * capacity * 90
    assert result.refused_share < 0.15
    assert result.late == 0


def test_below_one_call_at_once_the_limit_is_a_share_of_the_time() -> None:
    limit = Limit(Concurrency(), 64)
    limit.refused(1, limit.era)
    assert (limit.calls, limit.share) == (1, 0.5)
    for _ in range(9):
        limit.refused(1, limit.era)
    assert (limit.calls, limit.share) == (1, 1 / 16)
    for _ in range(100):
        limit.answered(1)
    assert limit.share == 1
    least = Limit(Concurrency(minimum=2), 64)
    for _ in range(9):
        least.refused(1, least.era)
    assert (least.calls, least.share) == (2, 1)


def test_a_capacity_that_grows_is_found() -> None:
    class Growing(Places):
        def begin(self, now: float) -> Reply:
            self.places = 4 if now < 30 else 40
            return super().begin(now)

    grown = run(Growing(4, random.Random(1)), seconds=90)
    assert max(grown.limits[10:29]) <= 5
    assert min(grown.limits[60:]) >= 15
