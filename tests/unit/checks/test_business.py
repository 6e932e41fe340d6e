"""The rules of a prompt's business: what its answers must and must not say."""

from typing import get_args

import pytest
from pydantic import ValidationError

from streamguard.checks.answer.claims import RULES, ClaimName
from streamguard.checks.business import Business
from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.contract import Finding, Subject
from streamguard.checks.text.folding import fold
from streamguard.events.reason import Reason

ALL = Business(BusinessRules(claims=dict.fromkeys(get_args(ClaimName), "block")))


def inspect(text: str, check: Business = ALL) -> Finding:
    return check.inspect(Subject(text, "assistant", "output"))


def business(**rules: object) -> Business:
    return Business(BusinessRules.model_validate(rules))


def test_nothing_is_forbidden_by_default() -> None:
    assert inspect("We guarantee you a full refund, free of charge.", Business()).action == "pass"


CLAIMED: list[tuple[ClaimName, str]] = [
    ("refund_guarantee", "We guarantee you a full refund."),
    ("refund_guarantee", "Of course you will get your money back."),
    ("refund_guarantee", "Sie bekommen Ihr Geld zurück."),
    ("refund_guarantee", "Wir erstatten Ihnen den vollen Kaufpreis."),
    ("price_promise", "The price is guaranteed until May."),
    ("price_promise", "It will cost you only $20."),
    ("price_promise", "Wir garantieren Ihnen diesen Preis."),
    ("delivery_promise", "Your parcel will arrive by Thursday."),
    ("delivery_promise", "It will be delivered within two days."),
    ("delivery_promise", "Ihr Paket kommt morgen an."),
    ("delivery_promise", "Die Ware wird bis Freitag zugestellt."),
    ("discount_promise", "I can offer you a 20% discount."),
    ("discount_promise", "Use code SAVE20 at the checkout."),
    ("discount_promise", "Sie erhalten 10 % Rabatt auf alles."),
    ("warranty_promise", "It comes with a lifetime warranty."),
    ("warranty_promise", "Wir ersetzen Ihnen das Gerät."),
    ("legal_advice", "You have a strong case against your landlord."),
    ("legal_advice", "Sie sollten Ihren Vermieter verklagen."),
    ("medical_advice", "You should take 400 mg of ibuprofen."),
    ("medical_advice", "Nehmen Sie zwei Tabletten am Abend."),
    ("financial_advice", "You should buy shares of that maker."),
    ("financial_advice", "Das ist eine garantierte Rendite."),
]


@pytest.mark.parametrize(("name", "text"), CLAIMED)
def test_claims_are_found_by_name_and_place(name: ClaimName, text: str) -> None:
    finding = inspect(text)
    assert (finding.action, finding.code, finding.reason) == ("block", "claim", Reason.UNSAFE_OUTPUT)
    assert {span.kind for span in finding.spans} == {name}
    assert inspect(text, business(claims={name: "flag"})).action == "flag"
    others = {other: "block" for other in get_args(ClaimName) if other != name}
    assert inspect(text, business(claims=others)).action == "pass"


def test_every_claim_has_examples_in_both_languages() -> None:
    for name in get_args(ClaimName):
        assert sum(claimed == name for claimed, _ in CLAIMED) >= 2
        assert sum(rule.name == name for rule in RULES) == 2


@pytest.mark.parametrize(
    "text",
    [
        "We cannot guarantee a refund.",
        "If you get a refund, it takes two days.",
        "Wir können Ihnen keine Rückerstattung garantieren.",
        "I do not know whether it will arrive by Thursday.",
        "Ob Ihr Paket morgen ankommt, kann ich nicht sagen.",
        "We do not offer a discount.",
        "Please return the parcel within 14 days.",
        "To request a refund, open your orders.",
        "You should see a lawyer about this case, and a doctor about ibuprofen.",
    ],
)
def test_what_is_denied_conditional_or_advised_against_is_no_claim(text: str) -> None:
    assert inspect(text).action == "pass"


def test_a_denial_in_another_sentence_changes_nothing() -> None:
    assert inspect("That is not a problem. We guarantee you a full refund.").action == "block"


@pytest.mark.parametrize("text", ["It is FREE  of\ncharge.", "it is free of charge", "free of chärge!"])
def test_forbidden_phrases_are_found_in_any_writing(text: str) -> None:
    check = business(forbidden=("Free of charge",))
    finding = inspect(text, check)
    assert (finding.action, finding.code) == ("block", "forbidden_phrase")
    [span] = finding.spans
    assert fold(text[span.start : span.end]).rstrip("!.") == "free of charge"
    assert inspect("carefree of charges", check).action == "pass"


def test_forbidden_patterns_are_matched_as_they_stand() -> None:
    check = business(forbidden_patterns=(r"\bticket #\d{4}\b",), forbidden_action="escalate")
    finding = inspect("See ticket #1234.", check)
    assert (finding.action, finding.code, finding.spans[0].start) == ("escalate", "forbidden_phrase", 4)
    assert inspect("See Ticket #1234.", check).action == "pass"


def test_competitors_are_flagged() -> None:
    check = business(competitors=("Acme", "Zeta & Söhne"))
    assert inspect("Try ACME or ZETA & SOHNE.", check).code == "competitor"
    assert inspect("An acmeist poet.", check).action == "pass"


def test_a_missing_disclaimer_is_appended() -> None:
    check = business(disclaimers=({"text": "This is no legal advice.", "when": ("law", "contract")},))
    finding = inspect("The contract runs for a year.\n", check)
    assert (finding.action, finding.code) == ("transform", "disclaimer_added")
    assert finding.text == "The contract runs for a year.\n\nThis is no legal advice."
    assert inspect(finding.text, check).action == "pass"
    assert inspect("The lawn is green.", check).action == "pass"


