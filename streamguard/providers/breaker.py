"""When to stop calling a model that fails, and when to try again. Pure: the time is an argument.

closed ──(failures in a row, or the failure rate of a window)──▶ open ──(open_seconds)──▶ half-open
   ▲                                                              ▲                          │
   └────────────────(`probes` successes in a row)─────────────────┼──────────────────────────┤
                                                                  └────────(a failure)───────┘

Half-open lets one call through at a time.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from streamguard.config import Breaker as BreakerSettings

State = Literal["closed", "open", "half_open"]

_BUCKETS = 10
"""The window is counted in this many parts: constant memory and work at any rate, for a window that ends up to a tenth early."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; its end must be told with `success`, `failure` or `release`.

    `era` counts state changes: what a call of an older era says about the model is no news any more.
    """

    era: int


@dataclass(slots=True)
class _Bucket:
    number: int
    calls: int = 0
    failures: int = 0


class Breaker:
    """The breaker of one model at one provider. Times are seconds of a monotonic clock."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._state: State = "closed"
        self._era = 0
        self._opened_at = 0.0
        self._in_a_row = 0
        self._buckets: deque[_Bucket] = deque(maxlen=_BUCKETS)
        self._probing = False
        self._probes_passed = 0

    def state(self, now: float) -> State:
        """The state at that time."""
        if self._state == "open" and now >= self._opened_at + self._settings.open_seconds:
            self._become("half_open")
        return self._state

    def permit(self, now: float) -> Permit | None:
        """Leave to call, or None while open or while another call probes."""
        state = self.state(now)
        if state == "open" or (state == "half_open" and self._probing):
            return None
        self._probing = state == "half_open"
        return Permit(self._era)

    def success(self, permit: Permit, now: float) -> None:
        """The call was answered."""
        if permit.era != self._era:
            return
        if self._state == "half_open":
            self._probing = False
            self._probes_passed += 1
            if self._probes_passed >= self._settings.probes:
                self._become("closed")
            return
        self._in_a_row = 0
        self._bucket(now).calls += 1

    def failure(self, permit: Permit, now: float) -> bool:
        """The provider failed. True when this opened the breaker."""
        if permit.era != self._era:
            return False
        if self._state == "half_open":
            return self._open(now)
        self._in_a_row += 1
        bucket = self._bucket(now)
        bucket.calls += 1
        bucket.failures += 1
        return self._open(now) if self._too_many() else False

    def release(self, permit: Permit) -> None:
        """The call says nothing about the provider: it was cancelled, or the request itself was at fault."""
        if permit.era == self._era:
            self._probing = False

    def _too_many(self) -> bool:
        if self._in_a_row >= self._settings.failures:
            return True
        calls = sum(bucket.calls for bucket in self._buckets)
        failures = sum(bucket.failures for bucket in self._buckets)
        return calls >= self._settings.minimum_calls and failures >= self._settings.failure_rate * calls

    def _bucket(self, now: float) -> _Bucket:
        number = int(now / (self._settings.window / _BUCKETS))
        while self._buckets and self._buckets[0].number <= number - _BUCKETS:
            self._buckets.popleft()
        if not self._buckets or self._buckets[-1].number < number:
            self._buckets.append(_Bucket(number))
        return self._buckets[-1]

    def _open(self, now: float) -> bool:
        self._opened_at = now
        self._become("open")
        return True

    def _become(self, state: State) -> None:
        self._state = state
        self._era += 1
        self._in_a_row = 0
        self._buckets.clear()
        self._probing = False
        self._probes_passed = 0


class Breakers:
    """One breaker a provider and model, made when first asked for."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def of(self, provider: str, model: str) -> Breaker:
        """The breaker of that model; always the same object."""
        key = (provider, model)
        breaker = self._breakers.get(key)
        if breaker is None:
            breaker = self._breakers[key] = Breaker(self._settings)
        return breaker

    def states(self, now: float) -> dict[tuple[str, str], State]:
        """All states by provider and model, for metrics."""
        return {key: breaker.state(now) for key, breaker in self._breakers.items()}
