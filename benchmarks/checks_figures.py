"""Shares with their uncertainty, and what they should reach."""

import math
from dataclasses import dataclass
from typing import Literal

_Z = 1.959963984540054
"""The normal distribution's 97.5 % point: two sides make 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `n`."""

    hits: int
    n: int

    @property
    def share(self) -> float | None:
        """None of an empty set."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, 95 % sure (E. B. Wilson, 1927). An empty set says nothing: 0 to 1."""
        if not self.n:
            return 0.0, 1.0
        share, spread = self.hits / self.n, _Z * _Z / self.n
        middle = (share + spread / 2) / (1 + spread)
        half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if self.share is None:
            return "-"
        low, high = self.interval
        return f"{self.share:.3f} [{low:.3f}, {high:.3f}]"

    def to_json(self) -> dict[str, float | int | list[float] | None]:
        low, high = self.interval
        share = None if self.share is None else round(self.share, 4)
        return {"hits": self.hits, "n": self.n, "share": share, "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at least or at most `bound`."""

    sense: Literal["least", "most", "below"]
    bound: float

    def verdict(self, value: float | None) -> str:
        """`met`, `missed` or, without a value, nothing; with the bound."""
        if value is None:
            return ""
        met = {"least": value >= self.bound, "most": value <= self.bound, "below": value < self.bound}[self.sense]
        return f"{'met' if met else 'MISSED'} {self}"

    def __str__(self) -> str:
        sign = {"least": "≥", "most": "≤", "below": "<"}[self.sense]
        return f"{sign} {self.bound:g}"


def quantile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed. Raises `ValueError` without values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
