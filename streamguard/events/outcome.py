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
    """The rules that were applied."""
    prompt: PromptUsed | None = None
    """The template that was rendered; left out when none was."""
    provider: str | None = None
    """Who gave the answer."""
    model: str | None = None
    """Which model gave it."""
    content_hash: str
    """Of the answer as the service receives it (HMAC-SHA256, hex)."""
    key_id: str
    """Names the key of hash and signature."""
    signature: str
    """Of tenant, request, run, status, reason and all of the above (HMAC-SHA256, hex)."""


class Timings(Record):
    """How long it took, in microseconds: in all since the broker had the request, and by stage."""

    total_us: Micros
    """From when the broker had the request to its end, waiting included."""
    stages_us: dict[str, Micros] = Field(default_factory=dict)
    """Each stage's own work, without waiting."""


class Ended(Record):
    """What an outcome and its response share."""

    status: Status
    """`answered`: there is an answer; `refused`: it was not to be answered, or not like this; `failed`: no answer could be
    had; `escalated`: a person should decide."""
    reason: ReasonCode | None = None
    """Why there is no answer. Left out when there is one."""
    retry_after_us: Micros | None = None
    """After how many microseconds the request would be within its rate. Only with `rate_limited_user` and `rate_limited_ip`."""
    degraded: Degraded | None = None
    """Why the answer is less than what was asked for. Left out when it is not."""
    parsed: JsonValue = None
    """The answer as JSON, where a form was asked for."""
    model: str | None = None
    """Which model gave the answer."""
    provider: str | None = None
    """Who gave the answer."""
    usage: Usage = Usage()
    """Tokens of all calls to models together; zero when none was made."""
    cost_nusd: int | None = None
    """What the calls to models cost, in nano-dollars (a billion is a dollar). Left out when unknown; 0 without calls."""
    price_version: str | None = None
    """Which price list the cost was reckoned with."""
    cache: CacheUse
    """How the cache took part."""
    verdicts: tuple[Verdict, ...] = ()
    """What the checks said: codes, places and scores, never text."""
    timings: Timings
    """How long it took."""
    provenance: Provenance
    """Who made this under which rules, signed."""


class Response(Ended):
    """Topic `responses`: what a service needs. `output` has the asker's own personal data put back."""

    request_id: str
    """Of the request that this ends."""
    tenant_id: str
    """Of the request that this ends."""
    run: int = 1
    """Which pass of the request this is: 1, or more after a dead letter was replayed. The response of the highest one holds."""
    revision: int = 1
    """1. Higher ones are for a person's later decision on an escalated request, which nobody makes yet."""
    output: str | None = None
    """The answer as text; with a form asked for it is JSON that fits. Empty when it only calls tools, left out when there is
    none."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Tools that the model wants called: the service calls them and asks again, with their results as messages."""


class Outcome(Ended):
    """Topic `outcomes`: the whole record, internal. Texts are redacted: `[EMAIL_1]` where an address stood.

    `parsed` too is of the redacted output. `fingerprint` is None when the request ended before lookup.
    """

    head: RequestHead
    """Who asked, and everything about the request but its text."""
    run: int = 1
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    received_at: Micros
    """When the broker had the request."""
    ended_at: Micros
    """When its end was decided."""
    prompt: PromptUsed | None = None
    """The template that was rendered; left out when none was."""
    messages: tuple[Message, ...] = ()
    """What the model was sent, or what the checks left of what was asked; redacted."""
    output: str | None = None
    """The answer, redacted."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Tools that it wants called, redacted."""
    source: AnswerSource = "none"
    """Where the answer comes from."""
    finish_reason: str | None = None
    """Why the model stopped, in OpenAI's words."""
    trail: tuple[TrailEntry, ...] = ()
    """What each stage did, in order."""
    calls: tuple[Call, ...] = ()
    """Every call to a model, those not made included."""
    input_tokens: int | None = None
    """Tokens of the question as guard counted them."""
    fingerprint: str | None = None
    """Hex; equal for requests whose answer may be shared."""
    reservation: Reservation | None = None
    """What the request might use."""
    admission_partition: int | None = None
    """The partition of `requests` where it was admitted."""
