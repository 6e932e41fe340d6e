"""Twenty a minute means twenty in every minute, wherever it begins."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.limits.rate import MINUTE_US, RateLimit


def test_the_twenty_first_waits_until_the_first_is_a_minute_old() -> None:
    limit = RateLimit(20)
    for second in range(20):
        assert limit.wait_us("u", second * 1_000_000) == 0
        limit.charge("u", second * 1_000_000)

    assert limit.wait_us("u", 20_000_000) == MINUTE_US - 20_000_000
    assert limit.wait_us("u", MINUTE_US) == 0


def test_keys_do_not_share_a_limit() -> None:
    limit = RateLimit(1)
    limit.charge("a", 0)

    assert limit.wait_us("a", 1) > 0
    assert limit.wait_us("b", 1) == 0


def test_asking_charges_nothing() -> None:
    limit = RateLimit(1)

    assert [limit.wait_us("u", 0) for _ in range(5)] == [0] * 5


def test_silent_keys_are_forgotten() -> None:
    limit = RateLimit(5)
    for n in range(10_000):
        limit.charge(f"user-{n}", n * MINUTE_US)

    assert len(limit) <= 1025


@given(st.lists(st.integers(0, 3 * MINUTE_US), max_size=80).map(sorted), st.integers(1, 6))
def test_no_minute_ever_holds_more_than_the_limit(times: list[int], most: int) -> None:
    limit = RateLimit(most)
    let_in: list[int] = []
    for now in times:
        if limit.wait_us("u", now) == 0:
            limit.charge("u", now)
            let_in.append(now)

    for start in let_in:
        assert sum(start <= at < start + MINUTE_US for at in let_in) <= most


@given(st.lists(st.integers(0, MINUTE_US), min_size=1, max_size=40).map(sorted))
def test_the_wait_it_names_is_exact(times: list[int]) -> None:
    limit = RateLimit(3)
    for now in times:
        wait = limit.wait_us("u", now)
        if wait:
            assert limit.wait_us("u", now + wait - 1) > 0
            assert limit.wait_us("u", now + wait) == 0
            return
        limit.charge("u", now)
