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
    """The service's own id of the request, unique within the tenant. Sent again it is dropped: the first response stands."""
    tenant_id: str
    """Whose request it is. Limits, cache and bookings are kept apart by it."""
    run: int
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    user_id: str
    """Who asked, as the service knows them."""
    conversation_id: str | None = None
    """Of the request."""
    session_id: str | None = None
    """Of the request."""
    feature: str
    """Which part of the service asked."""
    lane: Annotated[Lane, OPEN]
    """`interactive` or `batch`."""
    trace_id: str | None = None
    """W3C trace, 32 hex digits."""
    received_at: Micros
    """When the broker had the request."""
    ended_at: Micros
    """When its end was decided."""
    status: Status
    """How it ended."""
    reason: ReasonCode | None = None
    """Why there is no answer."""
    degraded: Degraded | None = None
    """Why the answer is less than what was asked for."""
    source: str
    """Where the answer comes from: `model`, `cache`, `stale_cache`, `static`, `none`."""
    prompt_name: str | None = None
    """The template that was rendered."""
    prompt_version: int | None = None
    """Its version."""
    policy_version: str
    """The rules that were applied."""
    provider: str | None = None
    """Who gave the answer."""
    model: str | None = None
    """Which model gave it."""
    finish_reason: str | None = None
    """Why the model stopped, in OpenAI's words."""
    input_tokens_counted: int | None = None
    """Tokens of the prompt as guard counted them; `usage` is what the provider charged for."""
    usage: Usage
    """Tokens of all calls together."""
    cost_nusd: int | None = None
    """What all calls cost, in nano-dollars; left out where that is unknown."""
    price_version: str | None = None
    """Which price list that was reckoned with."""
    cache: CacheUse
    """How the cache took part."""
    cache_mode: Annotated[CacheMode, OPEN]
    """What the request wanted of the cache."""
    stream: bool = False
    """It was asked for in pieces."""
    trail: tuple[TrailEntry, ...] = ()
    """What each stage did, in order."""
    verdicts: tuple[Verdict, ...] = ()
    """What the checks said."""
    calls: tuple[Call, ...] = ()
    """Every call to a model, those not made included."""


class Payload(Record):
    """Topic `payloads`: prompt and answer text, redacted, by the privacy policy; kept for a short time only."""

    request_id: str
    """Of the request."""
    tenant_id: str
    """Of the request."""
    run: int
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    user_id: str
    """Who asked."""
    ended_at: Micros
    """When its end was decided."""
    prompt_text: str
    """What was asked, redacted: a line `role: text` for each message."""
    output_text: str | None = None
    """The answer, redacted."""


class Settlement(Record):
    """Topic `settlements`: what a request really used, so that admit can release its reservation."""

    request_id: str
    """Of the request."""
    tenant_id: str
    """Of the request."""
    run: int
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    user_id: str
    """Who asked."""
    status: Status
    """How it ended."""
    usage: Usage
    """Tokens of all calls together."""
    calls: int
    """How many calls were made."""
    cost_nusd: int | None = None
    """What they cost, in nano-dollars; left out where that is unknown."""
    settled_at: Micros
    """When it was booked."""


class JournalEntry(Record):
    """Topic `admission-journal`: a decision of admit (`decision`), or the marker a new owner writes (`marker`).

    A marker holds in `based_on` the journal's end as its writer saw it before the group confirmed its membership: when
    another marker lies between, the later one is void (its writer was no longer the owner). `src` names the request's
    record (`topic/partition/offset/timestamp`).
    """

    kind: Literal["marker", "decision"]
    """A decision of admit, or the marker of a new owner."""
    based_on: int | None = None
    """Of a marker: the journal's end as its writer saw it."""
    tenant_id: str | None = None
    """Of the request that was decided on."""
    request_id: str | None = None
    """Of the request that was decided on."""
    run: int | None = None
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    user_id: str | None = None
    """Who asked."""
    client_ip: str | None = None
    """From which address."""
    src: str | None = None
    """The request's record: `topic/partition/offset/timestamp`."""
    decision: Decision | None = None
    """What was decided."""
