"""How much a simulated model takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.clock import FakeClock
from streamguard.dev.simulator import LimitRule
from streamguard.dev.simulator.limits import Bucket, Limits

STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 400)), max_size=60)


@given(STEPS, st.integers(1, 6_000), st.floats(0.1, 60))
def test_a_bucket_never_gives_more_than_it_held_and_got(
    steps: list[tuple[float, int]], per_minute: int, burst: float
) -> None:
    bucket, now, taken = Bucket(per_minute, burst, 0.0), 0.0, 0.0
    for passed, wanted in steps:
        now += passed
        if bucket.wait(wanted, now) == 0.0:
            bucket.take(min(wanted, bucket.size), now)
            taken += min(wanted, bucket.size)
        assert taken <= bucket.size + now * per_minute / 60 + 1e-3


def test_a_bucket_saves_up_no_more_than_it_holds() -> None:
    bucket = Bucket(60, 5.0, 0.0)
    assert bucket.left(1_000.0) == bucket.size == 5.0
    bucket.take(5, 1_000.0)
    assert bucket.wait(1, 1_000.0) == 1.0


@given(STEPS, st.integers(1, 6_000), st.floats(0.1, 60))
def test_who_waits_as_long_as_told_gets_it_and_not_much_sooner(
    steps: list[tuple[float, int]], per_minute: int, burst: float
) -> None:
    bucket, now = Bucket(per_minute, burst, 0.0), 0.0
    for passed, wanted in steps:
        now += passed
        if (wait := bucket.wait(wanted, now)) > 0.0:
            assert bucket.wait(wanted, now + wait * 0.9) > 0.0 or wait < 1e-3
            now += wait
            assert bucket.wait(wanted, now) == 0.0
        bucket.take(wanted, now)


def test_long_answers_overdraw_and_are_paid_back() -> None:
    clock = FakeClock()
    limits = Limits([LimitRule(tokens_per_minute=600, burst_seconds=10)], clock, 1.0)
    _, entered = limits.enter("p", "m", 10)
    left = limits.spend(entered, 190).tokens
    assert left is not None
    assert (left.most, left.left, left.reset) == (100, 0, pytest.approx(20.0))
    limits.leave(entered)
    assert limits.enter("p", "m", 10)[0].wait == pytest.approx(11.0)
    clock.advance(11.0)
    assert limits.enter("p", "m", 10)[0].wait is None


def test_each_model_has_its_own_room_and_the_first_rule_counts() -> None:
    limits = Limits([LimitRule("p", "free"), LimitRule("p", max_concurrency=1)], FakeClock(), 2.0)
    assert [limits.enter("p", model, 1)[0].wait for model in ("a", "b", "a", "free", "free")] == [
        None,
        None,
        2.0,
        None,
        None,
    ]
    assert limits.enter("other", "a", 1) == (limits.enter("other", "a", 1)[0], None)


def test_room_is_given_back() -> None:
    limits = Limits([LimitRule(max_concurrency=1)], FakeClock(), 2.0)
    _, entered = limits.enter("p", "m", 1)
    refused, nothing = limits.enter("p", "m", 1)
    limits.leave(nothing)
    assert refused.wait == 2.0
    limits.leave(entered)
    assert limits.enter("p", "m", 1)[0].wait is None


@pytest.mark.parametrize("wrong", [{"requests_per_minute": 0}, {"max_concurrency": -1}, {"burst_seconds": 0}])
def test_limits_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        LimitRule(**wrong)  # pyright: ignore[reportArgumentType] -- one of the fields is a string
