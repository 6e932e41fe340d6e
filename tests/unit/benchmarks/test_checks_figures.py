"""Intervals against published values, aims at their bounds, quantiles."""

import pytest

from benchmarks.checks_figures import Aim, Rate, quantile


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3; Wallis (2013)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilsons_interval(hits: int, n: int, low: float, high: float) -> None:
    assert Rate(hits, n).interval == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_of_an_empty_set() -> None:
    assert Rate(0, 0).share is None
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert str(Rate(0, 0)) == "-"


@pytest.mark.parametrize(
    ("aim", "value", "verdict"),
    [
        (Aim("least", 0.8), 0.8, "met ≥ 0.8"),
        (Aim("least", 0.8), 0.7999, "MISSED ≥ 0.8"),
        (Aim("most", 0.03), 0.03, "met ≤ 0.03"),
        (Aim("most", 0.03), 0.0301, "MISSED ≤ 0.03"),
        (Aim("below", 0.03), 0.03, "MISSED < 0.03"),
        (Aim("below", 600), 599.9, "met < 600"),
        (Aim("least", 0.8), None, ""),
    ],
)
def test_an_aim_is_met_at_its_bound_or_not(aim: Aim, value: float | None, verdict: str) -> None:
    assert aim.verdict(value) == verdict


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
