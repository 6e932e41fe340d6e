"""What is left of requests or tokens, carried on from what headers said."""

import pytest

from streamguard.providers.turns_rate import Left


def told(left: int, reset: float | None, *, at: float = 0.0, full: int = 100) -> Left:
    bucket = Left()
    bucket.told(full, 0.0, at=at, number=0, since=0)
    bucket.told(left, reset, at=at, number=1, since=0)
    return bucket


def test_unknown_is_free() -> None:
    bucket = Left()
    bucket.use(1e9, 0.0)
    assert bucket.ready_at(1e9, 5.0) == 5.0
    assert told(0, None).ready_at(50, 1.0) == 1.0


def test_what_is_missing_comes_back_evenly() -> None:
    bucket = told(0, 10.0)
    assert bucket.ready_at(0, 0.0) == 0.0
    assert bucket.ready_at(20, 0.0) == pytest.approx(2)
    assert bucket.ready_at(20, 2.5) == 2.5
    assert bucket.ready_at(100, 0.0) == pytest.approx(10)


def test_more_than_a_full_one_holds_waits_until_it_is_full() -> None:
    bucket = told(50, 5.0)
    assert bucket.ready_at(1000, 0.0) == 5.0
    assert bucket.ready_at(1000, 5.0) == 5.0


def test_the_reset_is_all_that_is_known_where_no_full_one_was_seen() -> None:
    bucket = Left()
    bucket.told(0, 7.0, at=1.0, number=1, since=0)
    assert bucket.ready_at(1, 2.0) == 8.0
    assert bucket.ready_at(1, 8.0) == 8.0


def test_what_is_used_meanwhile_is_missing_too() -> None:
    bucket = told(30, 7.0)
    bucket.use(30, 0.0)
    assert bucket.ready_at(10, 0.0) == pytest.approx(1)
    bucket.use(10, 1.0)
    assert bucket.ready_at(10, 1.0) == pytest.approx(2)


def test_it_is_carried_on_after_it_was_full_again() -> None:
    bucket = told(0, 10.0)
    bucket.use(100, 50.0)
    assert bucket.ready_at(10, 50.0) == pytest.approx(51)


def test_a_server_that_is_empty_for_days_is_asked_again_after_a_minute_by_one_call() -> None:
    bucket = told(0, 86_400.0 * 30)
    assert bucket.ready_at(10, 0.0) == 60.0
    assert bucket.ready_at(10, 60.0) == 60.0
    bucket.use(10, 60.0)
    assert bucket.ready_at(10, 60.0) == 120.0
    unknown = Left()
    unknown.told(0, 86_400.0, at=0.0, number=1, since=0)
    assert unknown.ready_at(10, 1.0) == 60.0


def test_older_news_is_no_news() -> None:
    bucket = told(90, 1.0)
    bucket.told(0, 600.0, at=0.0, number=0, since=0)
    assert bucket.ready_at(50, 0.0) == 0.0


def test_what_later_calls_used_is_taken_off() -> None:
    bucket = told(50, 5.0)
    bucket.told(50, 5.0, at=0.0, number=2, since=45)
    assert bucket.ready_at(10, 0.0) == pytest.approx(0.5)
