"""The line of state that `streamguard dev` prints. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamguard.money import format_usd


@dataclass(frozen=True, slots=True)
class Ended:
    """Requests that came into the store since the last look: how many by status, their times in microseconds from the broker's
    receipt to the outcome (None when there were none), and what they cost."""

    statuses: Mapping[str, int] = field(default_factory=dict[str, int])
    p50_us: float | None = None
    p99_us: float | None = None
    cost_nusd: int = 0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class State:
    """How it stands. `ended` is None when the store did not answer, `under_way`, `unstored` and `dead_letters` are None when the
    broker did not, `memory` (bytes of all processes together) where the system does not tell.

    `under_way` are requests that have not ended; `unstored` outcomes that are not in the store yet. `dead_letters` and `restarts`
    count from the start.
    """

    ended: Ended | None
    under_way: int | None
    unstored: int | None
    dead_letters: int | None
    restarts: int
    memory: int | None

    def words(self) -> str:
        """`ended 37 (30 answered, 7 refused) · p50 64 ms, p99 180 ms · $0.0123 · under way 2 · …`"""
        parts = [*self._ended(), *self._waiting()]
        parts.append(f"restarts {self.restarts}")
        if self.memory is not None:
            parts.append(f"memory {self.memory / 1e6:,.0f} MB")
        return " · ".join(parts)

    def _ended(self) -> list[str]:
        ended = self.ended
        if ended is None:
            return ["the store does not answer"]
        shown = {"answered": 0, "refused": 0, **ended.statuses}
        parts = [f"ended {ended.requests:,} ({', '.join(f'{count:,} {status}' for status, count in shown.items())})"]
        if ended.p50_us is not None and ended.p99_us is not None:
            parts.append(f"p50 {ended.p50_us / 1e3:,.0f} ms, p99 {ended.p99_us / 1e3:,.0f} ms")
        if ended.cost_nusd:
            parts.append(format_usd(ended.cost_nusd))
        return parts

    def _waiting(self) -> list[str]:
        if self.under_way is None or self.unstored is None or self.dead_letters is None:
            return ["the broker does not answer"]
        waiting = f"under way {self.under_way:,}"
        if self.unstored:
            waiting += f", to be stored {self.unstored:,}"
        return [waiting, f"dead letters {self.dead_letters:,}"]
