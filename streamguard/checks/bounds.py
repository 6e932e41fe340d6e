"""Bounds on what is checked at all: the first check, so that the others meet texts of a known size.

Catches requests that are too large in any way: characters in all, one text's characters, messages, documents, tokens.
Misses the size of what templates add and of the answer: the reservation bounds them (`streamguard.stages.guard`).
Costs 3 µs a request; with `max_tokens` 40 µs a kilobyte more, where the characters alone leave it open.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.checks.text.tokens import count_tokens
from streamguard.events.reason import Reason

NAME = "bounds"


class BoundsRules(Rules):
    """The most that one request may bring."""

    max_characters: int = Field(default=100_000, ge=1)
    """Of all its texts together."""
    max_text_characters: int | None = Field(default=None, ge=1)
    """Of its longest text. None: as many as all together may have."""
    max_messages: int = Field(default=500, ge=1)
    """Messages or variables."""
    max_documents: int = Field(default=100, ge=0)
    """Documents, with or without titles."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Of all its texts together, before they are put into a template. None: the tenant's reservation alone bounds them."""


CODES: Mapping[str, str] = {
    "too_many_characters": "All texts of the request together are longer than `input.bounds.max_characters`. Shorten them.",
    "text_too_long": "One text is longer than `input.bounds.max_text_characters`. Send it in parts.",
    "too_many_messages": "More messages or variables than `input.bounds.max_messages`. Send the last ones of a conversation.",
    "too_many_documents": "More documents than `input.bounds.max_documents`. Send those that matter most.",
    "too_many_tokens": "All texts together have more tokens than `input.bounds.max_tokens`. Shorten them.",
}


class Bounds:
    """The check as `explain` knows it; it looks at all texts of a request at once, so it is called in its own way."""

    name = NAME
    codes: ClassVar[Mapping[str, str]] = CODES


def within_bounds(subjects: Sequence[Subject], rules: BoundsRules) -> Finding:
    """Blocks with the code of the first bound that the texts of a request exceed.

    A document stands for one subject with its text and, where it has one, another with its title.
    """
    if sum(len(subject.text) for subject in subjects) > rules.max_characters:
        return _beyond("too_many_characters")
    longest = rules.max_text_characters
    if longest is not None and any(len(subject.text) > longest for subject in subjects):
        return _beyond("text_too_long")
    documents = sum(subject.role == "document" for subject in subjects)
    if len(subjects) - documents > rules.max_messages:
        return _beyond("too_many_messages")
    if documents > _SUBJECTS * rules.max_documents:
        return _beyond("too_many_documents")
    if rules.max_tokens is not None and _more_tokens(subjects, rules.max_tokens):
        return _beyond("too_many_tokens")
    return PASS


_SUBJECTS = 2
"""Subjects that one document becomes: its title, which may be empty, and its text."""


def _more_tokens(subjects: Sequence[Subject], most: int) -> bool:
    """Whether the texts have more than `most` tokens; they are counted only where their length leaves it open."""
    if sum(len(subject.text.encode("utf-8", "replace")) for subject in subjects) <= most:
        return False
    count = 0
    for subject in subjects:
        count += count_tokens(subject.text)
        if count > most:
            return True
    return False


def _beyond(code: str) -> Finding:
    return Finding(action="block", code=code, reason=Reason.INPUT_TOO_LONG)
