"""Bounds: the first that is exceeded names the finding."""

import pytest

from streamguard.checks.bounds import CODES, BoundsRules, within_bounds
from streamguard.checks.contract import Subject
from streamguard.events.reason import Reason

MESSAGES = [Subject("a" * 100), Subject("b" * 50, "assistant"), Subject("c" * 50)]
DOCUMENTS = [
    Subject("", "document"),
    Subject("text", "document"),
    Subject("title", "document"),
    Subject("text", "document"),
]


@pytest.mark.parametrize(
    ("exceeded", "kept", "code"),
    [
        ({"max_characters": 212}, {"max_characters": 213}, "too_many_characters"),
        ({"max_text_characters": 99}, {"max_text_characters": 100}, "text_too_long"),
        ({"max_messages": 2}, {"max_messages": 3}, "too_many_messages"),
        ({"max_documents": 1}, {"max_documents": 2}, "too_many_documents"),
        ({"max_tokens": 10}, {"max_tokens": 200}, "too_many_tokens"),
    ],
)
def test_each_bound_is_exact_and_has_its_code(exceeded: dict[str, int], kept: dict[str, int], code: str) -> None:
    subjects = [*MESSAGES, *DOCUMENTS]
    finding = within_bounds(subjects, BoundsRules(**exceeded))
    assert (finding.action, finding.code, finding.reason) == ("block", code, Reason.INPUT_TOO_LONG)
    assert code in CODES
    assert within_bounds(subjects, BoundsRules(**kept)).action == "pass"


def test_tokens_are_counted_over_all_texts_together() -> None:
    words = Subject("one two three four five six seven eight nine ten")
    assert within_bounds([words], BoundsRules(max_tokens=10)).action == "pass"
    assert within_bounds([words, words], BoundsRules(max_tokens=10)).code == "too_many_tokens"


def test_ordinary_requests_are_within_the_defaults() -> None:
    assert within_bounds([*MESSAGES, *DOCUMENTS], BoundsRules()).action == "pass"
    assert within_bounds([], BoundsRules()).action == "pass"
