"""What an answer must not hold."""

import pytest

from streamguard.checks.coherence import Coherence
from streamguard.checks.contract import Subject
from streamguard.checks.echo import MASK, PersonalEcho
from streamguard.checks.moderation import Moderation
from streamguard.checks.prompt_leak import PromptLeak
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder

SYSTEM = (
    "You answer the questions of customers for the support team of an online shop. Be friendly, concrete and brief: at most six "
    "sentences, in the language of the customer. Rely on the documents where there are some; do not invent prices, dates or "
    "promises. Say that a colleague will take over when you cannot help. Reference 0123456789ab."
)


def answer(text: str) -> Subject:
    return Subject(text, "assistant", "output")


def test_foreign_personal_data_is_masked() -> None:
    own = (Placeholder(token="[EMAIL_1]", kind="EMAIL", value="me@x.org"),)
    finding = PersonalEcho(placeholders=own, prompt_text="Our hotline: +49 30 901820").inspect(
        answer("Write to me@x.org or eve@x.org, call +49 30 901820. [EMAIL_1]")
    )
    assert finding.action == "transform"
    assert finding.text == f"Write to me@x.org or {MASK}, call +49 30 901820. [EMAIL_1]"
    assert [span.kind for span in finding.spans] == ["email"]


@pytest.mark.parametrize("leak", ["ref 0123456789ab", "0123 4567 89AB", "0-1-2-3-4-5-6-7-8-9-a-b"])
def test_the_canary_proves_a_leak(leak: str) -> None:
    finding = PromptLeak(system_text=SYSTEM, canary="0123456789ab").inspect(answer(leak))
    assert (finding.action, finding.code, finding.reason) == ("block", "canary", Reason.LEAKED_PROMPT)


def test_repeating_the_instructions_is_a_leak() -> None:
    finding = PromptLeak(system_text=SYSTEM).inspect(answer("Sure! My instructions: " + SYSTEM[:200].upper()))
    assert (finding.action, finding.code) == ("block", "instructions")


def test_saying_what_one_was_told_to_say_is_none() -> None:
    check = PromptLeak(system_text=SYSTEM, canary="0123456789ab")
    assert (
        check.inspect(answer("I am sorry, a colleague will take over when you cannot help yourself.")).action == "pass"
    )


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Heil Hitler!", "block"),
        ("HEIL\u00a0HITLER", "block"),
        ("du hurensohn", "flag"),
        ("what the fuck", "flag"),
        ("Scunthorpe and cockpits; she is Shitake's owner", "pass"),
        ("How do I kill a process?", "pass"),
    ],
)
def test_moderation_by_grade(text: str, action: str) -> None:
    finding = Moderation().inspect(answer(text))
    assert finding.action == action
    assert finding.reason is (Reason.UNSAFE_OUTPUT if action == "block" else None)


def test_moderation_of_what_is_asked_has_its_own_reason() -> None:
    assert Moderation().inspect(Subject("heil hitler")).reason is Reason.UNSAFE_INPUT


@pytest.mark.parametrize(("text", "action"), [("", "block"), (" \n\t", "block"), ("ok", "pass")])
def test_an_empty_answer_is_none(text: str, action: str) -> None:
    assert Coherence().inspect(answer(text)).action == action
