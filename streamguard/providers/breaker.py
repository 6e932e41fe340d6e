"""When to stop calling a model that fails, and who of a fleet may try again. Pure over a clock.

closed ──(failures in a row; share of failures or of slow calls)──▶ open ──(time over, claim won)──▶ half-open
   ▲                                                                  ▲                                  │
   └──────────────────(`probes` successes in a row)───────────────────┼──────────────────────────────────┤
                                                                      └───────────(a failure)────────────┘

Workers share one log of changes (`streamguard.events.fleet.BreakerChange`), and all follow it: what is newer than all before it
holds, of two with one version the first. So whoever has read the log to one place is in one state. A worker's own change
holds for itself at once and for all when it is read back; only a claim to try again must be read back before it counts.
Whoever was overtaken by another's change drops its own and follows.

- **Two open at once**: one of the two records holds, the other is void, and both are open.
- **Clocks**: `until` is wall time of its writer, turned into monotonic time when it is read. A reader whose clock is ahead by a
  second takes an open time, or a claim, to be over a second early, and so may try while the claimer still does. One whose clock
  is behind waits up to a second longer, but never longer, from its reading on, than the settings say, whatever a record does.
- **Compaction** keeps the last record of a key, which may be a void one. Who starts then and reads no more believes in it until
  the next change, and may win a claim that the others know to be lost: one probe too many. Whoever wrote what holds and sees
  another record void behind it repeats it once, which closes that gap while that worker lives. After an emptied topic it is
  the same: unknown is closed, version 0.
- **Without a log** (`say` is None), or with one that gives nothing back for as long as a claim lasts, a worker decides for
  itself, and tells what it came to once it can.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streamguard.clock import Clock
from streamguard.config import Breaker as BreakerSettings
from streamguard.events.fleet import BreakerChange
from streamguard.providers.breaker_window import Trip, Window

State = Literal["closed", "open", "half_open"]
Cause = Trip | Literal["probe_failed", "probes_passed", "claim"]
Say = Callable[[BreakerChange], None]
"""Puts a change into the log, later and without blocking; may be told the same twice."""


@dataclass(frozen=True, slots=True, eq=False)
class Permit:
    """Leave to make one call; its end must be told once, with `success`, `failure` or `release`.

    `era` counts state changes: what a call of an older era says about the model is no news any more.
    """

    provider: str
    model: str
    era: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Perhaps: this worker claims to try again, and should know of it until `until` (monotonic, seconds). Ask again then, or when
    something has changed."""

    until: float


