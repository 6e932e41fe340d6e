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
from streamguard.events.reason import COSTS, REASONS, RETRIES


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


def explanations(code: str | None = None) -> Iterator[Explanation]:
    """All that is known about a code (some are given by two checks, some are reasons too), or about all codes."""
    for entry in CHECKS.values():
        for its, text in entry.codes.items():
            if code in (None, its):
                yield Explanation(its, f"check {entry.name} ({' and '.join(entry.directions)})", text)
    for reason, why in REASONS.items():
        if code in (None, reason.value):
            by = why.by if why.by.startswith("any") else f"stage{'s' if ',' in why.by else ''} {why.by}"
            known = f"{why.meaning} {why.advice} Status: {' or '.join(why.statuses)}; {RETRIES[why.retry]}; {COSTS[why.cost]}."
            yield Explanation(reason.value, f"reason, {'to be ' if why.later else ''}decided by {by}", known)


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
