"""The books of one request while models are asked: time and calls left, and every call made."""

from dataclasses import dataclass, field
from typing import Literal, TypedDict

from streamguard.clock import Clock
from streamguard.config import Candidate
from streamguard.errors import ProviderError
from streamguard.events.usage import Call, Usage
from streamguard.money import Price
from streamguard.providers.contract import ChatAnswer
from streamguard.providers.errors import CallFailed, EmptyAnswer
from streamguard.providers.prices import PriceBook

Kind = Literal["first", "retry", "fallback", "reask"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A call under way."""

    call_id: str
    candidate: Candidate
    kind: Kind
    started_at: int
    started: float


class _Place(TypedDict):
    call_id: str
    provider: str
    model: str
    kind: Kind
    started_at: int
    duration_us: int


@dataclass(slots=True)
class Attempts:
    """What one request has used of its time (seconds on the monotonic clock), calls and retries."""

    clock: Clock
    prices: PriceBook
    ends: float
    calls_left: int
    retries_left: int
    calls: list[Call] = field(default_factory=list[Call])

    def time_left(self) -> float:
        """Seconds until everything must have ended."""
        return self.ends - self.clock.monotonic()

    def begin(self, call_id: str, candidate: Candidate, kind: Kind) -> Begun:
        """Take one of the calls left."""
        self.calls_left -= 1
        return Begun(call_id, candidate, kind, self.clock.now_us(), self.clock.monotonic())

    def answered(self, begun: Begun, answer: ChatAnswer) -> None:
        """The call was answered."""
        price = self._price(begun, answer.usage)
        self.calls.append(
            Call(
                **self._place(begun),
                status="ok",
                http_status=200,
                usage=answer.usage,
                cost_nusd=price.cost_nusd if price else None,
                price_version=price.version if price else None,
                response_id=answer.response_id,
                response_model=answer.response_model,
                finish_reason=answer.finish_reason,
            )
        )

    def failed(self, begun: Begun, error: ProviderError, *, tripped: bool) -> None:
        """The call failed; what that costs is the error's to say, and unknown where it does not."""
        charge = error.charge if isinstance(error, CallFailed) else "unknown"
        empty = error if isinstance(error, EmptyAnswer) else None
        price = self._price(begun, empty.usage) if empty else None
        self.calls.append(
            Call(
                **self._place(begun),
                status="error",
                error=error.code,
                http_status=error.status,
                usage=empty.usage if empty else None,
                cost_nusd=0 if charge == "none" else price.cost_nusd if price else None,
                price_version=price.version if price else None,
                response_id=empty.response_id if empty else None,
                response_model=empty.response_model if empty else None,
                finish_reason=empty.finish_reason if empty else None,
                tripped=tripped,
            )
        )

    def skipped(self, call_id: str, candidate: Candidate, kind: Kind) -> None:
        """No call was made, because the breaker is open."""
        begun = Begun(call_id, candidate, kind, self.clock.now_us(), self.clock.monotonic())
        self.calls.append(Call(**self._place(begun), status="skipped", error="breaker_open", cost_nusd=0))

    def usage(self) -> Usage:
        """Tokens of all calls that reported some."""
        total = Usage()
        for call in self.calls:
            if call.usage is not None:
                total = total + call.usage
        return total

    def price_version(self) -> str | None:
        """The version of the prices that were used; of the last priced call."""
        return next((call.price_version for call in reversed(self.calls) if call.price_version), None)

    def _price(self, begun: Begun, usage: Usage | None) -> Price | None:
        if usage is None:
            return None
        candidate = begun.candidate
        return self.prices.cost(candidate.provider, candidate.model, usage, begun.started_at)

    def _place(self, begun: Begun) -> _Place:
        return {
            "call_id": begun.call_id,
            "provider": begun.candidate.provider,
            "model": begun.candidate.model,
            "kind": begun.kind,
            "started_at": begun.started_at,
            "duration_us": max(0, round((self.clock.monotonic() - begun.started) * 1e6)),
        }
