"""How much of one text is looked at: what lies beyond is never passed over in silence."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class TooMany(Exception):
    """A text holds more places where a datum may stand than are looked at."""


def at_most(number: int, places: Iterable[T]) -> Iterator[T]:
    """The `places`. Raises `TooMany` in place of the one after `number`."""
    for count, place in enumerate(places):
        if count == number:
            raise TooMany
        yield place
