"""Bounds on what is checked at all: the first check, so that the others meet texts of a known size."""

from collections.abc import Sequence

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.events.reason import Reason

NAME = "bounds"


def within_bounds(subjects: Sequence[Subject], max_characters: int) -> Finding:
    """Blocks with `too_many_characters` when all texts of a request together hold more than `max_characters`."""
    if sum(len(subject.text) for subject in subjects) <= max_characters:
        return PASS
    return Finding(action="block", code="too_many_characters", reason=Reason.INPUT_TOO_LONG)
