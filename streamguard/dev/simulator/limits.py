"""How much a simulated model takes: buckets of requests and tokens that fill evenly, and calls at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamguard.clock import Clock
from streamguard.dev.simulator.faults import fits
from streamguard.dev.simulator.settings import LimitRule

_TINY = 1e-6
"""Less is the rounding of numbers: whoever waits as long as told is let in."""


class Bucket:
    """Holds at most what `per_minute` brings in `burst_seconds`, at least one; full at first. May be overdrawn."""

    def __init__(self, per_minute: int, burst_seconds: float, now: float) -> None:
        self.size = max(1.0, per_minute * burst_seconds / 60)
        self._per_second = per_minute / 60
        self._left = self.size
        self._at = now

    def left(self, now: float) -> float:
        """What is in it at `now`, in seconds of the clock that the bucket was made with."""
        self._left = min(self.size, self._left + (now - self._at) * self._per_second)
        self._at = now
        return self._left

    def wait(self, wanted: float, now: float) -> float:
        """Seconds until `wanted` are in it (or it is full, when it never holds as many); 0: they are."""
        missing = min(wanted, self.size) - self.left(now)
        return missing / self._per_second if missing > _TINY else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take that out, whether it is there or not."""
        self._left = self.left(now) - amount


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one limit: `most` there can be, `left` there are, all again in `reset` seconds."""

    most: int
    left: int
    reset: float


@dataclass(frozen=True, slots=True)
class Room:
    """What a provider says of its limits. `wait` is None for a call that may go on, else the seconds until it might."""

    requests: Left | None = None
    tokens: Left | None = None
    wait: float | None = None


class Entered:
    """One model's room, for a call that may use it."""

    def __init__(self, rule: LimitRule, now: float) -> None:
        self.rule = rule
        self.at_once = 0
        self.requests = Bucket(rule.requests_per_minute, rule.burst_seconds, now) if rule.requests_per_minute else None
        self.tokens = Bucket(rule.tokens_per_minute, rule.burst_seconds, now) if rule.tokens_per_minute else None


class Limits:
    """Decides for each call whether there is room for it. `enter` before it, `leave` after it when it might go on."""

    def __init__(self, rules: Iterable[LimitRule], clock: Clock, busy_seconds: float) -> None:
        """`busy_seconds`: when to come back because of too many calls at once, which nobody can know."""
        self._clock = clock
        self._busy_seconds = busy_seconds
        self.rules: tuple[LimitRule, ...] = ()
        self._models: dict[tuple[str, str], Entered | None] = {}
        self.replace(rules)

    def replace(self, rules: Iterable[LimitRule]) -> None:
        """Put other rules in place of all; everything begins anew. Calls under way are not counted any more."""
        self.rules = tuple(rules)
        self._models = {}

    def enter(self, provider: str, model: str, input_tokens: int) -> tuple[Room, Entered | None]:
        """Ask for room for a call, and take it. What comes with the answer is to be given to `spend` and `leave`."""
        of_model = self._of(provider, model)
        if of_model is None:
            return Room(), None
        now = self._clock.monotonic()
        rule = of_model.rule
        wait = 0.0
        if of_model.requests is not None:
            wait = of_model.requests.wait(1, now)
        if of_model.tokens is not None:
            wait = max(wait, of_model.tokens.wait(input_tokens, now))
        if rule.max_concurrency is not None and of_model.at_once >= rule.max_concurrency:
            wait = max(wait, self._busy_seconds, 0.001)
        if wait > 0.0:
            return self._room(of_model, wait), None
        if of_model.requests is not None:
            of_model.requests.take(1, now)
        if of_model.tokens is not None:
            of_model.tokens.take(input_tokens, now)
        of_model.at_once += 1
        return self._room(of_model, None), of_model

    def spend(self, entered: Entered | None, output_tokens: int) -> Room:
        """The answer is this long; the bucket may be overdrawn by it. Returns what is left."""
        if entered is None:
            return Room()
        if entered.tokens is not None:
            entered.tokens.take(output_tokens, self._clock.monotonic())
        return self._room(entered, None)

    def leave(self, entered: Entered | None) -> None:
        """The call is over."""
        if entered is not None:
            entered.at_once -= 1

    def _of(self, provider: str, model: str) -> Entered | None:
        if not self.rules:
            return None
        key = provider, model
        if key not in self._models:
            rule = next((rule for rule in self.rules if fits(rule, provider, model)), None)
            self._models[key] = Entered(rule, self._clock.monotonic()) if rule is not None else None
        return self._models[key]

    def _room(self, of_model: Entered, wait: float | None) -> Room:
        now = self._clock.monotonic()
        return Room(_left(of_model.requests, now), _left(of_model.tokens, now), wait)


def _left(bucket: Bucket | None, now: float) -> Left | None:
    if bucket is None:
        return None
    return Left(int(bucket.size), max(0, int(bucket.left(now))), bucket.wait(bucket.size, now))
