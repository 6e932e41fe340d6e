"""Whether anything is asked, by what the other checks have left.

Catches requests whose texts are blank or became so, and those without a user's turn.
Misses questions that ask nothing in many words.
Costs 1 µs a request.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from streamguard.checks.contract import PASS, Finding, Role, Subject
from streamguard.events.reason import Reason

NAME = "empty"
_ASKING: frozenset[Role] = frozenset({"user", "tool", "variable"})
_TALK: frozenset[Role] = frozenset({"system", "assistant"})


class Empty:
    """The check as `explain` knows it; it looks at all texts of a request at once, so it is called in its own way."""

    name = NAME
    codes: ClassVar[Mapping[str, str]] = {
        "empty": "Nothing is asked: the texts are blank, or nothing but instructions and earlier answers. Send text."
    }


def something_asked(subjects: Sequence[Subject]) -> Finding:
    """Blocks with `empty` when nobody asks anything.

    A prompt without variables asks by itself, so no texts at all (or documents only) pass.
    """
    asking = [subject.text for subject in subjects if subject.role in _ASKING]
    if any(text.strip() for text in asking):
        return PASS
    if asking or any(subject.role in _TALK for subject in subjects):
        return Finding(action="block", code="empty", reason=Reason.INPUT_EMPTY)
    return PASS
