"""The text form of marks, and their limit."""

import pytest

from streamguard.intake.errors import MarksTooLarge
from streamguard.intake.marks import HIGHEST, LIMIT, Place, check_size, count_in, decode, encode, starts


def test_runs_of_partitions_share_their_topic_name() -> None:
    marks = {Place("out", 0): 36, Place("out", 1): 0, Place("out", 3): 35, Place("a.b", 37): 5}
    assert encode(marks) == "a.b 11 5;out 0 10,0;out 3 z"


@pytest.mark.parametrize("text", [None, "", "set by a tool", "out 0", "out 0 -1", "out -1 5", "out 0 5;", "out 0 5,é"])
def test_what_is_not_ours_means_no_marks(text: str | None) -> None:
    assert decode(text) == {}


def test_64_partitions_of_one_topic_and_two_more_are_small() -> None:
    places = [
        *(Place("streamguard.admitted", number) for number in range(64)),
        Place("requests", 63),
        Place("journal", 63),
    ]
    assert len(encode(dict.fromkeys(places, 5_000_000))) < 500


def test_370_partitions_fit_with_the_highest_offsets_and_500_are_refused_with_numbers() -> None:
    check_size([Place("admitted", number) for number in range(370)], 370)
    with pytest.raises(MarksTooLarge, match=r"500 output partitions need up to \d+ bytes .* takes 4096") as raised:
        check_size([Place("admitted", number) for number in range(500)], 500)
    assert raised.value.partitions == 500
    assert raised.value.needed > LIMIT
    assert HIGHEST > 2_800_000_000_000


def test_the_partition_count_travels_beside_the_marks_and_is_none_of_them() -> None:
    marks = {Place("out", 3): 1234, Place("out", 4): 0}
    text = encode(marks, 12)
    assert decode(text) == marks
    assert count_in(text) == 12
    assert len(text) - len(encode(marks)) == 6
    assert [count_in(other) for other in (encode(marks), "", None, "something else")] == [None] * 4


def test_a_scan_begins_at_the_lowest_mark_of_all_inputs_and_at_0_where_one_is_missing() -> None:
    a, b, c = Place("out", 0), Place("re", 0), Place("re", 1)
    assert starts([{a: 7, b: 9, c: 3}, {b: 4}], [[a, b, c], [b, c]]) == {a: 7, b: 4, c: 0}
