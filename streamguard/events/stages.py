"""The records between the stages, in the order of the flow. Each carries the whole story so far in `trail`."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from streamguard.events.base import OPEN, Micros, Record, unknown
from streamguard.events.reason import ReasonCode
from streamguard.events.request import Message, Request, RequestHead, ResponseFormat, Tool, ToolCall, ToolChoice
from streamguard.events.trail import TrailEntry, Verdict
from streamguard.events.usage import Call, Usage


class Reservation(Record):
    """The most that a request may use: caps on tokens and on calls to models."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    calls: int = Field(ge=1)


class Decision(Record):
    """What admit decided, by which owner of the tenant's partition.

    `epoch` is the offset of the owner's marker in partition `partition` of the admission journal: it only grows, so a
    record of an older epoch behind one of a newer is void.
    """

    action: Literal["admit", "refuse"]
    reason: ReasonCode | None = None
    retry_after_us: Micros | None = None
    at: Micros
    partition: int
    epoch: int
    reservation: Reservation | None = None


class Carried(Record):
    """What every record after admit carries: who asked, which pass, and what happened so far."""

    head: RequestHead
    run: int = Field(default=1, ge=1)
    received_at: Micros
    """When the broker had the request."""
    trail: tuple[TrailEntry, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


class Admitted(Record):
    """Topic `admitted`: the request as it came, with admit's decision."""

    request: Request
    run: int = 1
    received_at: Micros
    decision: Decision
    trail: tuple[TrailEntry, ...] = ()
    head_fields: tuple[str, ...] | None = None
    """`RequestHead.ADDED` as the admit that wrote this knows it: these fields of the request are no text."""

    def head(self) -> RequestHead:
        """The request without its text, with those fields that only the admit that wrote this knew."""
        newer = {name: value for name, value in unknown(self.request).items() if name in (self.head_fields or ())}
        head = self.request.head()
        return head.model_copy(update=newer) if newer else head


class Placeholder(Record):
    """A personal datum taken out of the text: `token` stands for `value` there. Never part of telemetry."""

    token: str
    kind: str
    value: str


class PromptUsed(Record):
    """The template that was rendered."""

    name: str
    version: int


class Ask(Record):
    """What to ask of a model: messages after redaction and fencing, the form wanted, and where to ask.

    `route` names a list of candidates of the configuration, or is `auto`; `canary` stands in the system message and must never
    come back; `static_text` is the last thing to fall back on.
    """

    messages: tuple[Message, ...]
    route: str
    temperature: float | None = None
    max_output_tokens: int
    response_format: ResponseFormat | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    canary: str | None = None
    static_text: str | None = None


class Guarded(Carried):
    """Topic `guarded`: what guard lets through."""

    prompt: PromptUsed
    ask: Ask
    placeholders: tuple[Placeholder, ...] = ()
    input_tokens: int
    fingerprint: str
    """Hex; equal for requests whose answer may be shared, see `streamguard.cache.exact`."""
    reservation: Reservation
    policy_version: str


class CacheUse(Record):
    """How the cache took part. `saved_nusd` is what the entry's answer had cost, None where that is unknown."""

    status: Annotated[Literal["miss", "exact", "semantic", "off"], OPEN]
    similarity: float | None = None
    saved_nusd: int | None = None


class CacheEntry(Record):
    """Topic `cache-entries`, keyed by fingerprint: a verified answer that holds no personal data."""

    tenant_id: str
    output: str
    parsed: JsonValue = None
    provider: str
    model: str
    usage: Usage
    cost_nusd: int | None = None
    price_version: str | None = None
    created_at: Micros
    expires_at: Micros
    source: str
    """The request whose answer it is: `tenant/request/run`."""


class Invocation(Guarded):
    """Topic `invocations`: a request no cache could answer, with the stale entry to fall back on, if any."""

    stale: CacheEntry | None = None


Degraded = Annotated[Literal["fallback", "stale_cache", "static"], OPEN]
AnswerSource = Annotated[Literal["model", "cache", "stale_cache", "static", "none"], OPEN]


class Shown(Record):
    """What readers of `response-chunks` have seen of a request while it was answered.

    `run` is the pass of the request in which they saw it; `stream` the highest stream that was opened for it. `whole`: that one
    holds all of the answer, was ended with `final`, and all of it is stored; `digest` is then its text's SHA-256 in hex.
    """

    run: int = Field(default=1, ge=1)
    stream: int = Field(ge=0)
    whole: bool = False
    digest: str | None = None


class Completion(Guarded):
    """Topic `completions`: an answer as it came from a model, the cache or the static text; or why there is none.

    An answer that only calls tools has an empty `output`.
    """

    output: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    shown: Shown | None = None
    """None when nothing of it was streamed."""
    source: AnswerSource
    failure: ReasonCode | None = None
    degraded: Degraded | None = None
    provider: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage()
    cost_nusd: int | None = None
    """None when it is unknown: on the wire a field that is None is left out, so no other default can mean it."""
    price_version: str | None = None
    cache: CacheUse
