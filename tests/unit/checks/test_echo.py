"""Personal data in answers: whose it is."""

import pytest
from pydantic import ValidationError

from streamguard.checks.contract import Finding, Subject
from streamguard.checks.echo import MASK, EchoRules, PersonalEcho
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder

OWN = (
    Placeholder(token="[EMAIL_1]", kind="EMAIL", value="me@x.org"),
    Placeholder(token="[PHONE_1]", kind="PHONE", value="+49 30 901820"),
)


def inspect(text: str, prompt: str = "", **rules: object) -> Finding:
    return PersonalEcho(EchoRules.model_validate(rules), OWN, prompt).inspect(Subject(text, "assistant", "output"))


@pytest.mark.parametrize("spelling", ["me@x.org", "ME@X.org", "+4930901820", "030 901820", "+49 (30) 901820"])
def test_the_askers_own_data_stands_in_any_spelling(spelling: str) -> None:
    assert inspect(f"I noted {spelling} for you.").action == "pass"


def test_data_of_others_is_masked() -> None:
    finding = inspect("Eve's address is eve@y.org, yours me@x.org.")
    assert finding.text == f"Eve's address is {MASK}, yours me@x.org."
    assert [span.kind for span in finding.spans] == ["email"]


def test_what_the_prompt_holds_may_be_repeated_in_any_spelling() -> None:
    prompt = "Account DE89370400440532013000, mail Help@Shop.example."
    assert inspect("Pay to DE89 3704 0044 0532 0130 00, or ask help@shop.example.", prompt).action == "pass"


def test_a_part_of_what_the_prompt_holds_is_another_datum() -> None:
    assert inspect("Write to a@b.com.", "Our address is xa@b.com.").text == f"Write to {MASK}."


@pytest.mark.parametrize(
    ("allow", "text"),
    [
        ("shop.example", "Write to help@shop.example or to eu@mail.shop.example."),
        ("@shop.example", "Write to help@shop.example."),
        ("help@other.example", "Write to Help@other.example."),
        ("030 / 12 34 56 70", "Call +49 30 12345670."),
    ],
)
def test_the_services_own_contact_data_is_allowed_by_policy(allow: str, text: str) -> None:
    assert inspect(text).action == "transform"
    assert inspect(text, allow=(allow,)).action == "pass"


def test_an_allowed_domain_is_not_the_end_of_another() -> None:
    assert inspect("Write to eve@notshop.example.", allow=("shop.example",)).action == "transform"


@pytest.mark.parametrize(("foreign", "reason"), [("flag", None), ("block", Reason.UNSAFE_OUTPUT)])
def test_what_data_of_others_leads_to_is_a_matter_of_policy(foreign: str, reason: Reason | None) -> None:
    finding = inspect("Write to eve@y.org.", foreign=foreign)
    assert (finding.action, finding.reason, finding.text) == (foreign, reason, None)


def test_a_placeholder_that_nobody_gave_out_is_flagged() -> None:
    finding = inspect("I wrote to [EMAIL_1] and to [EMAIL_2].")
    assert (finding.action, finding.code, finding.text) == ("flag", "unknown_placeholder", None)
    assert [(span.start, span.end) for span in finding.spans] == [(28, 37)]


def test_a_placeholder_that_nobody_gave_out_can_be_taken_out() -> None:
    finding = inspect("To [EMAIL_2] and eve@y.org.", unknown_placeholder="transform")
    assert finding.text == f"To {MASK} and {MASK}."


def test_a_placeholder_that_the_prompt_speaks_of_is_known() -> None:
    assert inspect("Write [EMAIL_7] for it.", "Tokens such as [EMAIL_7] stand for data.").action == "pass"


def test_an_allowance_that_says_nothing_is_refused_with_its_place() -> None:
    with pytest.raises(ValidationError, match=r"allow\[1\]"):
        EchoRules(allow=("shop.example", " - "))
