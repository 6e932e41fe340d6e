"""Waiting before a retry."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.providers.backoff import wait_before_retry


@given(st.integers(1, 2000), st.integers(0, 2**32), st.floats(0, 10), st.floats(0, 60))
def test_waits_stay_below_the_doubled_base_and_the_cap(attempt: int, seed: int, base: float, cap: float) -> None:
    wait = wait_before_retry(attempt, base=base, cap=cap, rng=random.Random(seed), time_left=1e9)
    assert wait is not None
    assert 0 <= wait <= min(cap, base * 2.0 ** min(attempt - 1, 64))


def test_waits_are_spread_over_the_whole_range() -> None:
    rng = random.Random(1)
    waits = [wait_before_retry(3, base=1, cap=60, rng=rng, time_left=100) or 0.0 for _ in range(500)]
    assert min(waits) < 0.2
    assert max(waits) > 3.8
    assert 1.8 < sum(waits) / len(waits) < 2.2


@given(st.integers(0, 2**32), st.floats(0, 20, exclude_min=True))
def test_a_servers_wish_is_obeyed_and_never_shortened(seed: int, wish: float) -> None:
    wait = wait_before_retry(1, base=1, cap=8, rng=random.Random(seed), time_left=100, retry_after=wish)
    assert wait is not None
    assert wish <= wait <= wish * 1.1 + 1e-9


def test_a_wish_for_a_time_that_is_over_is_no_leave_to_hurry() -> None:
    rng = random.Random(1)
    waits = [wait_before_retry(3, base=1, cap=60, rng=rng, time_left=100, retry_after=0.0) or 0.0 for _ in range(500)]
    assert 1.8 < sum(waits) / len(waits) < 2.2


@pytest.mark.parametrize("time_left", [5.0, 4.9, 0.0, -1.0])
def test_no_wait_that_ends_after_the_time_left(time_left: float) -> None:
    assert wait_before_retry(1, base=1, cap=8, rng=random.Random(1), time_left=time_left, retry_after=5.0) is None
