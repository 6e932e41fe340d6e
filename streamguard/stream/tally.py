"""The audit of a run: what was sent, and what came of each of it. Pure."""

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from streamguard.stream.planned import Identity, Planned

Side = Literal["response", "outcome"]


def digest(value: bytes) -> bytes:
    """What bytes are known by: dead letters come back as they were sent."""
    return blake2b(value, digest_size=16).digest()


@dataclass(slots=True)
class _Expected:
    planned: Planned
    bytes_sent: int
    sent_at: float
    responses: int = 0
    outcomes: int = 0
    dead_letters: int = 0

    @property
    def ended(self) -> bool:
        return self.dead_letters > 0 or (self.responses > 0 and self.outcomes > 0)

    @property
    def extra(self) -> int:
        return max(0, self.responses - 1) + max(0, self.outcomes - 1) + max(0, self.dead_letters - 1)


@dataclass(frozen=True, slots=True)
class Audit:
    """How it stands. `requests` are different ones, `repeated` those sent although their id (or bytes) had been sent before.

    `lost` have not ended (before the end of a run: not yet), `twice` are surplus responses, outcomes and dead letters.
    `elsewhere` came for requests of somebody else, `inside` are dead letters of records between the stages: their requests
    have ended as `failed`. `unplanned` ended otherwise than planned: in the dead letters, or with another refusal.
    """

    requests: int
    repeated: int
    responses: int
    outcomes: int
    dead_letters: int
    lost: int
    twice: int
    elsewhere: int
    inside: int
    unplanned: dict[str, int]


class Tally:
    """Counts as things are sent and seen. `outstanding` and `outstanding_bytes` are of requests that have not ended."""

    def __init__(self) -> None:
        self._by_identity: dict[Identity, _Expected] = {}
        self._by_digest: dict[bytes, _Expected] = {}
        self._repeated = 0
        self._elsewhere = 0
        self._inside = 0
        self._unplanned: Counter[str] = Counter()
        self.outstanding = 0
        self.outstanding_bytes = 0
        self.ended = 0
        self.latencies: dict[Identity, float] = {}
        """Seconds from sending to the first response."""

    def sent(self, planned: Planned, at: float) -> None:
        """Call it before the bytes go out. `at` in seconds, by the clock that `seen` is given too."""
        known = self._by_identity.get(planned.identity) if planned.identity else None
        known = known or self._by_digest.get(digest(planned.value))
        if known is not None:
            self._repeated += 1
            return
        expected = _Expected(planned, len(planned.value), at)
        self._by_digest[digest(planned.value)] = expected
        if planned.identity is not None:
            self._by_identity[planned.identity] = expected
        self.outstanding += 1
        self.outstanding_bytes += expected.bytes_sent

    def seen(self, side: Side, identity: Identity, at: float, reason: str | None) -> bool:
        """A response or an outcome was read; whether it was the first of its side for a request of ours."""
        expected = self._by_identity.get(identity)
        if expected is None:
            self._elsewhere += 1
            return False
        ended = expected.ended
        if side == "response":
            expected.responses += 1
            first = expected.responses == 1
            if first:
                self.latencies[identity] = at - expected.sent_at
        else:
            expected.outcomes += 1
            first = expected.outcomes == 1
            if first:
                self._compare(expected.planned, reason)
        self._after(expected, ended)
        return first

    def dead_letter(self, value: bytes) -> None:
        """A dead letter was read."""
        expected = self._by_digest.get(digest(value))
        if expected is None:
            self._inside += 1
            return
        ended = expected.ended
        expected.dead_letters += 1
        if expected.dead_letters == 1 and expected.planned.end != "dead_letter":
            self._unplanned[f"{expected.planned.kind}: dead letter"] += 1
        self._after(expected, ended)

    def audit(self) -> Audit:
        """How it stands now."""
        everything = self._by_digest.values()
        return Audit(
            requests=len(everything),
            repeated=self._repeated,
            responses=sum(item.responses > 0 for item in everything),
            outcomes=sum(item.outcomes > 0 for item in everything),
            dead_letters=sum(item.dead_letters > 0 for item in everything),
            lost=sum(not item.ended for item in everything),
            twice=sum(item.extra for item in everything),
            elsewhere=self._elsewhere,
            inside=self._inside,
            unplanned=dict(sorted(self._unplanned.items())),
        )

    def missing(self, at_most: int = 10) -> list[Planned]:
        """Some of those that have not ended."""
        return [item.planned for item in self._by_digest.values() if not item.ended][:at_most]

    def _after(self, expected: _Expected, ended_before: bool) -> None:
        if expected.ended and not ended_before:
            self.ended += 1
            self.outstanding -= 1
            self.outstanding_bytes -= expected.bytes_sent

    def _compare(self, planned: Planned, reason: str | None) -> None:
        if planned.end == "dead_letter":
            self._unplanned[f"{planned.kind}: {reason or 'answered'} instead of a dead letter"] += 1
        elif planned.reason is not None and reason != planned.reason:
            self._unplanned[f"{planned.kind}: {reason or 'answered'} instead of {planned.reason.value}"] += 1
