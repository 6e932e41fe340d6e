"""What the calls of the last seconds say about a model. Pure: the time is an argument."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from streamguard.config import Breaker as BreakerSettings

Trip = Literal["in_a_row", "failure_rate", "slow"]
"""Why calling should stop."""

_BUCKETS = 10
"""The window is counted in this many parts: constant memory and work at any rate, for a window that ends up to a tenth early."""
_CHANCE = 1.1e-5
"""A row of failures with a higher chance is none that opens: five are enough for up to a tenth of calls that fail anyway."""


@dataclass(slots=True)
class _Bucket:
    number: int
    calls: int = 0
    failures: int = 0
    slow: int = 0


class Window:
    """Counts the calls of one model: failures in a row, and the shares of failures and of slow calls in a sliding window.

    A slow call counts as slow whether it failed or not; a slow success is no failure.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._in_a_row = 0
        self._buckets: deque[_Bucket] = deque(maxlen=_BUCKETS)

    def success(self, now: float, seconds: float) -> Trip | None:
        """The call was answered, after `seconds`. What speaks against more calls now."""
        self._in_a_row = 0
        return self._count(now, failed=False, slow=seconds > self._settings.slow)

    def failure(self, now: float, seconds: float) -> Trip | None:
        """The provider failed, after `seconds`. What speaks against more calls now."""
        self._in_a_row += 1
        trip = self._count(now, failed=True, slow=seconds > self._settings.slow)
        return "in_a_row" if self._in_a_row >= self._settings.failures and not self._by_chance() else trip

    def clear(self) -> None:
        """Forget all calls."""
        self._in_a_row = 0
        self._buckets.clear()

    def _count(self, now: float, *, failed: bool, slow: bool) -> Trip | None:
        bucket = self._bucket(now)
        bucket.calls += 1
        bucket.failures += failed
        bucket.slow += slow
        if not failed and not slow:
            return None
        calls = sum(bucket.calls for bucket in self._buckets)
        if calls < self._settings.minimum_calls:
            return None
        if failed and sum(bucket.failures for bucket in self._buckets) >= self._settings.failure_rate * calls:
            return "failure_rate"
        if slow and sum(bucket.slow for bucket in self._buckets) >= self._settings.slow_rate * calls:
            return "slow"
        return None

    def _by_chance(self) -> bool:
        """Whether the calls before this row failed so often that such a row is no news: of a model that fails 30 % of its calls,
        one in 400 begins five failures in a row. To stop asking it would cost the other 70 %."""
        calls = sum(bucket.calls for bucket in self._buckets) - self._in_a_row
        failures = sum(bucket.failures for bucket in self._buckets) - self._in_a_row
        return calls >= self._settings.minimum_calls and (failures / calls) ** self._in_a_row > _CHANCE

    def _bucket(self, now: float) -> _Bucket:
        number = int(now / (self._settings.window / _BUCKETS))
        while self._buckets and self._buckets[0].number <= number - _BUCKETS:
            self._buckets.popleft()
        if not self._buckets or self._buckets[-1].number < number:
            self._buckets.append(_Bucket(number))
        return self._buckets[-1]
