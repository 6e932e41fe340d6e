"""How asking ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.stages import Degraded
from streamguard.events.usage import Call, Usage

Source = Literal["model", "stale_cache", "static", "none"]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, or (`text` None) the `failure` that stands in its place; and all that was done to get there.

    An answer that only calls tools has an empty text. `form_error` says what is still wrong with the form of the answer after
    asking again, None where it fits or nobody asked; deciding over it is verify's. `usage` sums what providers reported and what
    was estimated, answers that were thrown away included; `cost_nusd` is None when a call that was surely charged has no known
    price (see `streamguard.events.usage`). `provider`, `model` and `finish_reason` are of the answer that stands (for a stale
    entry: of the one it came from). `detail` is how the models were chosen, in codes and numbers.
    """

    text: str | None
    source: Source
    failure: Reason | None
    degraded: Degraded | None
    provider: str | None
    model: str | None
    finish_reason: str | None
    form_error: str | None
    calls: tuple[Call, ...]
    usage: Usage
    cost_nusd: int | None
    price_version: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    detail: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])
