"""Values made from a schema fit it."""

from random import Random
from typing import Any

import jsonschema_rs
import pytest

from streamguard.dev.simulator.instances import instance

SCHEMAS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "string", "minLength": 50, "maxLength": 60},
    {"type": "string", "maxLength": 3},
    {"type": "string", "format": "email"},
    {"type": ["null", "integer"], "minimum": 3, "maximum": 3},
    {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
    {"type": "integer", "maximum": -7},
    {"type": "number", "minimum": 0.25, "maximum": 0.5},
    {"type": "number", "multipleOf": 0.5, "minimum": 1.2},
    {"type": "boolean"},
    {"const": {"a": [1]}},
    {"enum": ["x", None, 3]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "items": False, "minItems": 2},
    {"type": "object", "required": ["undescribed"]},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}]},
    {
        "allOf": [
            {"required": ["a"], "properties": {"a": {"const": 1}}},
            {"properties": {"b": {"const": 2}}, "required": ["b"]},
        ]
    },
    {
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                },
                "required": ["name", "children"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/Node",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=[str(number) for number in range(len(SCHEMAS))])
def test_an_instance_fits_its_schema(schema: dict[str, Any]) -> None:
    for seed in range(30):
        jsonschema_rs.validate(schema, instance(schema, Random(seed), lambda: "some words"))


def test_the_same_dice_make_the_same_instance() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}}
    assert instance(schema, Random(3), str) == instance(schema, Random(3), str)
