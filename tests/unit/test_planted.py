"""The finder of planted values: what it must find, and what it must not take for a value."""

import orjson
import pytest

from tests.support.planted import Planted, Runs, telling, words


@pytest.mark.parametrize(
    "left_behind",
    [
        '{"message":"cannot write to Kate.Filemonsen@example.com"}',
        "KeyError: 'kate.filemonsen@example.com'",
        'streamguard_x_total{code="kate.filemonsen@example.com"} 1.0',
        "dlq.code: kate_filemonsen_example_com",
    ],
)
def test_a_value_is_found_however_it_is_quoted(left_behind: str) -> None:
    assert Planted(["Kate.Filemonsen@example.com"]).found(words(left_behind)) == {"Kate.Filemonsen@example.com"}


def test_a_value_over_several_lines_is_found_in_json_and_with_blanks() -> None:
    value = "6750 Koskikatu 25 Apt. 864\nVelká Bukovina\n, CO\n Uruguay 64677"
    planted = Planted([value])
    escaped = orjson.dumps({"text": f"at {value}"}).decode()
    assert planted.found(words(escaped)) == {value}
    assert planted.found(words(escaped.replace("á", "\\u00e1"))) == {value}
    assert planted.found(words(value.replace("\n", " ").upper())) == {value}


def test_a_value_inside_a_longer_word_or_number_is_none() -> None:
    planted = Planted(["503867297114", "Singer"])
    assert planted.found(words("traceparent: 00-a503867297114f-1503867297114 singers")) == set()


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        ("NO", False),
        ("Roy", False),
        ("64677", False),
        ("6940579", False),
        ("2004", False),
        ("48", False),
        ("Singer", True),
        ("Zak Ley", True),
        ("780 6326", True),
        ("731-83-4418", True),
        ("503867297114", True),
        ("GB88XDHF05610830433955", True),
    ],
)
def test_short_and_ordinary_values_tell_nothing(value: str, tells: bool) -> None:
    assert telling(words(value)) is tells
    assert bool(Planted([value]).found(words(f'{{"n":"{value}"}}'))) is tells


def test_values_that_are_the_same_words_stand_for_each_other() -> None:
    planted = Planted(["Denmark", "DENMARK", "denmark."])
    assert len(planted.values) == 1
    assert planted.found(words("in Denmark")) == planted.values


def test_five_words_in_a_row_are_a_piece_of_a_text_and_four_are_not() -> None:
    runs = Runs(["My friend Key lives at number 48, since 1 2 3 4 5 6 7."])
    assert runs.found(words("error: friend key LIVES, at number")) == {"friend key lives at number"}
    assert runs.found(words("friend key lives at home [1,2,3,4,5,6,7]")) == set()
