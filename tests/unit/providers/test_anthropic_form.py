"""A schema becomes a tool's, and the answer comes out of the tool's input, whole and in pieces."""

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.answers.structure import form_problem
from streamguard.events.request import JsonSchemaFormat, ResponseFormat
from streamguard.providers.anthropic_form import Unwrapping, form_of

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def asked(schema: dict[str, Any], name: str = "answer") -> JsonSchemaFormat:
    return JsonSchemaFormat(name=name, schema=schema)


def test_an_objects_schema_is_the_tools() -> None:
    form = form_of(asked(OBJECT))
    assert (form.name, form.schema, form.wrapped) == ("answer", OBJECT, False)
    assert form.text({"a": 1}) == '{"a":1}'


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}},
        {"type": "string"},
        {"anyOf": [OBJECT]},
        {**OBJECT, "oneOf": [{}]},
        {},
    ],
)
def test_any_other_is_put_into_an_object_and_taken_out(schema: dict[str, Any]) -> None:
    form = form_of(asked(schema))
    assert form.wrapped
    assert form.schema["type"] == "object"
    assert form.schema["properties"] == {"value": schema}
    assert form.text({"value": [1, 2]}) == "[1,2]"
    # what is not wrapped as it should be is for the check of the form to judge
    assert form.text({"other": 1}) == '{"other":1}'


def test_pointers_from_the_root_are_moved_with_it() -> None:
    tree = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#"}}}, "title": "#/x"}
    schema = form_of(asked(tree)).schema
    assert schema["properties"] == {
        "value": {
            "$ref": "#/properties/value/$defs/tree",
            "$defs": {"tree": {"type": "array", "items": {"$ref": "#/properties/value"}}},
            "title": "#/x",
        }
    }
    wrapped = ResponseFormat(type="json_schema", json_schema=asked(schema))
    assert form_problem('{"value": [[], [[]]]}', wrapped) is None
    assert form_problem('{"value": [1]}', wrapped) is not None


@pytest.mark.parametrize(
    ("name", "expected"), [("parcel.v1:x", "parcel_v1_x"), ("a" * 100, "a" * 64), ("a-b_c", "a-b_c")]
)
def test_the_tools_name_is_one_that_the_api_takes(name: str, expected: str) -> None:
    assert form_of(asked(OBJECT, name)).name == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "}", "a } ", '"', "\\", '{"value":']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "}", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    value=VALUES,
    cuts=st.lists(st.integers(0, 300), max_size=12),
    style=st.sampled_from(['{"value":%s}', '{"value": %s}', ' {\n  "value" : %s\n}\n', '{ "value":%s } ']),
)
def test_a_wrapped_text_comes_out_bare_however_it_is_cut(value: object, cuts: list[int], style: str) -> None:
    text = style % orjson.dumps(value).decode()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    unwrapping = Unwrapping()
    pieces = [unwrapping.feed(text[one:two]) for one, two in itertools.pairwise(places)]
    assert orjson.loads("".join([*pieces, unwrapping.end()])) == value


@pytest.mark.parametrize("text", ['{"a":1}', "", "{", '{"val', '{"value"', "[1]", "no JSON", '{"value": '])
def test_a_text_without_the_wrapper_comes_out_as_it_is(text: str) -> None:
    unwrapping = Unwrapping()
    assert "".join([*(unwrapping.feed(letter) for letter in text), unwrapping.end()]) == text


def test_nothing_waits_but_what_may_be_the_wrapper() -> None:
    unwrapping = Unwrapping()
    assert [unwrapping.feed(piece) for piece in ('{"value": ', '[{"a": 1', "}", ", 2", "]", "}")] == [
        "",
        '[{"a": 1',
        "",
        "}, 2",
        "]",
        "",
    ]
    assert unwrapping.end() == ""
