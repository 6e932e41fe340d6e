"""Every check and every code in one place: what `streamguard explain` prints, and what the tests hold the checks to.

A check explains its own codes beside its code (`codes`); here stands where it runs, and what no check owns: the chain's own
code, and the reasons with which requests end.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import getdoc
from typing import Any, ClassVar, Protocol

from streamguard.checks.bounds import Bounds
from streamguard.checks.business import Business
from streamguard.checks.chain import CHECK_ERROR
from streamguard.checks.coherence import Coherence
from streamguard.checks.contract import Direction
from streamguard.checks.echo import PersonalEcho
from streamguard.checks.empty import Empty
from streamguard.checks.encoded import Encoded
from streamguard.checks.injection import Injection
from streamguard.checks.lists import Lists
from streamguard.checks.moderation import Moderation
from streamguard.checks.personal import RedactPersonal
from streamguard.checks.prompt_leak import PromptLeak
from streamguard.checks.remote import RemoteCheck
from streamguard.checks.secrets import Secrets
from streamguard.checks.unicode import UnicodeTricks
from streamguard.events.reason import Reason


class Coded(Protocol):
    """What a check tells about itself: each code that it can give, with what that means and what to do about it."""

    codes: ClassVar[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """A check as operators know it. `name` stands in verdicts (`remote` is followed by `.NAME` there)."""

    name: str
    kind: type[Coded]
    directions: tuple[Direction, ...]

    @property
    def codes(self) -> Mapping[str, str]:
        return self.kind.codes

    @property
    def about(self) -> str:
        """What it catches, what it misses and what it costs: the docstring of its module."""
        return getdoc(sys.modules[self.kind.__module__]) or ""


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """Why requests end so: `by` are the stages that decide it, `meaning` the cause, `advice` what a service can do."""

    by: str
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one code means. `giver` is the check that gives it, or the stages that end a request with it."""

    code: str
    giver: str
    text: str


class Chain:
    """The chains of checks themselves, as `explain` knows them."""

    codes: ClassVar[Mapping[str, str]] = {
        CHECK_ERROR: "A check failed over this text, so the text goes no further and is not kept. The request fails with "
        "`internal` and waits in `dead-letters`. It is a fault of ours: replay it with a release that repairs it.",
    }


_IN: tuple[Direction, ...] = ("input",)
_OUT: tuple[Direction, ...] = ("output",)
_BOTH: tuple[Direction, ...] = ("input", "output")

CHECKS: Mapping[str, CheckEntry] = {
    entry.name: entry
    for entry in (
        CheckEntry("bounds", Bounds, _IN),
        CheckEntry("unicode", UnicodeTricks, _BOTH),
        CheckEntry("secrets", Secrets, _BOTH),
        CheckEntry("encoded", Encoded, _IN),
        CheckEntry("lists", Lists, _BOTH),
        CheckEntry("injection", Injection, _IN),
        CheckEntry("moderation", Moderation, _BOTH),
        CheckEntry("personal", RedactPersonal, _IN),
        CheckEntry("empty", Empty, _IN),
        CheckEntry("coherence", Coherence, _OUT),
        CheckEntry("prompt_leak", PromptLeak, _OUT),
        CheckEntry("business", Business, _OUT),
        CheckEntry("personal_echo", PersonalEcho, _OUT),
        CheckEntry("remote", RemoteCheck, _BOTH),
        CheckEntry("chain", Chain, _BOTH),
    )
}
"""The checks by their names, those of what is asked in their order first."""

