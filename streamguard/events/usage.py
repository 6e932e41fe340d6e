"""Tokens, calls and what they cost."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.events.base import OPEN, Micros, Record


class Usage(Record):
    """Tokens of one or more calls.

    `input_tokens` includes those read from the provider's cache and those written to it, `output_tokens` includes reasoning.
    """

    input_tokens: int = Field(default=0, ge=0)
    """Tokens of the questions, those from and into the provider's cache included."""
    output_tokens: int = Field(default=0, ge=0)
    """Tokens of the answers, reasoning included."""
    cache_read_tokens: int = Field(default=0, ge=0)
    """Of the input: read from the provider's cache."""
    cache_write_tokens: int = Field(default=0, ge=0)
    """Of the input: written to the provider's cache."""
    reasoning_tokens: int = Field(default=0, ge=0)
    """Of the output: thought, and not shown."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


Rung = Literal["primary", "same_model", "cheaper_tier", "other_vendor", "local"]
"""Where a candidate stands in the pyramid, by what it is to the preferred one; see `streamguard.providers.routing`."""


class Call(Record):
    """One HTTP call to a model, or one that was not made (`skipped`); `error` says why.

    `cost_nusd` is None where it is unknown (no price, no usage, or cut off, so that nobody here can tell whether it was
    charged), 0 where nothing was charged. `call_id` is also the call's `x-request-id`. `kind` tells why it was made: `first`,
    `retry` after a failure, `fallback` to another candidate, `reask` because the answer lacked its form.
    """

    call_id: str
    """`tenant/request/run/number`, and `.try` behind it for a retry."""
    provider: str
    """Who was asked."""
    model: str
    """Which model was asked."""
    kind: Annotated[Literal["first", "retry", "fallback", "reask"], OPEN]
    """Why it was made."""
    status: Annotated[Literal["ok", "error", "skipped"], OPEN]
    """How it went; `skipped`: it was not made."""
    error: str | None = None
    """What went wrong, as OpenTelemetry's `error.type`."""
    http_status: int | None = None
    """Of the provider's answer."""
    started_at: Micros
    """When it began."""
    duration_us: Micros
    """How long it took."""
    usage: Usage | None = None
    """Its tokens; left out when they are not known."""
    cost_nusd: int | None = None
    """What it cost, in nano-dollars."""
    price_version: str | None = None
    """Which price list that was reckoned with."""
    response_id: str | None = None
    """The provider's own id of its answer."""
    response_model: str | None = None
    """The model as the provider names it."""
    finish_reason: str | None = None
    """Why the model stopped, in OpenAI's words."""
    tripped: bool = False
    """This call's failure opened the breaker of its provider and model."""
    rung: Annotated[Rung, OPEN] | None = None
    """Where the candidate stands in the pyramid of fallbacks."""
    estimated: bool = False
    """`usage`, and the cost with it, was counted here: the provider reported none, or the call broke before it could."""
    streamed: bool = False
    """It was asked for as a stream."""
    first_token_us: Micros | None = None
    """Of a stream: from the request to the first piece of the answer."""
    between_tokens_us: Micros | None = None
    """Of a stream: from one piece to the next, on average."""


def total_cost(calls: tuple[Call, ...]) -> int | None:
    """What the calls cost together, in nano-dollars; None (unknown) when a call that was surely charged has no known cost.

    Surely charged is a call that was answered, or whose failure still reported its usage. A call cut off before its answer
    may have been charged or not; it stays visible as a call with an unknown cost and does not make the total unknown.
    """
    total = 0
    for call in calls:
        if call.cost_nusd is not None:
            total += call.cost_nusd
        elif call.status == "ok" or call.usage is not None:
            return None
    return total
