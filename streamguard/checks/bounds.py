"""Bounds on what is checked at all: the first check, so that the others meet texts of a known size."""

from collections.abc import Sequence

from pydantic import Field

from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.events.reason import Reason

NAME = "bounds"


class BoundsRules(Rules):
    """The most that one request may bring."""

    max_characters: int = Field(default=100_000, ge=1)
    """Of all its texts together."""


def within_bounds(subjects: Sequence[Subject], rules: BoundsRules) -> Finding:
    """Blocks with `too_many_characters` when all texts of a request together hold more than the rules allow."""
    if sum(len(subject.text) for subject in subjects) <= rules.max_characters:
        return PASS
    return Finding(action="block", code="too_many_characters", reason=Reason.INPUT_TOO_LONG)
