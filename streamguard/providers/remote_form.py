"""What the kinds of remote checks have in common: how texts become a request, and an answer scores."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Scores = Mapping[str, float]
"""By label, 0 to 1."""
_MOST_LABELS = 200


class Form(Protocol):
    """One way of asking for scores. Pure."""

    path: str
    """Put behind `base_url`."""
    batch: int
    """How many texts go into one request."""

    def body(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """The JSON of a request about `texts`, at most `batch` of them."""
        ...

    def read(self, answer: Any, count: int) -> Sequence[Scores]:
        """The scores of each of `count` texts, from the JSON that came back.

        Strict: raises `ValueError`, `KeyError`, `IndexError`, `TypeError` or `AttributeError` for anything but what was asked
        for. Half an opinion is none.
        """
        ...


def scored(pairs: Mapping[str, Any]) -> Scores:
    """The scores as numbers. Raises `ValueError`, `TypeError` where they are none, or there are none."""
    if not 0 < len(pairs) <= _MOST_LABELS:
        raise ValueError("labels")
    return {str(label): number(value) for label, value in pairs.items()}


def number(value: Any) -> float:
    """A score. Raises `TypeError`, `ValueError` unless it is a number from 0 to 1, give or take a rounding error."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("score")
    if not -1e-3 <= value <= 1 + 1e-3:  # false for NaN too
        raise ValueError("score")
    return min(1.0, max(0.0, float(value)))
