"""Street addresses and names: the strong signs, the switches, and what is left alone."""

import pytest

from streamguard.checks.contract import Subject
from streamguard.checks.personal import PersonalRules, RedactPersonal
from streamguard.checks.personal_data.detectors import CERTAIN_KINDS, personal_data
from streamguard.checks.personal_data.placeholders import PlaceholderMap, put_back


def found(text: str, kind: str) -> list[str]:
    return [text[datum.start : datum.end] for datum in personal_data(text, {kind})]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("I live at 12 Main Street, thanks", "12 Main Street"),
        ("to 25 Dili Gianni Street Apt. 12, please", "25 Dili Gianni Street Apt. 12"),
        ("221B Baker Street, London NW1 6XE", "221B Baker Street, London NW1 6XE"),
        ("ship to 1 Infinite Loop Dr, Cupertino, CA 95014 now", "1 Infinite Loop Dr, Cupertino, CA 95014"),
        ("Ich wohne Hauptstraße 5, 10115 Berlin", "Hauptstraße 5, 10115 Berlin"),
        ("wohnhaft Berliner Allee 12a.", "Berliner Allee 12a"),
        ("habite 12 rue de la Paix", "12 rue de la Paix"),
        ("Calle Mayor 5", "Calle Mayor 5"),
        ("Via Roma, 12", "Via Roma, 12"),
        ("6750 Koskikatu 25 Apt. 864", "6750 Koskikatu 25 Apt. 864"),
        ("Kossuth utca 3", "Kossuth utca 3"),
        ("Keizersgracht 123", "Keizersgracht 123"),
        ("P.O. Box 1234", "P.O. Box 1234"),
        ("PSC 3294, Box 9168", "PSC 3294, Box 9168"),
        ("APO AA 61487", "APO AA 61487"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert found(text, "ADDRESS") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "Take the 2 ways out of this place, 5 in a row",
        "a box of 12, unit 5 of the course, drive 300 km, close at 18:00",
        "order 12 was on its way to the court",
        "via e-mail 3 days ago; al menos 5",
        "The corner of Main Street and Broadway",
    ],
)
def test_no_addresses(text: str) -> None:
    assert found(text, "ADDRESS") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dear Mr. John van Dyke, ...", "John van Dyke"),
        ("my name is Ann Lee and", "Ann Lee"),
        ("Ich heiße Jörg Müller.", "Jörg Müller"),
        ("je m'appelle Zoë", "Zoë"),
        ("Name: J. R. Smith", "J. R. Smith"),
        ("Hi Anna, the parcel", "Anna"),
        ("Best regards,\nPeter Parker", "Peter Parker"),
        ("It is for my daughter Emma.", "Emma"),
        ("I'm Leigha Mackay, and", "Leigha Mackay"),
        ("Frau Dr. Schäfer-Lang war", "Schäfer-Lang"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert found(text, "NAME") == [name]


@pytest.mark.parametrize(
    "text",
    [
        "Hi Support, where is it?",
        "Dear Sir or Madam",
        "I am Polish and proud",
        "Hello World program",
        "my name is not on it",
        "Name: ",
    ],
)
def test_no_names(text: str) -> None:
    assert found(text, "NAME") == []


def redacted(text: str, rules: PersonalRules | None = None) -> str:
    check = RedactPersonal(PlaceholderMap(), rules) if rules else RedactPersonal(PlaceholderMap())
    return check.inspect(Subject(text)).text or text


TEXT = "My name is Ann Lee, 12 Main Street, ann@x.org, order 4711-20934"


def test_addresses_are_replaced_and_names_are_not_unless_the_policy_says_so() -> None:
    assert redacted(TEXT) == "My name is Ann Lee, [ADDRESS_1], [EMAIL_1], order 4711-20934"
    assert redacted(TEXT, PersonalRules(names=True)) == "My name is [NAME_1], [ADDRESS_1], [EMAIL_1], order 4711-20934"
    assert redacted(TEXT, PersonalRules(addresses=False)) == TEXT.replace("ann@x.org", "[EMAIL_1]")


def test_kinds_are_a_setting() -> None:
    rules = PersonalRules(kinds=frozenset({"CARD"}), addresses=False)
    assert redacted("ann@x.org paid with 4111111111111111", rules) == "ann@x.org paid with [CARD_1]"
    assert redacted(TEXT, PersonalRules(kinds=frozenset(), addresses=False)) == TEXT
    assert PersonalRules().looked_for() == CERTAIN_KINDS | {"ADDRESS"}


def test_each_spelling_of_a_value_is_a_value_so_that_it_comes_back_as_it_was() -> None:
    text = "Ann@x.org, ann@x.org, 4111 1111 1111 1111 or 4111111111111111, again Ann@x.org"
    found_ones = PlaceholderMap()
    finding = RedactPersonal(found_ones).inspect(Subject(text))
    assert finding.text == "[EMAIL_1], [EMAIL_2], [CARD_1] or [CARD_2], again [EMAIL_1]"
    assert put_back(finding.text, found_ones.placeholders()) == text


@pytest.mark.parametrize(
    "look_alike", ["[NATIONAL_ID_1]", "[national id 1]", "[Driver-License 2]", "[ADDRESS_1]", "［NAME_1］"]
)
def test_look_alikes_of_every_kind_of_token_become_literals(look_alike: str) -> None:
    assert redacted(f"What is {look_alike}?") == "What is [LITERAL_1]?"
