"""JSON with line breaks in place of their escapes, and back."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from streamguard.answers.escapes import escaped, unescaped

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
