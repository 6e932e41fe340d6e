"""When a worker must leave the process: it lives but nothing moves. Pure; the loop feeds it."""

from collections import deque
from dataclasses import dataclass

from streamguard.intake.errors import Stalled, TooManyBuried, TwinInstance
from streamguard.intake.marks import Place

TWIN_LIMIT = 5
TWIN_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watchdog is told of one input partition."""

    place: Place
    frontier: int
    unfinished: int


class Watchdog:
    """Times are monotonic seconds. Everything that checks raises Stalled, TwinInstance or returns."""

    def __init__(self, stall: float, deadline: float, now: float) -> None:
        self._stall, self._deadline = stall, deadline
        self._accepted_at = self._moved_at = now
        self._frontiers: dict[Place, tuple[int, float]] = {}
        self._refused = False
        self._suspicious: deque[float] = deque()

    def accepted(self, now: float) -> None:
        """A commit was accepted, or nothing is assigned and there is nothing to commit."""
        self._accepted_at = max(self._accepted_at, now)
        self._refused = False

    def refused(self) -> None:
        """The group refused a commit: it has moved on without us."""
        self._refused = True

    def assigned(self, now: float) -> None:
        """A new assignment. Five in a minute that follow a refused commit mean a twin."""
        self._moved_at = now
        self._frontiers.clear()
        if not self._refused:
            return
        self._refused = False
        self._suspicious.append(now)
        while self._suspicious[0] < now - TWIN_WINDOW:
            self._suspicious.popleft()
        if len(self._suspicious) >= TWIN_LIMIT:
            raise TwinInstance(
                f"{TWIN_LIMIT} assignments within {TWIN_WINDOW:g} s followed a refused commit: "
                "does another process have the same instance id?"
            )

    def moved(self, now: float) -> None:
        """Records were delivered, or steps are in flight, or nothing can be delivered for a known reason."""
        self._moved_at = now

    def check_commits(self, now: float) -> None:
        """Raise Stalled when no commit was accepted for too long."""
        if now - self._accepted_at > self._stall:
            raise Stalled(f"no commit was accepted for {now - self._accepted_at:.0f} s")

    def check_frontiers(self, now: float, partitions: list[Watched]) -> None:
        """Raise Stalled when an input stays the lowest unfinished one for longer than any step may take."""
        for watched in partitions:
            seen, since = self._frontiers.get(watched.place, (-1, now))
            if watched.frontier != seen or not watched.unfinished:
                self._frontiers[watched.place] = (watched.frontier, now)
            elif now - since > self._deadline + self._stall:
                raise Stalled(f"{watched.place.topic}/{watched.place.partition}: offset {seen} is stuck")

    def must_look(self, now: float) -> bool:
        """Whether nothing was delivered for so long that the broker must be asked if records wait."""
        return now - self._moved_at > self._stall

    def looked(self, now: float, waiting: int) -> None:
        """The broker's answer. Raise Stalled when records wait."""
        if waiting:
            raise Stalled(f"{waiting} records wait and none was delivered for {now - self._moved_at:.0f} s")
        self._moved_at = now


class BurialLimit:
    """More than `limit` burials within `window` seconds raise TooManyBuried."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._times: deque[float] = deque()

    def buried(self, now: float) -> None:
        """Count one."""
        self._times.append(now)
        while self._times[0] <= now - self._window:
            self._times.popleft()
        if len(self._times) > self._limit:
            raise TooManyBuried(self._limit, self._window)
