"""What the calls of the last seconds say, by example."""

from streamguard.config import Breaker
from streamguard.providers.breaker_window import Trip, Window


def after(failures: int, calls: int) -> list[Trip | None]:
    """What a window with these calls behind it says to each failure of a row."""
    window = Window(Breaker())
    for number in range(calls):
        # spread evenly, the first ones well
        failed = (number + 1) * failures // calls > number * failures // calls
        assert (window.failure(1.0, 0.1) if failed else window.success(1.0, 0.1)) is None
    window.success(1.0, 0.1)
    return [window.failure(1.0, 0.1) for _ in range(12)]


def test_five_failures_in_a_row_open_a_breaker_that_has_seen_few_or_good_calls() -> None:
    assert after(0, 1).index("in_a_row") == 4
    assert after(0, 100).index("in_a_row") == 4
    assert after(5, 60).index("in_a_row") == 4


def test_a_row_that_may_be_chance_opens_none() -> None:
    """Of a model that fails 30 % of its calls one in 400 begins five failures in a row; it still answers 70 %."""
    assert after(30, 100).index("in_a_row") == 9
