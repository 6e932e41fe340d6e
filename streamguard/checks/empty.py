"""Nothing to ask."""

from collections.abc import Sequence

from streamguard.checks.contract import PASS, Finding, Role, Subject
from streamguard.events.reason import Reason

NAME = "empty"
_ASKING: frozenset[Role] = frozenset({"user", "tool", "variable"})
_TALK: frozenset[Role] = frozenset({"system", "assistant"})


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
