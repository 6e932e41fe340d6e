"""What a machine lacks: a reason to skip a test, and in CI a failure."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.support.kafka import KafkaUnavailable, required

T = TypeVar("T")


class Unavailable(Exception):
    """This machine cannot inflict a fault, and the message says why."""


def or_skip(make: Callable[[], T]) -> T:
    """What `make` gives. When it raises `Unavailable` or `KafkaUnavailable`, the running test is skipped with the reason; in CI
    it fails."""
    try:
        return make()
    except (Unavailable, KafkaUnavailable) as reason:
        if required():
            pytest.fail(f"CI needs it: {reason}")
        pytest.skip(str(reason))
