"""Marks of emphasis: what is taken for one, and where things stand without them."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.checks.text.emphasis import in_marked, unmarked

TEXTS = st.text(alphabet="a1 *_~`\né.")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("You get a **full refund**.", "You get a full refund."),
        ("_Kill_ `yourself`, ~~now~~", "Kill yourself, now"),
        ("f*ck snake_case 2*3", "f*ck snake_case 2*3"),
        ("***", ""),
    ],
)
def test_marks_around_words_go(text: str, plain: str) -> None:
    assert unmarked(text) == plain


@given(TEXTS)
def test_each_character_is_found_where_it_stood(text: str) -> None:
    plain = unmarked(text)
    places = in_marked(text, [(at, at + 1) for at in range(len(plain))])

    assert "".join(text[start:end] for start, end in places) == plain
    assert all(one[1] <= other[0] for one, other in pairwise(places))


@pytest.mark.parametrize("unit", ["*", "_a", "a**", "*_"])
def test_time_is_linear(unit: str) -> None:
    began = process_time()
    unmarked(unit * 131_072)

    assert process_time() - began < 1.0
