"""Telephones, cards, dates of birth and licences: what the words around a number make of it."""

import pytest

from streamguard.checks.personal_data.cards import is_card
from streamguard.checks.personal_data.cue_words import CARD, MONEY, OTHER, PHONE
from streamguard.checks.personal_data.cues import cue_before
from streamguard.checks.personal_data.detectors import personal_data


def found(text: str) -> list[tuple[str, str]]:
    return [(datum.kind, text[datum.start : datum.end]) for datum in personal_data(text)]


LOCAL_FORMS = [
    "5550143",
    "467 3395",
    "99 577450",
    "78 651 450",
    "71-33-52-22",
    "9472 7916",
    "723 813 266",
    "(37) 788-063",
    "(71) 4233-6306",
    "3660170548",
    "21 284 698 2548",
    "0494 92 82 32",
    "0961-7596216",
    "(08) 8747 6301",
    "+46 (0)8 928 571 38",
    "+41 (0)69 979 80 58",
    "001-518-640-0854",
    "259.735.7502x459",
    "+1-903-140-4508x769",
    "030\u00a0901820",
    "030–901820",
]


@pytest.mark.parametrize("number", LOCAL_FORMS)
@pytest.mark.parametrize(
    "sentence",
    [
        "Phone: {}",
        "my mobile is {}, thanks",
        "Please call me back at {} tomorrow",
        "I was told to ring {}.",
        "you can reach her under {}",
        "They never answer at {}!",
        "Telefon {}",
        "Rufen Sie mich unter {} an",
        "mon numéro est le {}",
        "llámame al {}",
        "我的电话是{}",
        "Desk: {}\n",
        "{} fax",
        "{}-Office, second floor",
        "{} is my new number",
    ],
)
def test_an_announced_telephone_may_have_any_form(sentence: str, number: str) -> None:
    assert found(sentence.format(number)) == [("PHONE", number)]


@pytest.mark.parametrize(
    "number", ["5550143", "467 3395", "9472 7916", "723 813 266", "212-555-0188", "0494 92 82 32", "12345678"]
)
@pytest.mark.parametrize(
    "sentence",
    [
        "order {}",
        "Order number {} has not arrived",
        "Please call me about ticket no. {}",
        "I phoned you about case {} yesterday",
        "the phone in order {} is broken",
        "Bestellnummer {}",
        "meine Vorgangsnummer ist {}",
        "commande {}",
        "pedido {}",
        "tracking number: {}",
        "the balance of account {}",
        "error {}",
    ],
)
def test_what_is_called_something_else_is_no_telephone(sentence: str, number: str) -> None:
    assert found(sentence.format(number)) == []


@pytest.mark.parametrize(
    "number",
    ["5550143", "467 3395", "9472 7916", "723 813 266", "3660170548", "20261003", "2026-10-03", "12.03.2026 18"],
)
def test_what_nothing_announces_is_no_telephone(number: str) -> None:
    assert found(f"There were {number} of them") == []


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 901820",
        "+46 (0)8 928 571 38",
        "0049 30 901820",
        "011 44 20 7946 0958",
        "212-555-0188",
        "0171 2345678",
        "02079460958",
    ],
)
def test_some_forms_need_no_word(number: str) -> None:
    assert found(f"There is {number} too") == [("PHONE", number)]


@pytest.mark.parametrize(
    "number", ["+49 3012", "+999 30 901820", "000-12-3456", "1-800-273-8255", "0800 123 4567", "0012 345"]
)
def test_some_forms_are_nobodys(number: str) -> None:
    assert found(f"There is {number} too") == []


def test_a_street_after_a_number_makes_it_a_house() -> None:
    assert found("call a taxi to 17031 2202 Rissik St") == []
    assert found("call me at 17031 2202 Rissik St") == []
    assert found("call me at 17031 2202 before noon") == [("PHONE", "17031 2202")]


