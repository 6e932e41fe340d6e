"""Forms that OpenAI would refuse a question for are asked for in another way."""

from typing import Any

import orjson
import pytest

from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.providers.contract import ChatRequest
from streamguard.providers.openai_forms import strict_fits
from tests.unit.providers.openai_shapes import WHOLE
from tests.unit.providers.wire import Shape, feed

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    """An object as OpenAI wants it."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def nested(levels: int) -> dict[str, Any]:
    return closed(a=nested(levels - 1) if levels > 1 else TEXT)


TREE = closed(value={"type": ["string", "null"]}, children={"type": "array", "items": {"$ref": "#"}})


@pytest.mark.parametrize(
    "schema",
    [
        closed(),
        closed(a=TEXT, b={"type": "integer", "minimum": 1, "description": "How many."}),
        closed(a=closed(b={"type": "array", "items": closed(c={"type": "string", "enum": ["x"]}), "minItems": 1})),
        closed(a={"anyOf": [TEXT, {"type": "null"}, closed(b=TEXT)]}),
        {**closed(a={"$ref": "#/$defs/place"}), "$defs": {"place": closed(b={"type": "string", "format": "date"})}},
        TREE,
        nested(5),
    ],
)
def test_what_openai_holds_its_model_to(schema: dict[str, Any]) -> None:
    assert strict_fits(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "array", "items": TEXT},
        {"anyOf": [closed(a=TEXT), closed(b=TEXT)]},
        {**closed(a=TEXT), "additionalProperties": True},
        {**closed(a=TEXT), "required": []},
        {"type": "object", "properties": {"urgent": {"type": "boolean"}}, "required": ["urgent"]},
        closed(a={"type": "object", "properties": {"b": TEXT}, "required": ["b"]}),
        closed(a={"type": ["object", "null"], "properties": {}, "required": []}),
        closed(a={"type": "string", "maxLength": 5}),
        closed(a={"type": "string", "default": ""}),
        closed(a={"type": "string", "format": "uri"}),
        closed(a={"oneOf": [TEXT]}),
        closed(a={"type": "array"}),
        closed(a={}),
        closed(a=True),
        closed(a={"$ref": "#/$defs/b", "description": "With neighbours."}),
        {**closed(a=TEXT), "$defs": {"b": {"type": "object"}}},
        nested(6),
    ],
)
async def test_what_openai_would_refuse_is_asked_for_without_strict(schema: dict[str, Any]) -> None:
    assert not strict_fits(schema)
    form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))
    asked = (await body_of(form, "vllm"))["response_format"]
    assert asked == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": False}}


async def body_of(form: ResponseFormat, name: str, said: str = "Grüße") -> dict[str, Any]:
    ask = ChatRequest("m", (Message(role="user", content=said),), 50, "k", "r", response_format=form)
    settings = {"kind": "openai", "name": name, "base_url": "http://models/v1"}
    shape = Shape("any", WHOLE[0].body, WHOLE[0].expected, ask=ask, settings=settings)
    told = await feed(shape, [shape.body])
    assert told.asked is not None
    return orjson.loads(told.asked.content)


async def test_a_schema_that_is_no_objects_is_told_openai_in_words_and_others_as_it_is() -> None:
    schema: dict[str, Any] = {"type": "array", "items": TEXT}
    form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))
    told = await body_of(form, "openai")
    assert "response_format" not in told
    assert orjson.dumps(schema).decode() in told["messages"][0]["content"]
    assert (await body_of(form, "vllm"))["response_format"]["json_schema"]["schema"] == schema
    closed_form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=closed(a=TEXT)))
    assert (await body_of(closed_form, "openai"))["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("name", ["openai", "deepseek"])
async def test_json_mode_is_never_asked_for_without_a_word_of_json(name: str) -> None:
    form = ResponseFormat(type="json_object")
    silent = await body_of(form, name)
    assert silent["response_format"] == {"type": "json_object"}
    assert "JSON" in silent["messages"][0]["content"]
    assert silent["messages"][1:] == [{"role": "user", "content": "Grüße"}]
    spoken = await body_of(form, name, "Answer in json.")
    assert spoken["messages"] == [{"role": "user", "content": "Answer in json."}]
