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
    """The most tokens of the question; what is over is trimmed or refused."""
    output_tokens: int = Field(ge=0)
    """The most tokens of one answer."""
    calls: int = Field(ge=1)
    """The most calls to models, retries and fallbacks included."""


class Decision(Record):
    """What admit decided, by which owner of the tenant's partition.

    `epoch` is the offset of the owner's marker in partition `partition` of the admission journal: it only grows, so a
    record of an older epoch behind one of a newer is void.
    """

    action: Literal["admit", "refuse"]
    """Whether the request goes on."""
    reason: ReasonCode | None = None
    """Why it is refused."""
    retry_after_us: Micros | None = None
    """When it would be within the rate again, in microseconds from `at`."""
    at: Micros
    """The time that was decided by."""
    partition: int
    """The partition of `requests` and of the admission journal where it was decided."""
    epoch: int
    """Offset of the owner's marker there."""
    reservation: Reservation | None = None
    """What it may use; none for a refusal."""


class Carried(Record):
    """What every record after admit carries: who asked, which pass, and what happened so far."""

    head: RequestHead
    """Who asked, and everything about the request but its text."""
    run: int = Field(default=1, ge=1)
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    received_at: Micros
    """When the broker had the request."""
    trail: tuple[TrailEntry, ...] = ()
    """What the stages before did, in order."""
    verdicts: tuple[Verdict, ...] = ()
    """What the checks said so far."""


class Admitted(Record):
    """Topic `admitted`: the request as it came, with admit's decision."""

    request: Request
    """The request; of a refused one only who asked is kept."""
    run: int = 1
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    received_at: Micros
    """When the broker had the request."""
    decision: Decision
    """What admit decided."""
    trail: tuple[TrailEntry, ...] = ()
    """What admit did."""
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
    """What stands in the text, such as `[EMAIL_1]`."""
    kind: str
    """What it is, such as `EMAIL`."""
    value: str
    """The datum itself, put back into the asker's own answer."""


class PromptUsed(Record):
    """The template that was rendered."""

    name: str
    """Its name."""
    version: int
    """Its version."""


class Ask(Record):
    """What to ask of a model: messages after redaction and fencing, the form wanted, and where to ask.

    `route` names a list of candidates of the configuration, or is `auto`; `canary` stands in the system message and must never
    come back; `static_text` is the last thing to fall back on.
    """

    messages: tuple[Message, ...]
    """What the model is sent: the instructions, and what others said behind fences."""
    route: str
    """A list of candidates of the configuration, or `auto`."""
    temperature: float | None = None
    """Of sampling; left out: the provider's own."""
    max_output_tokens: int
    """The most tokens of the answer."""
    response_format: ResponseFormat | None = None
    """The form the answer must have."""
    tools: tuple[Tool, ...] = ()
    """Tools that it may want called."""
    tool_choice: ToolChoice | None = None
    """Whether and which tool must be called."""
    canary: str | None = None
    """A word of the instructions by which a leak of them is told."""
    static_text: str | None = None
    """What is said when no model answers; none where a form or a call was asked for."""


class Guarded(Carried):
    """Topic `guarded`: what guard lets through."""

    prompt: PromptUsed
    """The template that was rendered."""
    ask: Ask
    """What to ask of a model."""
    placeholders: tuple[Placeholder, ...] = ()
    """What was taken out of the text, by the tokens that stand there."""
    input_tokens: int
    """Tokens of `ask.messages` and the tools as counted here."""
    fingerprint: str
    """Hex; equal for requests whose answer may be shared, see `streamguard.cache.exact`."""
    reservation: Reservation
    """What the request may use."""
    policy_version: str
    """The rules that were applied."""


class CacheUse(Record):
    """How the cache took part. `saved_nusd` is what the entry's answer had cost, None where that is unknown."""

    status: Annotated[Literal["miss", "exact", "semantic", "off"], OPEN]
    """`miss`: a model was asked, or nobody; `exact`: a stored answer was given; `off`: the cache was not to be used;
    `semantic` is for later."""
    similarity: float | None = None
    """How alike the stored question was, 0 to 1."""
    saved_nusd: int | None = None
    """What the stored answer had cost, in nano-dollars."""


class CacheEntry(Record):
    """Topic `cache-entries`, keyed by fingerprint: a verified answer that holds no personal data."""

    tenant_id: str
    """Whose answer it is: no other tenant gets it."""
    output: str
    """The answer, verified and redacted."""
    parsed: JsonValue = None
    """The answer as JSON, where a form was asked for."""
    provider: str
    """Who gave it."""
    model: str
    """Which model gave it."""
    usage: Usage
    """What it took."""
    cost_nusd: int | None = None
    """What it cost, in nano-dollars; left out where that is unknown."""
    price_version: str | None = None
    """Which price list that was reckoned with."""
    created_at: Micros
    """When it was given."""
    expires_at: Micros
    """From when on it is stale: only something to fall back on."""
    source: str
    """The request whose answer it is: `tenant/request/run`."""


class Invocation(Guarded):
    """Topic `invocations`: a request no cache could answer, with the stale entry to fall back on, if any."""

    stale: CacheEntry | None = None
    """An answer past its time, for when no model answers."""


Degraded = Annotated[Literal["fallback", "stale_cache", "static"], OPEN]
AnswerSource = Annotated[Literal["model", "cache", "stale_cache", "static", "none"], OPEN]


class Shown(Record):
    """What readers of `response-chunks` have seen of a request while it was answered.

    `run` is the pass of the request in which they saw it; `stream` the highest stream that was opened for it. `whole`: that one
    holds all of the answer, was ended with `final`, and all of it is stored; `digest` is then its text's SHA-256 in hex.
    """

    run: int = Field(default=1, ge=1)
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    stream: int = Field(ge=0)
    """The highest stream that was opened for it."""
    whole: bool = False
    """That stream holds all of the answer, and was ended with `final`."""
    digest: str | None = None
    """SHA-256 of its text, in hex."""


class Completion(Guarded):
    """Topic `completions`: an answer as it came from a model, the cache or the static text; or why there is none.

    An answer that only calls tools has an empty `output`.
    """

    output: str | None = None
    """The answer, with placeholders still in it; left out when there is none."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Tools that it wants called."""
    shown: Shown | None = None
    """None when nothing of it was streamed."""
    source: AnswerSource
    """Where it comes from."""
    failure: ReasonCode | None = None
    """Why there is no answer."""
    degraded: Degraded | None = None
    """Why it is less than what was asked for."""
    provider: str | None = None
    """Who gave it."""
    model: str | None = None
    """Which model gave it."""
    finish_reason: str | None = None
    """Why the model stopped, in OpenAI's words."""
    calls: tuple[Call, ...] = ()
    """Every call to a model, those not made included."""
    usage: Usage = Usage()
    """Tokens of all calls together."""
    cost_nusd: int | None = None
    """None when it is unknown: on the wire a field that is None is left out, so no other default can mean it."""
    price_version: str | None = None
    """Which price list the cost was reckoned with."""
    cache: CacheUse
    """How the cache took part."""
