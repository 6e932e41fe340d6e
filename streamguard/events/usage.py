"""Tokens, calls and what they cost."""

from typing import Literal

from pydantic import Field

from streamguard.events.base import Micros, Record


class Usage(Record):
    """Tokens of one or more calls. `input_tokens` includes those read from the provider's cache."""

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    reasoning_tokens: int = Field(default=0, ge=0)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


class Call(Record):
    """One HTTP call to a model, or one that was not made because a breaker was open (`skipped`).

    `cost_nusd` is None where the price is unknown, 0 where nothing was charged. `kind` tells why it was made:
    `first`, `retry` after a failure, `fallback` to another candidate, `reask` because the answer lacked its form.
    """

    call_id: str
    provider: str
    model: str
    kind: Literal["first", "retry", "fallback", "reask"]
    status: Literal["ok", "error", "skipped"]
    error: str | None = None
    http_status: int | None = None
    started_at: Micros
    duration_us: Micros
    usage: Usage | None = None
    cost_nusd: int | None = None
    price_version: str | None = None
    response_id: str | None = None
    response_model: str | None = None
    finish_reason: str | None = None
    tripped: bool = False
    """This call's failure opened the breaker of its provider and model."""


def total_cost(calls: tuple[Call, ...]) -> int | None:
    """The sum in nano-dollars; None (unknown) as soon as one call that was made has no known cost."""
    total = 0
    for call in calls:
        if call.cost_nusd is None:
            if call.status != "skipped":
                return None
            continue
        total += call.cost_nusd
    return total
