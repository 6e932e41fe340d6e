"""What a model's headers say is left of its requests or tokens, carried forward to now. Pure.

Vendors fill a bucket steadily: `reset` of OpenAI and Anthropic is the time until it is full again, so that what is missing comes
back in even parts until then. How much a full bucket holds is learned: the most that was ever left. Where a call asks for more
than that, it waits for the reset.
"""

from math import inf

LONGEST = 60.0
"""Seconds. Longer than that no word of a server closes its model: a quota may be raised long before the day ends, and a mistaken
header must not shut a worker out until it is started anew. Then one call asks again, or as many as AIMD still lets."""


class Left:
    """One bucket, of requests or of tokens. Times are seconds of a monotonic clock."""

    __slots__ = ("_at", "_full", "_known_at", "_left", "_number", "_rate", "_reset_at")

    def __init__(self) -> None:
        self._left = inf
        self._full = 0.0
        self._rate = 0.0
        self._at = 0.0
        self._reset_at = 0.0
        self._known_at = 0.0
        self._number = 0

    def told(self, left: int, reset: float | None, *, at: float, number: int, since: float) -> None:
        """The headers of call `number`: at `at` there was `left`, and all of it again `reset` seconds later. Calls that began
        after it have used `since`. What an older call brings is no news. Without a reset there is nothing to wait for."""
        if number < self._number:
            return
        self._number = number
        self._full = max(self._full, float(left))
        if reset is None:
            self._left = inf
            return
        if reset > 0 and self._full > left:
            self._rate = (self._full - left) / reset
        self._left, self._at, self._reset_at = float(left), at, at + max(0.0, reset)
        self._known_at = at
        self.use(since, at)

    def use(self, amount: float, now: float) -> None:
        """A call takes `amount` of it: it is full again that much later."""
        if self._left == inf:
            return
        if now >= self._reset_at:
            self._left, self._at, self._reset_at = max(self._full, self._left), now, now
            self._known_at = now
        elif now >= self._known_at + LONGEST:
            self._known_at = now  # the call that finds out
        self._left -= amount
        if self._rate > 0:
            self._reset_at += amount / self._rate

    def ready_at(self, amount: float, now: float) -> float:
        """When `amount` is there; `now` when it is. No wait is longer than until it is full, or `LONGEST` after the last news."""
        if self._left >= amount or now >= self._reset_at:
            return now
        at = min(self._reset_at, self._known_at + LONGEST)
        if amount <= self._full and self._rate > 0:
            at = min(at, self._at + (amount - self._left) / self._rate)
        return max(now, at)
