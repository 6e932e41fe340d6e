"""Why a request ended as it did. The codes are stable: consumers may branch on them.

`REASONS` says all that is known about each: `streamguard explain`, the AsyncAPI document and `docs/first-request.md` take it
from here, and tests hold the stages to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from streamguard.events.base import OPEN


class Reason(StrEnum):
    """One code a cause, in the order of the flow."""

    INVALID_REQUEST = "invalid_request"
    INPUT_EMPTY = "input_empty"
    INPUT_TOO_LONG = "input_too_long"
    INPUT_NOT_ALLOWED = "input_not_allowed"
    PROMPT_INJECTION = "prompt_injection"
    UNSAFE_INPUT = "unsafe_input"
    CHECK_UNAVAILABLE = "check_unavailable"
    SECRET_IN_INPUT = "secret_in_input"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    FEATURE_DISABLED = "feature_disabled"
    RATE_LIMITED_USER = "rate_limited_user"
    RATE_LIMITED_IP = "rate_limited_ip"
    BUDGET_EXHAUSTED = "budget_exhausted"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN_PROMPT = "unknown_prompt"
    PROVIDERS_EXHAUSTED = "providers_exhausted"
    INVALID_OUTPUT = "invalid_output"
    UNSAFE_OUTPUT = "unsafe_output"
    LEAKED_PROMPT = "leaked_prompt"
    UNGROUNDED = "ungrounded"
    ACTION_NOT_ALLOWED = "action_not_allowed"
    LOW_CONFIDENCE = "low_confidence"
    HIGH_URGENCY = "high_urgency"
    INTERNAL = "internal"


ReasonCode = Annotated[Reason, OPEN]
"""A reason as records hold it: one of a later release is kept as it is."""

Retry = Literal["never", "changed", "after", "later"]
"""Whether to ask again, always with a new `request_id`. `never`: it would end alike, or nobody waits; `changed`: once what was
wrong is put right; `after`: as it is, `retry_after_us` later; `later`: as it is, in a while."""

Cost = Literal["nothing", "calls"]
"""What it cost. `nothing`: no model was asked; `calls`: what the calls to models cost that were made by then, see `cost_nusd`."""


@dataclass(frozen=True, slots=True)
class ReasonHelp:
    """What a service should know of a reason. `by` are the stages that decide it, `statuses` those it comes with (the usual one
    first), `meaning` the cause, `advice` what can be done. `later`: no stage gives it yet."""

    by: str
    statuses: tuple[Literal["refused", "failed", "escalated"], ...]
    meaning: str
    advice: str
    retry: Retry
    cost: Cost = "nothing"
    later: bool = False


REASONS: Mapping[Reason, ReasonHelp] = {
    Reason.INVALID_REQUEST: ReasonHelp(
        "admit",
        ("refused",),
        "A JSON Schema in the request, of the answer or of a tool's arguments, cannot be used.",
        "Correct the request. (A record that is no valid `Request` at all gets no response: it waits in `dead-letters`.)",
        "changed",
    ),
    Reason.INPUT_EMPTY: ReasonHelp(
        "guard", ("refused",), "Nothing is left to ask when invisible characters are gone.", "Send text.", "changed"
    ),
    Reason.INPUT_TOO_LONG: ReasonHelp(
        "admit, guard",
        ("refused",),
        "Over the bounds in bytes, characters, messages, documents, tokens, or numbers that look like personal data.",
        "Shorten the request. A verdict's code tells which bound of a check it was; without one it was one of `limits`. "
        "Operators set these, and `input.bounds`.",
        "changed",
    ),
    Reason.INPUT_NOT_ALLOWED: ReasonHelp(
        "guard",
        ("refused", "escalated"),
        "The text is outside what the prompt allows: a deny-list, an allow-list, or writing that hides what it says.",
        "Tell the user what the prompt is for. Operators change `input.lists`, `input.encoded` or `input.unicode`.",
        "changed",
    ),
    Reason.PROMPT_INJECTION: ReasonHelp(
        "guard",
        ("refused", "escalated"),
        "The text, or a document with it, tries to give the model instructions.",
        "See first which text it was (the verdict's content hash tells): documents are written by others, and the user is not to "
        "blame for them. `streamguard check` shows where; `input.injection` sets the thresholds.",
        "changed",
    ),
    Reason.UNSAFE_INPUT: ReasonHelp(
        "guard",
        ("refused", "escalated"),
        "Moderation refuses what was asked.",
        "Tell the user. Operators set `input.moderation.categories`.",
        "changed",
    ),
    Reason.CHECK_UNAVAILABLE: ReasonHelp(
        "guard, verify",
        ("failed",),
        'A remote check that the policy insists on (`on_failure = "block"`) could not be made.',
        "Ask again later. Operators look at the endpoint and at `streamguard_remote_checks_total`.",
        "later",
        "calls",
    ),
    Reason.SECRET_IN_INPUT: ReasonHelp(
        "guard",
        ("refused",),
        "A credential stands in the text. No model saw it.",
        "Its owner should revoke it, and ask again without it.",
        "changed",
    ),
    Reason.NO_CONSENT: ReasonHelp(
        "admit",
        ("refused",),
        "The user has not agreed to processing (`consent.processing`).",
        "Ask for consent first.",
        "changed",
    ),
    Reason.OPTED_OUT: ReasonHelp(
        "admit", ("refused",), "The user has withdrawn.", "Do not send requests of this user.", "never", later=True
    ),
    Reason.FEATURE_DISABLED: ReasonHelp(
        "admit",
        ("refused",),
        "The feature is switched off.",
        "Offer something else until an operator switches it on.",
        "later",
        later=True,
    ),
    Reason.RATE_LIMITED_USER: ReasonHelp(
        "admit", ("refused",), "Over the user's requests a minute.", "Try again after `retry_after_us`.", "after"
    ),
    Reason.RATE_LIMITED_IP: ReasonHelp(
        "admit", ("refused",), "Over the address's requests a minute.", "Try again after `retry_after_us`.", "after"
    ),
    Reason.BUDGET_EXHAUSTED: ReasonHelp(
        "admit",
        ("refused",),
        "The tenant's money is spent.",
        "Wait for the next period, or have the budget raised.",
        "later",
        later=True,
    ),
    Reason.EXPIRED: ReasonHelp(
        "admit, guard, invoke",
        ("refused", "failed"),
        "The request's deadline has passed: `refused` before a model was asked, `failed` while one was.",
        "Nobody waits any more: nothing to do. When many expire, give them longer deadlines or add workers; when all do, and at "
        "once, the service's clock is behind the line's.",
        "never",
        "calls",
    ),
    Reason.CANCELLED: ReasonHelp(
        "invoke",
        ("failed",),
        "The service asked to stop, by a record on `cancellations`.",
        "Nothing to do.",
        "never",
        "calls",
    ),
    Reason.UNKNOWN_PROMPT: ReasonHelp(
        "guard",
        ("refused",),
        "There is no such prompt or version, or its variables do not fit.",
        "Compare the request's `prompt` with the templates in `prompts/`.",
        "changed",
    ),
    Reason.PROVIDERS_EXHAUSTED: ReasonHelp(
        "invoke",
        ("failed",),
        "No candidate of the route answered in time, and the prompt has no static text, or one would not do (a form or a tool "
        "was asked for).",
        "Ask again later. The calls in the outcome tell what each provider said; operators add candidates to the route.",
        "later",
        "calls",
    ),
    Reason.INVALID_OUTPUT: ReasonHelp(
        "invoke, verify",
        ("failed", "refused", "escalated"),
        "The answer lacks the form that was asked for, calls a tool wrongly, is empty or far too long, repeats itself, or breaks "
        "a rule of the prompt's on its form.",
        "Ask again; when it is often so, simplify the schema or change the model.",
        "later",
        "calls",
    ),
    Reason.UNSAFE_OUTPUT: ReasonHelp(
        "verify",
        ("refused", "escalated"),
        "Moderation, a deny-list or a rule of the prompt refuses the answer, or it is full of foreign personal data.",
        "Ask in other words, or show a text of your own. Operators set the sections of `output`.",
        "changed",
        "calls",
    ),
    Reason.LEAKED_PROMPT: ReasonHelp(
        "verify",
        ("refused",),
        "The answer repeats the prompt's instructions.",
        "Show a text of your own, and see what the user asked. Where instructions may be told, set `output.prompt_leak`.",
        "changed",
        "calls",
    ),
    Reason.UNGROUNDED: ReasonHelp(
        "verify",
        ("refused",),
        "The answer is not supported by the documents.",
        "Give documents that say it, or show none.",
        "changed",
        "calls",
        later=True,
    ),
    Reason.ACTION_NOT_ALLOWED: ReasonHelp(
        "verify",
        ("refused",),
        "The answer wants an action outside the request's allow-list (`actions`).",
        "Do not carry it out. Allow it in the request if it should be.",
        "changed",
        "calls",
    ),
    Reason.LOW_CONFIDENCE: ReasonHelp(
        "guard, verify",
        ("escalated",),
        "No check refuses it, but a threshold of the policy wants a person to decide.",
        "Have a person of yours look. The line holds no answer back for later: nobody decides there yet.",
        "changed",
        "calls",
    ),
    Reason.HIGH_URGENCY: ReasonHelp(
        "guard",
        ("escalated", "refused"),
        "A person should look now: somebody may be in danger.",
        "Show the user whom to turn to, and have somebody look at once.",
        "never",
    ),
    Reason.INTERNAL: ReasonHelp(
        "any stage",
        ("failed", "refused"),
        "Our fault: a stage or a check failed. The event is in the dead letters.",
        "Ask again later. Operators see `streamguard dlq list`; a replay gives a response of a higher `run`.",
        "later",
        "calls",
    ),
}
"""Who decides each reason, what it means, and what a service or an operator can do."""

RETRIES: Mapping[Retry, str] = {
    "never": "do not ask again",
    "changed": "ask again with what was wrong put right",
    "after": "ask again after `retry_after_us`",
    "later": "ask again in a while",
}
COSTS: Mapping[Cost, str] = {"nothing": "costs nothing", "calls": "costs what was spent on models by then"}
