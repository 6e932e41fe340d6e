"""The form of answers, and schemas that come with requests."""

from typing import Any

import pytest

from streamguard.answers.schemas import MAX_SCHEMA_BYTES, Schemas, SchemaUnusable
from streamguard.answers.structure import NO_JSON, Structurer, check_schema, form_problem, structure
from streamguard.events.request import JsonSchemaFormat, ResponseFormat

TICKET: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"enum": ["billing", "delivery"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"count": {"type": "integer"}}}},
    },
    "required": ["category"],
    "additionalProperties": False,
}


def form_of(schema: dict[str, Any]) -> ResponseFormat:
    return ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))


def test_free_text_has_no_form() -> None:
    for form in (None, ResponseFormat()):
        answer = structure("anything {", form)
        assert (answer.value, answer.error) == (None, None)


def test_any_object_will_do_for_json_object() -> None:
    form = ResponseFormat(type="json_object")
    assert structure('So: {"a": 1}', form).value == {"a": 1}
    assert form_problem("[1]", form) is not None
    assert form_problem("no", form) == NO_JSON


def test_an_answer_that_fits_is_given_back_parsed() -> None:
    answer = structure('```json\n{"category": "billing"}\n```', form_of(TICKET))
    assert (answer.value, answer.repaired, answer.error) == ({"category": "billing"}, False, None)


@pytest.mark.parametrize("text", ['{"parcel":12345678901234567890123}', "Here: {parcel: 12345678901234567890123}"])
def test_whole_numbers_keep_all_their_digits(text: str) -> None:
    form = form_of({"type": "object", "properties": {"parcel": {"type": "integer"}}})
    assert structure(text, form).value == {"parcel": 12345678901234567890123}
    assert structure('{"a": 0.12345678901234567890, "b": "12345678901234567890"}', form).value == {
        "a": 0.12345678901234568,
        "b": "12345678901234567890",
    }


def test_a_mended_answer_is_marked_and_still_validated() -> None:
    assert structure("{category: 'billing',}", form_of(TICKET)).repaired
    answer = structure("{category: 'weather',}", form_of(TICKET))
    assert answer.value is None
    assert answer.repaired
    assert answer.error is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "the answer: the property 'category' is missing"),
        ('{"category": "Alice Smith"}', 'category: is not one of ["billing","delivery"]'),
        (
            '{"category": "billing", "lines": [{"count": "alice@example.org"}]}',
            "lines.0.count: is not of type integer",
        ),
        (
            '{"category": "billing", "alice@example.org": 1}',
            "the answer: has properties that the schema does not allow",
        ),
    ],
)
def test_problems_name_place_and_rule_and_nothing_of_the_answer(text: str, expected: str) -> None:
    assert form_problem(text, form_of(TICKET)) == expected


def test_names_the_schema_does_not_know_are_not_repeated() -> None:
    free = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert form_problem('{"alice@example.org": "secret"}', form_of(free)) == "*: is not of type integer"


def test_many_problems_are_cut_short() -> None:
    problem = form_problem('{"lines": ' + str([{"count": "x"}] * 50).replace("'", '"') + "}", form_of(TICKET))
    assert problem is not None
    assert problem.endswith("and more")
    assert len(problem) < 400


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "alice"},
        {"properties": {"a": {"type": 1}}},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/$defs/nowhere"},
        {"$schema": "http://example.org/other"},
        {"pattern": "("},
        {"pattern": "((a{1000}){1000}){1000}"},
        {"description": "x" * MAX_SCHEMA_BYTES},
        {"$dynamicRef": "#a"},
    ],
)
def test_an_unusable_schema_is_told_without_its_contents(schema: dict[str, Any]) -> None:
    problem = check_schema(form_of(schema))
    assert problem is not None
    for content in ("alice", "127.0.0.1", "nowhere", "example.org", "xxx"):
        assert content not in problem
    assert form_problem("{}", form_of(schema)) == problem


def test_deeply_nested_schemas_are_refused() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(40):
        schema = {"items": schema}
    assert check_schema(form_of(schema)) is not None


def test_choices_that_multiply_are_refused() -> None:
    parts: dict[str, Any] = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(20)
    }
    parts["d20"] = {"type": "integer"}
    problem = check_schema(form_of({"$defs": parts, "$ref": "#/$defs/d0"}))
    assert problem == "the schema refers to its parts too often"


def test_recursive_schemas_work_to_a_depth() -> None:
    tree: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert check_schema(form_of(tree)) is None
    assert form_problem('{"next": {"next": {}}}', form_of(tree)) is None
    assert form_problem('{"next": {"other": {}}}', form_of(tree)) is not None
    assert form_problem('{"next":' * 20 + "{}" + "}" * 20, form_of(tree)) == "the answer: nests deeper than 16 levels"


def test_slow_patterns_are_quick() -> None:
    assert form_problem('"' + "a" * 5000 + '!"', form_of({"type": "string", "pattern": "^(a+)+$"})) is not None


def test_compiled_schemas_are_kept_by_content_and_in_bounds() -> None:
    schemas = Schemas(kept=2)
    first = schemas.of({"type": "object", "title": "1"})
    assert schemas.of({"title": "1", "type": "object"}) is first
    schemas.of({"title": "2"})
    schemas.of({"title": "3"})
    assert len(schemas) == 2
    assert schemas.of({"type": "object", "title": "1"}) is not first
    with pytest.raises(SchemaUnusable):
        schemas.of({"type": "nonsense"})


def test_structurers_share_nothing_but_their_schemas() -> None:
    assert Structurer().form_problem("{}", form_of(TICKET)) == form_problem("{}", form_of(TICKET))
