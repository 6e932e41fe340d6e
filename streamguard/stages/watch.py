"""Timing a stage's part of a request for its trail."""

from streamguard.clock import Clock
from streamguard.events.trail import Detail, StageName, TrailEntry


class Watch:
    """Starts when made; `entry` tells how long it has been since."""

    def __init__(self, stage: StageName, clock: Clock) -> None:
        self._stage: StageName = stage
        self._clock = clock
        self._began = clock.monotonic()
        self.started_at = clock.now_us()

    def entry(self, decision: str, **detail: Detail | None) -> TrailEntry:
        """The stage's entry in the trail; details that are None are left out."""
        return TrailEntry(
            stage=self._stage,
            started_at=self.started_at,
            duration_us=max(0, round((self._clock.monotonic() - self._began) * 1e6)),
            decision=decision,
            detail={name: value for name, value in detail.items() if value is not None},
        )
