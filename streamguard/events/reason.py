"""Why a request ended as it did. The codes are stable: consumers may branch on them."""

from enum import StrEnum
from typing import Annotated

from streamguard.events.base import OPEN


class Reason(StrEnum):
    """One code a cause; the comment says who decides it and what a service can do."""

    INVALID_REQUEST = "invalid_request"  # admit: the record breaks a rule of `Request`; correct it
    INPUT_EMPTY = "input_empty"  # guard: nothing is left to ask; send text
    INPUT_TOO_LONG = "input_too_long"  # admit, guard: over the bounds in characters, messages or tokens; shorten
    INPUT_NOT_ALLOWED = "input_not_allowed"  # guard: outside what the prompt allows
    PROMPT_INJECTION = "prompt_injection"  # guard: the text tries to give instructions
    UNSAFE_INPUT = "unsafe_input"  # guard: moderation of what was asked
    CHECK_UNAVAILABLE = (
        "check_unavailable"  # guard, verify: a check that the policy insists on could not be made; try later
    )
    SECRET_IN_INPUT = "secret_in_input"  # guard: a credential stands in the text; revoke it
    NO_CONSENT = "no_consent"  # admit: the user has not agreed to processing
    OPTED_OUT = "opted_out"  # admit: the user has withdrawn
    FEATURE_DISABLED = "feature_disabled"  # admit: the feature is switched off
    RATE_LIMITED_USER = "rate_limited_user"  # admit: over the user's requests a minute; try later
    RATE_LIMITED_IP = "rate_limited_ip"  # admit: over the address's requests a minute; try later
    BUDGET_EXHAUSTED = "budget_exhausted"  # admit: the tenant's money is spent
    EXPIRED = "expired"  # any stage: the request's deadline has passed
    CANCELLED = "cancelled"  # invoke: the service asked to stop
    UNKNOWN_PROMPT = "unknown_prompt"  # guard: no such prompt or version, or its variables do not fit
    PROVIDERS_EXHAUSTED = "providers_exhausted"  # invoke: no candidate answered and the prompt has no static text
    INVALID_OUTPUT = "invalid_output"  # verify: the answer lacks the required form
    UNSAFE_OUTPUT = "unsafe_output"  # verify: moderation of the answer
    LEAKED_PROMPT = "leaked_prompt"  # verify: the answer repeats the instructions
    UNGROUNDED = "ungrounded"  # verify: the answer is not supported by the documents
    ACTION_NOT_ALLOWED = "action_not_allowed"  # verify: an action outside the request's allow-list
    LOW_CONFIDENCE = "low_confidence"  # guard, verify: a person should look
    HIGH_URGENCY = "high_urgency"  # guard, verify: a person should look now
    INTERNAL = "internal"  # any stage: our fault; the event is in the dead letters


ReasonCode = Annotated[Reason, OPEN]
"""A reason as records hold it: one of a later release is kept as it is."""