def test_a_number_that_stands_between_uses_up_the_word() -> None:
    assert cue_before("order 12345 at ", 15) is None
    assert cue_before("phone 12345, ", 13) == PHONE


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("my card number: ", CARD),
        ("number: ", PHONE),
        ("order number: ", OTHER),
        ("my balance of ", MONEY),
        ("BSN number: ", "nl_bsn"),
        ("[PHONE_1], ", None),
        ("phone [CARD_1] or ", PHONE),
        ("xphone ", None),
        ("Error message: ", OTHER),
        ("a message to ", PHONE),
        ("", None),
    ],
)
def test_what_the_words_before_say(before: str, says: str | None) -> None:
    assert cue_before(before, len(before)) == says


CARDS = {
    "Visa": ("4111111111111111", "4222222222222", "4000000000000000006"),
    "Mastercard": ("5555555555554444", "2223003122003222"),
    "American Express": ("378282246310005",),
    "Diners Club": ("30569309025904", "38520000023237", "36227206271667"),
    "Discover": ("6011111111111117", "6500000000000002"),
    "JCB": ("3530111333300000", "180000000000002"),
    "Maestro": ("501800000009", "6759649826438453", "676770000000000006"),
    "UnionPay": ("6200000000000005",),
}


@pytest.mark.parametrize(
    "number",
    [
        number
        for issuer in ("Visa", "Mastercard", "American Express", "Diners Club", "Discover", "JCB", "UnionPay")
        for number in CARDS[issuer]
    ],
)
def test_cards_of_the_issuers(number: str) -> None:
    assert found(f"What is the limit of {number}?") == [("CARD", number)]
    off_by_one = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not is_card(off_by_one, off_by_one, announced=True)


@pytest.mark.parametrize(
    "written",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "3782 822463 10005",
        "4111.1111.1111.1111",
        "41111111 11111111",
        "4000 0000 0000 0000 006",
    ],
)
def test_groupings(written: str) -> None:
    assert found(f"It is {written}.") == [("CARD", written)]


def test_any_grouping_will_do_for_an_announced_card() -> None:
    assert found("card 41 1111 11111 11111") == [("CARD", "41 1111 11111 11111")]
    assert found("I saw 41 1111 11111 11111") == []


def test_short_cards_give_way_to_what_else_is_announced() -> None:
    assert found("EAN 4222222222222") == []
    assert found("use 4222222222222") == [("CARD", "4222222222222")]
    assert found("order 4111111111111111") == [("CARD", "4111111111111111")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("born on 12 March 1980", "12 March 1980"),
        ("DOB 03/12/1980", "03/12/1980"),
        ("D.O.B.: 1980-03-12", "1980-03-12"),
        ("geb. 12.3.1980 in Ulm", "12.3.1980"),
        ("geboren am 12. März 1980", "12. März 1980"),
        ("née le 3 août 1990", "3 août 1990"),
        ("fecha de nacimiento: 3 de marzo de 1980", "3 de marzo de 1980"),
        ("出生日期:1990年1月2日", "1990年1月2日"),
        ("born in Paris, on July 4th, 1976", "July 4th, 1976"),
        ("What is your date of birth? It's 1/14/1961", "1/14/1961"),
    ],
)
def test_dates_of_birth(text: str, value: str) -> None:
    assert found(text) == [("BIRTH_DATE", value)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("my passport number is C01X00T47", "PASSPORT", "C01X00T47"),
        ("Reisepass Nr. C01X00T47", "PASSPORT", "C01X00T47"),
        ("driver's license D123-4567-8901", "DRIVER_LICENSE", "D123-4567-8901"),
        ("My drivers licence: 2270-66-1551", "DRIVER_LICENSE", "2270-66-1551"),
        ("Führerschein B072RRE2I55", "DRIVER_LICENSE", "B072RRE2I55"),
    ],
)
def test_documents_by_their_word(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "delivery on 12.03.2026 or 2026-03-12, reborn 12.03.2026",
        "my passport is ready for 3 weeks",
        "a driver's license costs 40 EUR, 12 photos",
        "born to be wild in 80 days",
    ],
)
def test_no_documents(text: str) -> None:
    assert found(text) == []
