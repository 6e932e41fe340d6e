"""What a text that is cut off anywhere says about the whole: data before the open end are final."""

from collections.abc import Set

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamguard.checks.personal_data.detectors import CERTAIN_KINDS, LONGEST_DATUM, open_from, personal_data

DATA = st.sampled_from(
    [
        "anna.m+x@mail.example.com",
        "почта@пример.рф",
        "anna%40mail.example.com",
        "+49 (0)30 901820",
        "212-555-0188 x77",
        "416 60 039 office",
        "(37) 788-063-Fax",
        "4111 1111 1111 1111",
        "378282246310005",
        "4111 – 1111 – 1111 – 1111",
        "téléphone 06\u202f12\u202f34\u202f56\u202f78",
        "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧",
        "GB82 WEST 1234 5698 7654 32",
        "FR14 2004 1010 0505 0001 3M02 606",
        "078-05-1120",
        "AB 12 34 56 C",
        "X 1234567 L",
        "12345678Z",
        "111.444.777-35",
        "1 85 05 78 006 084 91",
        "203.0.113.7",
        "2001:db8::8a2e:370:7334",
        "00:1B:44:11:3A:B7",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "DOB: March 12, 1980",
        "born on 3 septiembre de 1980",
        "geb. 1.2.1980",
        "passport no. C01X00T47",
        "driver's license D123-4567-8901",
        "my phone is 5550143",
        "call me at 17031 2202 Rissik Long Name St",
        "BSN 111222333",
    ]
)
GLUE = st.sampled_from(
    [
        " ",
        "\n",
        ", ",
        ". ",
        " and ",
        " office",
        " Mobile ",
        " (home)",
        "-Office\\,",
        " x",
        " ext. 4",
        "phone ",
        "order ",
        "12 ",
        " 1",
        "@",
        "-",
    ]
)
WORDS = st.sampled_from(
    ["Thank you", "I ordered two pairs", "in March ", "of ", "电话", "v1.2.3.4", "2026-10-03 18:30", "a@b", "5"]
)
TEXT = st.lists(st.one_of(DATA, GLUE, WORDS, st.text(st.characters(codec="utf-8"), max_size=4)), max_size=9).map(
    "".join
)
WITH_WORDS = CERTAIN_KINDS | {"ADDRESS", "NAME"}
PEOPLE = st.sampled_from(
    [
        "Dear Mr. John van Dyke",
        "my name is Ann Lee",
        "12 Main Street Apt. 5",
        "Hauptstraße 5, 10115 Berlin",
        "Best regards,\n",
        "rue de la Paix",
    ]
)


def settled(text: str, kinds: Set[str]) -> None:
    """Fails where a cut of `text` promises something else than the whole has."""
    whole = personal_data(text, kinds)
    for cut in range(len(text) + 1):
        start = open_from(text[:cut], kinds)
        assert 0 <= start <= cut
        assert not [datum for datum in whole if datum.start < start < datum.end], cut
        before = [datum for datum in whole if datum.end <= start]
        assert [datum for datum in personal_data(text[:cut], kinds) if datum.end <= start] == before, cut


@settings(deadline=None, max_examples=60)
@given(TEXT)
@example("call 416 60 039 office")
@example("to FR48 2004 1010 05AB CDEF GHIJ 006 please")
@example("SSN 078-05-1120 and AB 12 34 56 C")
def test_data_before_the_open_end_are_final(text: str) -> None:
    settled(text, CERTAIN_KINDS)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(PEOPLE, DATA, GLUE), max_size=6).map("".join))
def test_streets_and_names_before_the_open_end_are_final(text: str) -> None:
    settled(text, WITH_WORDS)


@settings(deadline=None, max_examples=100)
@given(TEXT)
def test_no_datum_is_longer_than_said(text: str) -> None:
    assert all(datum.end - datum.start <= LONGEST_DATUM for datum in personal_data(text, WITH_WORDS))


@pytest.mark.parametrize(
    "text",
    [
        "The parcel has still not come, I am ",
        "It cost 12.50 EUR and was late, ",
        "All is well.\n",
        "Bitte, wann kommt es endlich? ",
    ],
)
def test_ordinary_text_is_open_for_its_last_word_alone(text: str) -> None:
    assert len(text) - open_from(text) <= 4


def test_data_that_overlap_become_no_longer_than_said() -> None:
    address = "1111." + "a" * 59 + "@" + ".".join(["b" * 63] * 4)
    data = personal_data(f"card 4111 1111 1111 {address}")
    assert [(datum.kind, datum.start, datum.end) for datum in data] == [
        ("CARD", 5, 24),
        ("EMAIL", 24, 20 + len(address)),
    ]
    assert len(address) == LONGEST_DATUM


def test_a_long_word_and_a_long_run_of_digits_are_open_for_a_bounded_length() -> None:
    for text in ("a" * 5_000, "12 " * 300, "+" * 5_000, "电" * 5_000):
        assert len(text) - open_from(text) <= 2 * LONGEST_DATUM
