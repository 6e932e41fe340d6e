"""What settle books from an outcome, and admit's journal."""

from typing import Annotated, Literal

from streamguard.events.base import OPEN, Micros, Record
from streamguard.events.outcome import Status
from streamguard.events.reason import ReasonCode
from streamguard.events.request import CacheMode, Lane
from streamguard.events.stages import CacheUse, Decision, Degraded
from streamguard.events.trail import TrailEntry, Verdict
from streamguard.events.usage import Call, Usage


class Telemetry(Record):
    """Topic `telemetry`: one finished request without any text. Rows, spans and costs are derived from it."""

    request_id: str
    tenant_id: str
    run: int
    user_id: str
    conversation_id: str | None = None
    session_id: str | None = None
    feature: str
    lane: Annotated[Lane, OPEN]
    trace_id: str | None = None
    received_at: Micros
    ended_at: Micros
    status: Status
    reason: ReasonCode | None = None
    degraded: Degraded | None = None
    source: str
    prompt_name: str | None = None
    prompt_version: int | None = None
    policy_version: str
    provider: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    input_tokens_counted: int | None = None
    """Tokens of the prompt as guard counted them; `usage` is what the provider charged for."""
    usage: Usage
    cost_nusd: int | None = None
    price_version: str | None = None
    cache: CacheUse
    cache_mode: Annotated[CacheMode, OPEN]
    stream: bool = False
    trail: tuple[TrailEntry, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    calls: tuple[Call, ...] = ()


class Payload(Record):
    """Topic `payloads`: prompt and answer text, redacted, by the privacy policy; kept for a short time only."""

    request_id: str
    tenant_id: str
    run: int
    user_id: str
    ended_at: Micros
    prompt_text: str
    output_text: str | None = None


class Settlement(Record):
    """Topic `settlements`: what a request really used, so that admit can release its reservation."""

    request_id: str
    tenant_id: str
    run: int
    user_id: str
    status: Status
    usage: Usage
    calls: int
    cost_nusd: int | None = None
    settled_at: Micros


class JournalEntry(Record):
    """Topic `admission-journal`: a decision of admit (`decision`), or the marker a new owner writes (`marker`).

    A marker holds in `based_on` the journal's end as its writer saw it before the group confirmed its membership: when
    another marker lies between, the later one is void (its writer was no longer the owner). `src` names the request's
    record (`topic/partition/offset/timestamp`).
    """

    kind: Literal["marker", "decision"]
    based_on: int | None = None
    tenant_id: str | None = None
    request_id: str | None = None
    run: int | None = None
    user_id: str | None = None
    client_ip: str | None = None
    src: str | None = None
    decision: Decision | None = None
