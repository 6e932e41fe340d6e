"""How a request ended: the whole story (`Outcome`) and what a service needs of it (`Response`)."""

from typing import Literal

from pydantic import Field, JsonValue

from streamguard.events.base import Micros, Record
from streamguard.events.reason import ReasonCode
from streamguard.events.request import Message, RequestHead, ToolCall
from streamguard.events.stages import AnswerSource, CacheUse, Degraded, PromptUsed, Reservation
from streamguard.events.trail import TrailEntry, Verdict
from streamguard.events.usage import Call, Usage

Status = Literal["answered", "refused", "failed", "escalated"]


class Provenance(Record):
    """Who made this answer under which rules, signed.

    `content_hash` and `signature` are keyed (HMAC-SHA256, hex); `key_id` names the key. See
    `streamguard.answers.provenance` for what exactly is signed.
    """

    policy_version: str
    prompt: PromptUsed | None = None
    provider: str | None = None
    model: str | None = None
    content_hash: str
    key_id: str
    signature: str


class Timings(Record):
    """How long it took, in microseconds: in all since the broker had the request, and by stage."""

    total_us: Micros
    stages_us: dict[str, Micros] = Field(default_factory=dict)


class Ended(Record):
    """What an outcome and its response share."""

    status: Status
    reason: ReasonCode | None = None
    retry_after_us: Micros | None = None
    degraded: Degraded | None = None
    parsed: JsonValue = None
    model: str | None = None
    provider: str | None = None
    usage: Usage = Usage()
    cost_nusd: int | None = None
    """None when a price is unknown; 0 when nothing was called."""
    price_version: str | None = None
    cache: CacheUse
    verdicts: tuple[Verdict, ...] = ()
    timings: Timings
    provenance: Provenance


class Response(Ended):
    """Topic `responses`: what a service needs. `output` has the asker's own personal data put back."""

    request_id: str
    tenant_id: str
    run: int = 1
    revision: int = 1
    output: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    """Tools that the model wants called: the service calls them and asks again, with their results as messages."""


class Outcome(Ended):
    """Topic `outcomes`: the whole record, internal. Texts are redacted: `[EMAIL_1]` where an address stood.

    `parsed` too is of the redacted output. `fingerprint` is None when the request ended before lookup.
    """

    head: RequestHead
    run: int = 1
    received_at: Micros
    ended_at: Micros
    prompt: PromptUsed | None = None
    messages: tuple[Message, ...] = ()
    output: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    source: AnswerSource = "none"
    finish_reason: str | None = None
    trail: tuple[TrailEntry, ...] = ()
    calls: tuple[Call, ...] = ()
    input_tokens: int | None = None
    fingerprint: str | None = None
    reservation: Reservation | None = None
    admission_partition: int | None = None
