"""Mending JSON: what is meant comes back, nothing hangs, nothing is made up."""

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from streamguard.answers.extraction import MAX_CHARACTERS, MAX_DEPTH, Found, depth_of_value, find_json
from streamguard.answers.mending import mend

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
_VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
_COLLECTIONS = st.lists(_VALUES, max_size=4) | st.dictionaries(st.text(max_size=8), _VALUES, max_size=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'it\\'s'}", {"a": "it's"}),
        ("{a: 1, 'b': True, \"c\": None,}", {"a": 1, "b": True, "c": None}),
        ('{"a": "x" "b": 2}', None),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"a": "He said "hi" to me"}', {"a": 'He said "hi" to me'}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "b", // why\n /* so */ "c": [1, 2, ],}', {"a": "b", "c": [1, 2]}),
        ('{"path": "C:\\dir"}', {"path": "C:\\dir"}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
        ('{"a": [1, 2, "b": 3}', None),
        ('{"a": [{"b": 1, {"c": 2}]}', None),
        ('{"a": {"b": 1}, "c": [{"d": 2}]', {"a": {"b": 1}, "c": [{"d": 2}]}),
        ('A { brace, then {"a": 1,}', {"a": 1}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"status": open, "note": in progress}', {"status": "open", "note": "in progress"}),
        ('{"a": 1,000}', None),
        ('{"a": 007}', None),
        ('{"a": 1.2.3}', None),
        ("{see the manual}", None),
    ],
)
def test_almost_json_is_read_as_it_was_meant(text: str, value: JsonValue) -> None:
    assert find_json(text, "{") == (None if value is None else Found(value, repaired=True))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are:\n```\n{"a": "```"}\n```\nBye', {"a": "```"}),
        ('Sure! {"a": "}"} Anything else?', {"a": "}"}),
        ('See [1] for it: {"a": 1}', {"a": 1}),
        ('A { brace, then {"a": 1}', {"a": 1}),
    ],
)
def test_json_is_found_between_prose_and_in_fences(text: str, value: JsonValue) -> None:
    assert find_json(text, "{") == Found(value)


def test_prose_is_no_json() -> None:
    assert find_json("I cannot answer this, sorry.") is None
    assert find_json("As [unclear] says {", "{") is None


@given(_COLLECTIONS)
def test_good_json_is_left_as_it_is(value: JsonValue) -> None:
    text = orjson.dumps(value).decode()
    assert find_json(text) == Found(value)
    mended = mend(text, max_depth=MAX_DEPTH)
    assert mended is not None
    assert orjson.loads(mended) == value


@given(_COLLECTIONS, st.data())
def test_an_answer_cut_off_anywhere_is_mended_or_given_up(value: JsonValue, data: st.DataObject) -> None:
    text = orjson.dumps(value).decode()
    found = find_json(text[: data.draw(st.integers(0, len(text)))])
    assert found is None or isinstance(found.value, dict | list | str | int | None)


@given(st.text(alphabet="{}[]\"':,\\ \nab1/*`-.", max_size=200))
def test_whatever_is_mended_is_json(text: str) -> None:
    mended = mend("{" + text, max_depth=MAX_DEPTH)
    found = find_json("{" + text)
    assert mended is None or isinstance(mended, str)
    assert found is None or depth_of_value(found.value) <= MAX_DEPTH


def test_nesting_beyond_the_bound_is_refused() -> None:
    assert find_json("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    assert find_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) is None
    assert find_json("[1," * 100_000) is None


def test_text_beyond_the_bound_is_refused() -> None:
    assert find_json('{"a": "' + "x" * MAX_CHARACTERS + '"}') is None


@pytest.mark.parametrize(
    "unit", ["{'", "\\,1]{", ']"\\{"', '1"', "{", '" ', "```", "/*", "//", "{'a':1,", "[]", "“]\n["]
)
def test_hostile_text_takes_time_linear_in_its_length(unit: str) -> None:
    text = "{" + unit * (60_000 // len(unit))
    began = time.process_time()
    find_json(text)
    # about 50 ms here; a library that is quadratic takes minutes
    assert time.process_time() - began < 1.0
