"""Allow- and deny-lists."""

import pytest
from pydantic import ValidationError

from streamguard.checks.contract import Role, Subject
from streamguard.checks.lists import ListRules, Lists
from streamguard.events.reason import Reason


def test_nothing_is_listed_by_default() -> None:
    assert Lists().inspect(Subject("anything at all")).action == "pass"


def test_a_denied_pattern_is_refused_with_its_place() -> None:
    check = Lists(ListRules(deny=(r"never", r"(?i)\bacme-\d{3}\b")))
    finding = check.inspect(Subject("Größe: is ACME-123 in stock?"))
    assert (finding.action, finding.code, finding.reason) == ("block", "denied", Reason.INPUT_NOT_ALLOWED)
    assert [(span.kind, span.start, span.end) for span in finding.spans] == [("deny_1", 10, 18)]
    assert check.inspect(Subject("is ACME-1234 in stock?")).action == "pass"


def test_in_an_answer_it_is_unsafe() -> None:
    finding = Lists(ListRules(deny=("guaranteed",))).inspect(Subject("guaranteed!", "assistant", "output"))
    assert finding.reason is Reason.UNSAFE_OUTPUT


@pytest.mark.parametrize(
    "text",
    ["Project Bluebird", "PROJÉCT  bluebird!", "рroject\nbluebіrd", "**project** _bluebird_", "𝐩𝐫𝐨𝐣𝐞𝐜𝐭 bluebird"],
)
def test_denied_words_are_found_in_any_spelling(text: str) -> None:
    assert Lists(ListRules(deny_words=("project bluebird",))).inspect(Subject(text)).code == "denied"


def test_denied_words_are_whole_words() -> None:
    assert Lists(ListRules(deny_words=("project bluebird",))).inspect(Subject("project bluebirds")).action == "pass"


@pytest.mark.parametrize("role", ["user", "variable"])
def test_what_no_allowed_pattern_matches_is_refused(role: Role) -> None:
    check = Lists(ListRules(allow=(r"(?i)\border\b", r"(?i)\brefund\b")))
    assert check.inspect(Subject("Where is my order?", role)).action == "pass"
    finding = check.inspect(Subject("Write me a poem", role))
    assert (finding.action, finding.code, finding.reason) == ("block", "not_allowed", Reason.INPUT_NOT_ALLOWED)


@pytest.mark.parametrize("role", ["system", "assistant", "tool", "document"])
def test_the_allow_list_is_for_those_who_ask(role: Role) -> None:
    assert Lists(ListRules(allow=("order",))).inspect(Subject("Write me a poem", role)).action == "pass"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"deny": ["fine", "(open"]}, r"deny\[1\]: not a pattern"),
        ({"allow": [r"(?=ahead)"]}, r"allow\[0\]: not a pattern"),
        ({"deny": [r"(?:\pL{1,1000})"]}, r"deny\[0\]: .*too large"),
        ({"deny": [r"\pL{1,100}"]}, r"deny\[0\]: .*too large"),
        ({"deny": ["x" * 1_001]}, r"deny\[0\]: .*at most"),
        ({"deny": [""]}, r"deny\[0\]: .*everything"),
        ({"deny_words": ["\u0301"]}, r"deny_words\[0\]"),
    ],
)
def test_a_bad_entry_is_an_error_that_names_its_place(rules: dict[str, list[str]], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ListRules.model_validate(rules)


def test_an_evil_pattern_stays_linear() -> None:
    check = Lists(ListRules(deny=("(a+)+$", "(a|aa)+b")))
    assert check.inspect(Subject("a" * 100_000 + "!")).action == "pass"
