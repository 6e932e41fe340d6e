"""How many calls at once a model takes without saying 429: found out by asking (AIMD). Pure.

The limit falls to a part of what was in use when a call was refused, once for all calls that were under way together, and grows
again with each limit's worth of answers (a round): by half the way to the last level that held, then by one a round beyond it.
At that level it rests for some rounds first, since each step beyond may be refused.

Below one call at once the limit is a share of the time: with 0.25 a call begins every fourth call's length. Without that, many
workers on one limit of requests a minute, each with its single call, would be refused for ever.

Sources: additive increase, multiplicative decrease and its fairness, Chiu and Jain 1989; a decrease from what is in flight, once
a round trip, TCP Reno (RFC 5681) and NewReno (RFC 6582); halving the way to where the last loss was, BIC (Xu, Harfoush, Rhee
2004). Plain AIMD with a half loses a quarter of a capacity that does not queue.
"""

from math import inf

from streamguard.config import Concurrency

_REST = 10.0
"""Rounds at the last level that held, before more is tried."""
_LEAST_SHARE = 1 / 16
"""Of the time: less is never asked, so that a limit which was lifted is soon noticed."""
_STEP = 0.2
"""Below one call at once: more is tried, and less held, by this part of what there is."""


class Limit:
    """The limit of one model, at most `most` calls at once. Keeps between `minimum` and `most`."""

    __slots__ = ("_ceiling", "_era", "_least", "_most", "_rested", "_settings", "_value")

    def __init__(self, settings: Concurrency, most: int) -> None:
        self._settings = settings
        self._most = most
        self._least = float(min(settings.minimum, most)) if settings.minimum > 1 else _LEAST_SHARE
        self._value = float(most)
        self._ceiling = inf
        self._rested = 0.0
        self._era = 0

    @property
    def calls(self) -> int:
        """Calls at once."""
        return max(1, int(self._value))

    @property
    def share(self) -> float:
        """Of the time in which a call may run; 1 unless even one call at once is too much."""
        return min(1.0, self._value)

    @property
    def era(self) -> int:
        """Counts decreases. A call belongs to the era in which it began."""
        return self._era

    def answered(self, in_use: int) -> None:
        """One of `in_use` calls was answered. A limit that is not half in use has not been tried, and stays."""
        if in_use * 2 < self.calls:
            return
        round_ = 1.0 / max(1.0, self._value)
        if self._value < self._ceiling:
            least = min(1.0, _STEP * self._value) if self._value < 1.0 else 1.0
            step = least if self._ceiling == inf else max(least, (self._ceiling - self._value) / 2)
            self._value = min(self._value + step * round_, self._ceiling, self._most)
            return
        self._rested += round_
        if self._rested >= _REST:
            self._ceiling = inf

    def refused(self, in_use: int, era: int) -> bool:
        """One of `in_use` calls, begun in `era`, was refused with 429. True when that lowered the limit."""
        if era != self._era:
            return False
        self._era += 1
        tried = min(self._value, float(in_use))
        held = tried * (1 - _STEP) if tried <= 1.0 else float(max(1, int(tried) - 1))
        self._ceiling = max(self._least, held)
        self._value = max(self._least, tried * self._settings.decrease)
        self._rested = 0.0
        return True