class Breaker:
    """The breaker of one model at one provider, as one worker sees it."""

    def __init__(
        self,
        settings: BreakerSettings,
        clock: Clock,
        provider: str = "",
        model: str = "",
        *,
        worker: str = "",
        say: Say | None = None,
        changed: Callable[[State, str], None] | None = None,
    ) -> None:
        """`worker` is unique for each start of a process. `changed` is told the state before a change and the change's cause,
        also when the state is the same and only its end or its owner is another."""
        self._settings, self._clock = settings, clock
        self._provider, self._model, self._worker = provider, model, worker
        self._say, self._changed = say, changed
        self._window = Window(settings)
        self._state: State = "closed"
        self._until = 0.0  # monotonic: the end of an open time, or of a claim
        self._mine = False  # the claim of this half-open state is ours
        self._era = 0
        self._probe: Permit | None = None
        self._passed = 0
        self._passed_slowly = 0
        self._repeated = 0  # the version that was told again
        self._held: BreakerChange | None = None
        """What holds by the log."""
        self._sent: BreakerChange | None = None
        """Ours, always one version above what holds, until it is read back or overtaken."""
        self._claimed_at: float | None = None
        """When we sent a claim; None once it counts, or is lost."""

    @property
    def state(self) -> State:
        """The state now. An open time that is over is still `open`, until somebody tries."""
        return self._state

    @property
    def mine(self) -> bool:
        """It is half-open, and this worker is the one that tries."""
        return self._mine

    def permit(self) -> Permit | Claimed | None:
        """Leave to call; None while open, or while somebody tries."""
        if self._state == "closed":
            return Permit(self._provider, self._model, self._era)
        now = self._clock.monotonic()
        if now < self._until:
            return self._next_probe()
        if self._say is None or (
            self._claimed_at is not None and now >= self._claimed_at + self._settings.probe_seconds
        ):
            self._become("half_open", self._settings.probe_seconds, "claim", mine=True)
            self._tell("half_open", "claim", self._settings.probe_seconds)
            return self._next_probe()
        if self._claimed_at is None:
            self._tell("half_open", "claim", self._settings.probe_seconds, claimed_at=now)
        if self._claimed_at is None:  # a log in memory has answered at once
            return self._next_probe()
        known = self._claimed_at + self._settings.claim_wait
        return Claimed(known) if now < known else None

    def success(self, permit: Permit, seconds: float) -> bool:
        """The call was answered. True when that was so slow that this opened the breaker."""
        if permit.era != self._era:
            return False
        slow = seconds > self._settings.slow
        if self._state == "half_open":
            self._probe = None
            self._passed += 1
            self._passed_slowly += slow
            if self._passed < self._settings.probes:
                self._until = self._clock.monotonic() + self._settings.probe_seconds
                self._tell("half_open", "claim", self._settings.probe_seconds)
                return False
            if self._passed_slowly >= self._settings.slow_rate * self._passed:
                return self._open("slow")
            self._become("closed", 0.0, "probes_passed")
            self._tell("closed", "probes_passed", None)
            return False
        trip = self._window.success(self._clock.monotonic(), seconds)
        return self._open(trip) if trip else False

    def failure(self, permit: Permit, seconds: float) -> bool:
        """The provider failed. True when this opened the breaker."""
        if permit.era != self._era:
            return False
        if self._state == "half_open":
            return self._open("probe_failed")
        trip = self._window.failure(self._clock.monotonic(), seconds)
        return self._open(trip) if trip else False

    def release(self, permit: Permit) -> None:
        """The call says nothing about the provider: it was cancelled, or the request itself was at fault."""
        if self._probe is permit:
            self._probe = None

    def apply(self, change: BreakerChange) -> None:
        """A record of the log; to be called in log order, with our own records too."""
        if change.version <= self._version:
            self._repeat(change)
            return
        self._held = change
        sent = self._sent
        if sent is None or change.worker != self._worker:
            self._follow(change)
        elif _place(sent) != _place(change):  # an older one of ours, and we have come further since
            self._sent = sent.model_copy(update={"version": change.version + 1})
            if self._say is not None:
                self._say(self._sent)
        elif self._claimed_at is not None:
            self._follow(change)
        else:
            self._sent = None

    def share(self, say: Say | None) -> None:
        """Tell changes to `say` from now on, beginning with what is not known to be in the log; with None, decide alone."""
        self._say = say
        if say is None:
            self._note(self._state, "claim")
        elif self._sent is not None:
            say(self._sent)

    @property
    def _version(self) -> int:
        return self._held.version if self._held else 0

    def _next_probe(self) -> Permit | None:
        if not self._mine or self._probe is not None:
            return None
        self._probe = Permit(self._provider, self._model, self._era)
        return self._probe

    def _open(self, cause: Cause) -> bool:
        self._become("open", self._settings.open_seconds, cause)
        self._tell("open", cause, self._settings.open_seconds)
        return True

    def _follow(self, change: BreakerChange) -> None:
        self._sent, self._claimed_at = None, None
        ours = change.state == "half_open" and change.worker == self._worker
        longest = {"closed": 0.0, "open": self._settings.open_seconds, "half_open": self._settings.probe_seconds}
        left = longest[change.state]
        if change.until is not None:
            left = max(0.0, min(left, (change.until - self._clock.now_us()) / 1e6))
        self._become(change.state, left, change.cause, mine=ours)

    def _become(self, state: State, seconds: float, cause: str, *, mine: bool = False) -> None:
        before, self._state = self._state, state
        self._until = self._clock.monotonic() + seconds
        self._mine = mine
        self._era += 1
        self._probe = None
        self._passed = self._passed_slowly = 0
        self._claimed_at = None
        self._window.clear()
        self._note(before, cause)

    def _tell(self, state: State, cause: Cause, seconds: float | None, *, claimed_at: float | None = None) -> None:
        self._claimed_at = claimed_at
        until = None if seconds is None else self._clock.now_us() + round(seconds * 1e6)
        self._sent = BreakerChange(
            provider=self._provider,
            model=self._model,
            state=state,
            version=self._version + 1,
            worker=self._worker,
            until=until,
            cause=cause,
        )
        if self._say is not None:
            self._say(self._sent)

    def _repeat(self, void: BreakerChange) -> None:
        held = self._held
        if held is None or self._say is None or held.worker != self._worker or _place(void) == _place(held):
            return
        if self._sent is None and self._repeated != held.version:
            self._repeated = held.version
            self._say(held)

    def _note(self, before: State, cause: str) -> None:
        if self._changed is not None:
            self._changed(before, cause)


def _place(change: BreakerChange) -> tuple[object, ...]:
    """What tells records apart."""
    return change.version, change.worker, change.state, change.until