def test_what_is_as_good_as_the_disclaimer_will_do() -> None:
    check = business(disclaimers=({"text": "This is no legal advice.", "instead": ("ask a lawyer",)},))
    assert inspect("Better ask a  LAWYER.", check).action == "pass"


def test_to_data_nothing_is_appended() -> None:
    check = business(disclaimers=({"text": "No advice."},))
    finding = inspect('{"a": 1}', check)
    assert (finding.action, finding.code, finding.text) == ("flag", "missing_disclaimer", None)


def test_a_missing_disclaimer_can_be_a_reason_to_refuse() -> None:
    finding = inspect("Hello.", business(disclaimers=({"text": "No advice.", "missing": "block"},)))
    assert (finding.action, finding.reason) == ("block", Reason.INVALID_OUTPUT)


@pytest.mark.parametrize(
    ("bound", "fits"),
    [
        ({"min_characters": 23}, True),
        ({"min_characters": 24}, False),
        ({"max_characters": 23}, True),
        ({"max_characters": 22}, False),
        ({"min_words": 5}, True),
        ({"min_words": 6}, False),
        ({"max_words": 5}, True),
        ({"max_words": 4}, False),
        ({"min_sentences": 2}, True),
        ({"min_sentences": 3}, False),
        ({"max_sentences": 2}, True),
        ({"max_sentences": 1}, False),
    ],
)
def test_length_is_bounded(bound: dict[str, int], fits: bool) -> None:
    finding = inspect("Version 1.2 is here. Ok", business(**bound, length_action="block"))
    expected = ("pass", "", None) if fits else ("block", "length", Reason.INVALID_OUTPUT)
    assert (finding.action, finding.code, finding.reason) == expected


def test_the_worst_decides_and_a_disclaimer_is_appended_all_the_same() -> None:
    check = business(disclaimers=({"text": "No advice."},), competitors=("Acme",), competitors_action="block")
    finding = inspect("Try Acme.", check)
    assert (finding.action, finding.code, finding.text) == ("block", "competitor", "Try Acme.\n\nNo advice.")
    assert set(finding.contributions) == {"competitor", "disclaimer_added"}


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ({"forbidden_patterns": ("fine", "(a")}, r"forbidden_patterns\n.*\[1\]"),
        ({"forbidden_patterns": ("a*",)}, r"forbidden_patterns\n.*\[0\]"),
        ({"forbidden": ("fine", "--")}, r"forbidden\n.*\[1\]"),
        ({"min_words": 3, "max_words": 2}, "min_words is more than max_words"),
        ({"claims": {"eternal_youth": "block"}}, r"claims\.eternal_youth"),
        ({"forbiden": ()}, "forbiden"),
    ],
)
def test_mistakes_in_rules_are_found_when_they_are_read(rules: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        BusinessRules.model_validate(rules)


def test_anchors_are_whole_folded_words() -> None:
    for rule in RULES:
        for anchor in rule.anchors:
            assert anchor == fold(anchor)
            assert anchor.isalpha()


@pytest.mark.parametrize(
    "text",
    [
        "You will receive a **full refund**.",
        "We _guarantee_ you a `refund`.",
        "Sie bekommen Ihr **Geld zurück**.",
        "No problem, we guarantee you a full refund.",
        "Without any doubt you will get your money back.",
        "Kein Problem, Sie bekommen Ihr Geld zurück.",
    ],
)
def test_emphasis_and_reassurance_hide_no_claim(text: str) -> None:
    assert inspect(text).action == "block"


@pytest.mark.parametrize(
    "text", ["Ihr Paket wird voraussichtlich am 3. zugestellt.", "Usually your parcel will arrive within two days."]
)
def test_what_is_only_expected_is_no_promise(text: str) -> None:
    assert inspect(text).action == "pass"


def test_an_emphasised_phrase_is_found_where_it_stands() -> None:
    text = "Ask for our **lifetime** deal, please."
    (span,) = inspect(text, business(forbidden=["lifetime deal"])).spans
    assert text[span.start : span.end] == "lifetime** deal"


def test_a_phrase_may_hold_marks_itself() -> None:
    check = business(forbidden=["__init__"], competitors=["*acme*"])
    assert inspect("Write `__init__` there.", check).code == "forbidden_phrase"
    assert inspect("Try *Acme* instead.", check).code == "competitor"
    assert inspect("The init file of acme.", check).action == "pass"


def test_an_emphasised_disclaimer_is_one() -> None:
    check = business(disclaimers=[{"text": "This is no legal advice."}])
    assert inspect("You may object. **This is no legal advice.**", check).action == "pass"


@pytest.mark.parametrize("key", ["text", "when", "instead"])
def test_a_disclaimer_of_nothing_is_an_error(key: str) -> None:
    given = {"text": "This is no advice.", "when": ["law"], "instead": ["no advice"]}
    with pytest.raises(ValidationError):
        business(disclaimers=[{**given, key: "..." if key == "text" else [""]}])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[NAME_1], write to [EMAIL_1]", "disclaimer_added"),
        ("[So it is.]", "disclaimer_added"),
        ("[1] says that it is so, as does [2]", "disclaimer_added"),
        ('{"text": "So it is."}', "missing_disclaimer"),
        ("[1, 2]", "missing_disclaimer"),
    ],
)
def test_only_to_json_nothing_is_appended(text: str, code: str) -> None:
    assert inspect(text, business(disclaimers=[{"text": "This is no legal advice."}])).code == code