REASONS: Mapping[Reason, ReasonEntry] = {
    Reason.INVALID_REQUEST: ReasonEntry(
        "admit",
        "The record breaks a rule of `Request`, or the schema of the answer that it asks for is none.",
        "Correct the request; the same one is refused again.",
    ),
    Reason.INPUT_EMPTY: ReasonEntry(
        "guard", "Nothing is left to ask when invisible characters are gone.", "Send text."
    ),
    Reason.INPUT_TOO_LONG: ReasonEntry(
        "admit, guard",
        "Over the bounds in bytes, characters, messages, documents, tokens, or numbers that look like personal data.",
        "Shorten the request. The verdict's code tells which bound; operators set them in `limits` and `input.bounds`.",
    ),
    Reason.INPUT_NOT_ALLOWED: ReasonEntry(
        "guard",
        "The text is outside what the prompt allows: a deny-list, an allow-list, or writing that hides what it says.",
        "Tell the user what the prompt is for. Operators change `input.lists`, `input.encoded` or `input.unicode`.",
    ),
    Reason.PROMPT_INJECTION: ReasonEntry(
        "guard",
        "The text, or a document with it, tries to give the model instructions.",
        "See first which text it was (the verdict's content hash tells): documents are written by others, and the user is not to "
        "blame for them. `streamguard check` shows where; `input.injection` sets the thresholds.",
    ),
    Reason.UNSAFE_INPUT: ReasonEntry(
        "guard", "Moderation refuses what was asked.", "Tell the user. Operators set `input.moderation.categories`."
    ),
    Reason.CHECK_UNAVAILABLE: ReasonEntry(
        "guard, verify",
        'A remote check that the policy insists on (`on_failure = "block"`) could not be made.',
        "Ask again later. Operators look at the endpoint and at `streamguard_remote_checks_total`.",
    ),
    Reason.SECRET_IN_INPUT: ReasonEntry(
        "guard",
        "A credential stands in the text. No model saw it.",
        "Its owner should revoke it, and ask again without it.",
    ),
    Reason.NO_CONSENT: ReasonEntry(
        "admit", "The user has not agreed to processing (`consent.processing`).", "Ask for consent first."
    ),
    Reason.OPTED_OUT: ReasonEntry("admit", "The user has withdrawn.", "Do not send requests of this user."),
    Reason.FEATURE_DISABLED: ReasonEntry(
        "admit", "The feature is switched off.", "Offer something else until an operator switches it on."
    ),
    Reason.RATE_LIMITED_USER: ReasonEntry(
        "admit", "Over the user's requests a minute.", "Try again after `retry_after_us`."
    ),
    Reason.RATE_LIMITED_IP: ReasonEntry(
        "admit", "Over the address's requests a minute.", "Try again after `retry_after_us`."
    ),
    Reason.BUDGET_EXHAUSTED: ReasonEntry(
        "admit", "The tenant's money is spent.", "Wait for the next period, or have the budget raised."
    ),
    Reason.EXPIRED: ReasonEntry(
        "any stage",
        "The request's deadline has passed.",
        "Nobody waits any more: nothing to do. When many expire, give them longer deadlines or add workers.",
    ),
    Reason.CANCELLED: ReasonEntry("invoke", "The service asked to stop.", "Nothing to do."),
    Reason.UNKNOWN_PROMPT: ReasonEntry(
        "guard",
        "There is no such prompt or version, or its variables do not fit.",
        "Compare the request's `prompt` with the templates in `prompts/`.",
    ),
    Reason.PROVIDERS_EXHAUSTED: ReasonEntry(
        "invoke",
        "No candidate of the route answered in time, and the prompt has no static text.",
        "Ask again later. The calls in the outcome tell what each provider said; operators add candidates to the route.",
    ),
    Reason.INVALID_OUTPUT: ReasonEntry(
        "verify",
        "The answer lacks the form that was asked for, is empty, repeats itself, or breaks a rule of the prompt's on its form.",
        "Ask again; when it is often so, simplify the schema or change the model.",
    ),
    Reason.UNSAFE_OUTPUT: ReasonEntry(
        "verify",
        "Moderation, a deny-list or a rule of the prompt refuses the answer, or it is full of foreign personal data.",
        "Ask in other words, or show a text of your own. Operators set the sections of `output`.",
    ),
    Reason.LEAKED_PROMPT: ReasonEntry(
        "verify",
        "The answer repeats the prompt's instructions.",
        "Show a text of your own, and see what the user asked. Where instructions may be told, set `output.prompt_leak`.",
    ),
    Reason.UNGROUNDED: ReasonEntry(
        "verify", "The answer is not supported by the documents.", "Give documents that say it, or show none."
    ),
    Reason.ACTION_NOT_ALLOWED: ReasonEntry(
        "verify",
        "The answer wants an action outside the request's allow-list (`actions`).",
        "Do not carry it out. Allow it in the request if it should be.",
    ),
    Reason.LOW_CONFIDENCE: ReasonEntry(
        "guard, verify",
        "No check refuses it, but a threshold of the policy wants a person to decide (`escalated`).",
        "Wait for that decision: it comes as a new revision of the response.",
    ),
    Reason.HIGH_URGENCY: ReasonEntry(
        "guard, verify",
        "A person should look now: somebody may be in danger (`escalated`).",
        "Show the user whom to turn to, and have somebody look at once.",
    ),
    Reason.INTERNAL: ReasonEntry(
        "any stage",
        "Our fault: a stage or a check failed. The event is in the dead letters.",
        "Ask again later. Operators see `streamguard dlq list`.",
    ),
}
"""Who decides each reason, what it means, and what a service or an operator can do."""


def explanations(code: str | None = None) -> Iterator[Explanation]:
    """All that is known about a code (some are given by two checks, some are reasons too), or about all codes."""
    for entry in CHECKS.values():
        for its, text in entry.codes.items():
            if code in (None, its):
                yield Explanation(its, f"check {entry.name} ({' and '.join(entry.directions)})", text)
    for reason, why in REASONS.items():
        if code in (None, reason.value):
            by = why.by if why.by.startswith("any") else f"stage{'s' if ',' in why.by else ''} {why.by}"
            yield Explanation(reason.value, f"reason, decided by {by}", f"{why.meaning} {why.advice}")


def codes_of(entry: CheckEntry) -> frozenset[str]:
    """All codes in verdicts of that check: its own, and those it passes on from what it asks with."""
    passed_on: tuple[type[Any], ...] = (Injection, Moderation) if entry.kind is RemoteCheck else ()
    return frozenset(entry.codes).union(*(other.codes for other in passed_on))


def nearest(word: str) -> list[str]:
    """Codes and names of checks that resemble `word`, the nearest first."""
    known = {*CHECKS, *(one.code for one in explanations())}
    close = get_close_matches(word, sorted(known), n=4, cutoff=0.6)
    holding = sorted(one for one in known if len(word) > 3 and (word in one or one in word) and one not in close)
    return [*close, *holding][:6]
