"""Requests a minute, exactly: the times of the last requests are kept, not an average.

The sliding window log: a request is within `limit` when fewer than `limit` were charged in the `window` before it.
"""

from collections import deque

MINUTE_US = 60_000_000


class Window:
    """Charges of one key, oldest first, in microseconds."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[int] = deque()

    def wait_us(self, limit: int, now_us: int, window_us: int = MINUTE_US) -> int:
        """Microseconds until a charge is within the limit; 0 when it is now."""
        while self._times and self._times[0] <= now_us - window_us:
            self._times.popleft()
        if len(self._times) < limit:
            return 0
        return self._times[len(self._times) - limit] + window_us - now_us

    def charge(self, now_us: int) -> None:
        """Enter one request. Time never goes back here: an earlier one counts as made at the last one's time."""
        self._times.append(max(now_us, self._times[-1]) if self._times else now_us)

    def idle(self, now_us: int, window_us: int = MINUTE_US) -> bool:
        """Whether nothing in it can matter any more."""
        return not self._times or self._times[-1] <= now_us - window_us


class RateLimit:
    """A limit a minute for each of many keys; keys that fell silent are forgotten."""

    def __init__(self, limit: int, window_us: int = MINUTE_US) -> None:
        self.limit = limit
        self._window_us = window_us
        self._windows: dict[str, Window] = {}
        self._sweep_at = 1024

    def wait_us(self, key: str, now_us: int) -> int:
        """Microseconds until `key` may go on; 0 when it may now. Charges nothing."""
        window = self._windows.get(key)
        return window.wait_us(self.limit, now_us, self._window_us) if window else 0

    def charge(self, key: str, now_us: int) -> None:
        """Count one request of `key`."""
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._sweep_at:
                self._sweep(now_us)
            window = self._windows[key] = Window()
        window.charge(now_us)

    def __len__(self) -> int:
        return len(self._windows)

    def _sweep(self, now_us: int) -> None:
        self._windows = {k: w for k, w in self._windows.items() if not w.idle(now_us, self._window_us)}
        self._sweep_at = max(1024, 2 * len(self._windows))
