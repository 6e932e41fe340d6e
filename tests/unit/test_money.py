"""Money is exact: whole nano-dollars inside, nine places at the edges, and nothing rounded unseen."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.money import format_usd, from_decimal, to_decimal

AMOUNTS = st.integers(-(10**17), 10**17)
"""What `Decimal(18, 9)` holds, almost."""


@given(AMOUNTS)
def test_there_and_back_nothing_changes(nusd: int) -> None:
    assert from_decimal(to_decimal(nusd)) == nusd


@given(AMOUNTS, AMOUNTS)
def test_sums_are_the_same_on_both_sides(one: int, other: int) -> None:
    assert to_decimal(one) + to_decimal(other) == to_decimal(one + other)


def test_dollars_have_nine_places() -> None:
    assert str(to_decimal(1)) == "1E-9"
    assert f"{to_decimal(2_500_000_000):f}" == "2.500000000"


@pytest.mark.parametrize("dollars", ["0.0000000001", "1.9999999999", "-0.00000000005"])
def test_more_places_than_nine_are_refused(dollars: str) -> None:
    with pytest.raises(ValueError, match="no whole number of nano-dollars"):
        from_decimal(Decimal(dollars))


@pytest.mark.parametrize(
    ("nusd", "shown"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_500_000_000, "$1.50"),
        (12_345_678, "$0.012345678"),
        (1_000_000_000_000, "$1000.00"),
        (-1_250_000_000, "-$1.25"),
    ],
)
def test_people_see_at_least_two_places_and_no_needless_zeros(nusd: int | None, shown: str) -> None:
    assert format_usd(nusd) == shown
