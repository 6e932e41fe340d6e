"""JSON with line breaks in place of their escapes, and back."""

from time import process_time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from streamguard.answers.escapes import escaped, looks_like_json, unescaped

TEXTS = st.text(alphabet=st.one_of(st.sampled_from('\\nrtbfu001f"\n\r\t\b\f\0\x1f\x7f/'), st.characters(codec="utf-8")))


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_nothing_is_lost_on_the_way(value: object) -> None:
    json = to_json(value).decode()

    assert escaped(unescaped(json)) == json


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a\nb\tc", "a\nb\tc"),
        ("a\x0bb\0", "a\x0bb\0"),
        ("C:\\new", "C:\\\\new"),
        ('say "no"', 'say \\"no\\"'),
    ],
)
def test_control_characters_are_read_as_such(text: str, read: str) -> None:
    assert unescaped(orjson.dumps(text).decode()) == f'"{read}"'


@pytest.mark.parametrize("text", ['{"a": "b\\nc"}', '[\n  "b\\tc"\n]', '```json\n{"a": "b\\nc"}\n```'])
def test_json_keeps_its_own_line_breaks(text: str) -> None:
    assert looks_like_json(text)
    assert "\\" not in unescaped(text)
    assert escaped(unescaped(text)) == text


@pytest.mark.parametrize("text", ["", "```", "Write C:\\new {a}", "{open", "f(x) = [1]."])
def test_prose_is_no_json(text: str) -> None:
    assert not looks_like_json(text)


@pytest.mark.parametrize("unit", ['"\\', '"', '\\"', '{"', "\\\\"])
def test_time_is_linear_whatever_is_open(unit: str) -> None:
    text = unit * 131_072

    began = process_time()
    escaped(unescaped(text))

    assert process_time() - began < 1.0


def test_a_masked_number_becomes_a_string() -> None:
    assert escaped('{"a":[removed],"b":[true],"c":"[removed]","d":[[SECRET],1]}') == (
        '{"a":"[removed]","b":[true],"c":"[removed]","d":["[SECRET]",1]}'
    )
