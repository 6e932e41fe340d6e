"""The books of one request while models are asked: time and calls left, and every call made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamguard.clock import Clock
from streamguard.errors import ProviderError
from streamguard.events.request import Message
from streamguard.events.usage import Call, Usage
from streamguard.providers.contract import ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import CallFailed, EmptyAnswer
from streamguard.providers.prices import PriceBook
from streamguard.providers.prompt_tokens import tokens_beyond
from streamguard.providers.routing import Step

Kind = Literal["first", "retry", "fallback", "reask"]
Skip = Literal["breaker_open", "retry_budget", "saturated", "no_time", "no_calls"]
"""Why a candidate was not called: its breaker was open; the questions bound for its provider have caused too many calls already;
it had no place in time; there was too little time left, or no call."""
CANCELLED = "cancelled"
"""The error of a call that was cut off because nobody waited for the request any more, or its worker stopped."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A call under way. `progress` is there when it streams."""

    call_id: str
    step: Step
    kind: Kind
    started_at: int
    started: float
    progress: Progress | None = None
    request: ChatRequest | None = None


@dataclass(slots=True)
class Attempts:
    """What one request has used of its time (seconds on the monotonic clock), calls and retries.

    `input_tokens` are those of the messages `counted` as guard counted them, `count` counts tokens of a text: with them a call is
    booked whose provider told no usage.
    """

    clock: Clock
    prices: PriceBook
    ends: float
    calls_left: int
    retries_left: int
    input_tokens: int = 0
    counted: Sequence[Message] = ()
    count: Callable[[str], int] = len
    calls: list[Call] = field(default_factory=list[Call])
    made: int = 0
    """Calls begun."""

    def time_left(self) -> float:
        """Seconds until everything must have ended."""
        return self.ends - self.clock.monotonic()

    def begin(self, request: ChatRequest, step: Step, kind: Kind, *, streams: bool = False) -> Begun:
        """Take one of the calls left."""
        self.calls_left -= 1
        self.made += 1
        progress = Progress(self.clock.monotonic) if streams else None
        now_us, now = self.clock.now_us(), self.clock.monotonic()
        return Begun(request.request_id, step, kind, now_us, now, progress, request)

    def withdraw(self, begun: Begun) -> None:
        """The call was not made after all."""
        self.calls_left += 1
        self.made -= 1

    def seconds(self, begun: Begun) -> float:
        """How long the call took so far; of a stream, until its first piece: how long the rest takes is the answer's length."""
        first = begun.progress.first_at if begun.progress else None
        return (self.clock.monotonic() if first is None else first) - begun.started

    def answered(self, begun: Begun, answer: ChatAnswer, *, tripped: bool) -> None:
        """The call was answered. `tripped`: so slowly that its breaker opened."""
        told = answer.usage or (begun.progress.usage if begun.progress else None)
        # some count the prompt and never what they made of it
        known = answer.usage is not None and (answer.usage.output_tokens > 0 or not answer.usage.input_tokens)
        pieces = begun.progress.pieces if begun.progress else _pieces(answer)
        usage = answer.usage if known else self._estimate(begun, told, pieces)
        self._book(
            begun,
            usage,
            status="ok",
            http_status=200,
            estimated=not known,
            response_id=answer.response_id,
            response_model=answer.response_model,
            finish_reason=answer.finish_reason,
            tripped=tripped,
        )

    def failed(self, begun: Begun, error: ProviderError, *, tripped: bool) -> None:
        """The call failed. What that costs is the error's to say; of a stream it is what had come until then; else unknown."""
        charge = error.charge if isinstance(error, CallFailed) else "unknown"
        empty = error if isinstance(error, EmptyAnswer) else None
        usage, estimated = (empty.usage if empty else None), False
        if usage is None and charge != "none":
            usage, estimated = self._cut(begun)
        told = empty or begun.progress
        self._book(
            begun,
            usage,
            status="error",
            free=charge == "none",
            error=error.code,
            http_status=error.status,
            estimated=estimated,
            response_id=told.response_id if told else None,
            response_model=told.response_model if told else None,
            finish_reason=empty.finish_reason if empty else None,
            tripped=tripped,
        )

    def cut(self, begun: Begun) -> None:
        """The call was cut off by us: nobody wants the answer any more."""
        usage, estimated = self._cut(begun)
        self._book(begun, usage, status="error", error=CANCELLED, estimated=estimated)

    def skipped(self, call_id: str, step: Step, kind: Kind, why: Skip) -> None:
        """No call was made."""
        begun = Begun(call_id, step, kind, self.clock.now_us(), self.clock.monotonic())
        self.calls.append(Call(**self._place(begun), status="skipped", error=why, cost_nusd=0))

    @property
    def out_of_budget(self) -> bool:
        """Whether the last candidate was not called because its provider causes too many calls already."""
        return bool(self.calls) and self.calls[-1].error == "retry_budget"

    @property
    def crowded(self) -> bool:
        """Whether the last candidate was not called because it had no place in time."""
        return bool(self.calls) and self.calls[-1].error == "saturated"

    def usage(self) -> Usage:
        """Tokens of all calls that are known or estimated."""
        total = Usage()
        for call in self.calls:
            if call.usage is not None:
                total = total + call.usage
        return total

    def price_version(self) -> str | None:
        """The version of the prices that were used; of the last priced call."""
        return next((call.price_version for call in reversed(self.calls) if call.price_version), None)

    def _cut(self, begun: Begun) -> tuple[Usage | None, bool]:
        """What a call that broke has used, and whether that is an estimate; None where it may not have been charged at all."""
        progress = begun.progress
        if progress is None or not progress.opened:
            return None, False
        return self._estimate(begun, progress.usage, progress.pieces), True

    def _estimate(self, begun: Begun, told: Usage | None, pieces: Sequence[str]) -> Usage:
        """From what was told so far, and what came: providers charge for each token that was generated.

        Whether the provider had a part of the prompt in its cache only the provider knows: without its word all of it is new.
        """
        output = self.count("".join(pieces)) if pieces else 0
        if told is None:
            beyond = tokens_beyond(begun.request, self.counted, self.count) if begun.request else 0
            return Usage(input_tokens=self.input_tokens + beyond, output_tokens=output)
        return told.model_copy(update={"output_tokens": max(told.output_tokens, output)})

    def _book(self, begun: Begun, usage: Usage | None, *, free: bool = False, **fields: Any) -> None:
        candidate = begun.step.candidate
        price = None
        if usage is not None:
            price = self.prices.cost(candidate.provider, candidate.model, usage, begun.started_at)
        self.calls.append(
            Call(
                **self._place(begun),
                usage=usage,
                cost_nusd=0 if free else price.cost_nusd if price else None,
                price_version=price.version if price else None,
                **_speed(begun),
                **fields,
            )
        )

    def _place(self, begun: Begun) -> dict[str, Any]:
        return {
            "call_id": begun.call_id,
            "provider": begun.step.candidate.provider,
            "model": begun.step.candidate.model,
            "rung": begun.step.rung,
            "kind": begun.kind,
            "started_at": begun.started_at,
            "duration_us": max(0, round((self.clock.monotonic() - begun.started) * 1e6)),
        }


def _pieces(answer: ChatAnswer) -> Sequence[str]:
    called = (call.function for call in answer.tool_calls)
    return (answer.text, *(part for function in called for part in (function.name, function.arguments)))


def _speed(begun: Begun) -> dict[str, Any]:
    progress = begun.progress
    if progress is None:
        return {}
    speed: dict[str, Any] = {"streamed": True}
    if progress.first_at is not None and progress.last_at is not None:
        speed["first_token_us"] = max(0, round((progress.first_at - begun.started) * 1e6))
        if progress.arrivals > 1:
            gap = (progress.last_at - progress.first_at) / (progress.arrivals - 1)
            speed["between_tokens_us"] = max(0, round(gap * 1e6))
    return speed
