"""The AsyncAPI document and the JSON Schemas say what the code does: topics, schemas, headers, and examples that fit."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from pydantic import BaseModel, ValidationError

from streamguard.events.codec import RECORDS, decode, schema_name
from streamguard.events.reason import Reason
from streamguard.events.request import Request
from streamguard.intake.contract import Received
from streamguard.resources import resource_dir
from streamguard.schemas.asyncapi import document
from streamguard.schemas.described import field_docs
from streamguard.schemas.records import DRAFT, schema_of
from streamguard.stages.contract import Event, Out
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.stage_step import StageStep
from streamguard.stream.topics import Topics

DOCUMENT: dict[str, Any] = orjson.loads(document())
TOPICS = Topics.load()
MESSAGES = DOCUMENT["components"]["messages"]
MINIMAL = {"request_id": "q", "tenant_id": "t", "user_id": "u"}
SAID = {"role": "user", "content": "Hello?"}
CALL = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "look_up"}}


def parts_of(kind: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> set[type[BaseModel]]:
    """A record and all records in it."""
    seen = set() if seen is None else seen
    if kind not in seen:
        seen.add(kind)
        for field in kind.model_fields.values():
            for inner in classes_in(field.annotation):
                parts_of(inner, seen)
    return seen


def classes_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from classes_in(argument)


@pytest.mark.parametrize("record", list(RECORDS.values()), ids=lambda record: record.__name__)
def test_every_field_says_what_it_means(record: type[BaseModel]) -> None:
    without = [
        f"{part.__name__}.{name}"
        for part in parts_of(record)
        for name in part.model_fields
        if name not in field_docs(part)
    ]
    assert not without


@pytest.mark.parametrize("record", list(RECORDS.values()), ids=lambda record: record.__name__)
def test_a_schema_stands_alone_is_described_and_fits_its_examples(record: Any) -> None:
    schema: dict[str, Any] = schema_of(record)
    assert schema["$schema"] == DRAFT
    assert schema["$id"] == f"urn:streamguard:{schema_name(record).removeprefix('streamguard.').replace('/', ':')}"
    assert schema["title"] == schema_name(record)
    assert schema["description"]
    definitions: dict[str, Any] = {record.__name__: schema, **schema.get("$defs", {})}
    undescribed = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, shown in definition.get("properties", {}).items()
        if not shown.get("description")
    ]
    assert not undescribed
    examples: Any = schema["examples"]
    assert examples
    for example in examples:
        jsonschema_rs.validate(schema, example)
        assert decode(record, orjson.dumps(example), schema_name(record)) == record.model_validate(example)


def test_the_channels_are_the_topics_and_the_groups_those_of_the_flow() -> None:
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = DOCUMENT["channels"][topic.name]
        kafka = channel["bindings"]["kafka"]
        kept = {name: str(value) for name, value in kafka["topicConfiguration"].items() if name != "cleanup.policy"}
        assert kafka["partitions"] == topic.partitions
        assert ",".join(kafka["topicConfiguration"]["cleanup.policy"]) == topic.configs["cleanup.policy"]
        assert kept.items() <= topic.configs.items()
        assert topic.description in channel["description"]
    for name, route in FLOW.items():
        operation = DOCUMENT["operations"][f"{name}.receive.{route.source}"]
        assert operation["bindings"]["kafka"]["groupId"]["const"] == group_name("", name)


def test_every_topic_that_is_read_or_written_has_an_operation() -> None:
    there = {
        (operation["action"], operation["channel"]["$ref"].rsplit("/", 1)[1], operation["tags"][-1]["name"])
        for operation in DOCUMENT["operations"].values()
    }
    sides = {"services": "service", "operators": "operator"}
    wanted = {("receive", topic.name, sides.get(name, name)) for topic in TOPICS for name in topic.read_by}
    wanted |= {("send", topic.name, sides.get(name, name)) for topic in TOPICS for name in topic.written_by}
    assert there == wanted
    assert DOCUMENT["operations"]["ask"]["reply"]["channel"]["$ref"] == "#/channels/responses"


@pytest.mark.parametrize("topic", list(TOPICS), ids=lambda topic: topic.name)
def test_the_examples_of_a_message_fit_its_schemas(topic: Any) -> None:
    message = MESSAGES[topic.name]
    schemas = {**DOCUMENT["components"], "$schema": "http://json-schema.org/draft-07/schema#"}
    assert message["examples"]
    for example in message["examples"]:
        jsonschema_rs.validate({**message["headers"], "$schema": DRAFT}, example["headers"])
        assert "additionalProperties" not in message["headers"]
        assert example["headers"].keys() <= message["headers"]["properties"].keys() | {"src", "of"}
        if topic.record is not None:
            whole = {"components": schemas, "$ref": f"#/components/schemas/{topic.record}"}
            jsonschema_rs.validate(whole, example["payload"])
            with pytest.raises(jsonschema_rs.ValidationError):
                jsonschema_rs.validate(whole, {})


def test_the_document_needs_nothing_from_elsewhere() -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():  # pyright: ignore[reportUnknownVariableType]  # JSON
                if key == "$ref":
                    yield value
                yield from references(value)
        elif isinstance(node, list):
            for item in node:  # pyright: ignore[reportUnknownVariableType]  # JSON
                yield from references(item)

    found = set(references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        at: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def test_every_reason_is_described_where_services_read_it() -> None:
    described = DOCUMENT["components"]["schemas"]["Reason"]["description"]
    assert all(f"`{reason}`: " in described for reason in Reason)


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [SAID]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]},
        {"messages": [SAID, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "tools": [TOOL]},
        {"messages": [SAID, {"role": "tool", "content": "4", "tool_call_id": "c"}]},
        {"prompt": {"name": "support", "variables": {"question": "Hello?"}}, "messages": None},
        {"messages": [SAID], "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {"messages": [SAID], "tools": [TOOL], "tool_choice": "required"},
        {"messages": [SAID], "newer_field": 1},
        {},
        {"messages": []},
        {"messages": [SAID], "prompt": {"name": "support"}},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": "x", "tool_calls": [CALL]}]},
        {"messages": [{"role": "user", "content": "x", "tool_call_id": "c"}]},
        {"messages": [{"role": "user", "content": [{"text": "no type"}]}]},
        {"messages": [SAID], "response_format": {"type": "json_schema"}},
        {"messages": [SAID], "response_format": {"type": "text", "json_schema": {"schema": {}}}},
        {"messages": [SAID], "tool_choice": "auto"},
        {"messages": [SAID], "tenant_id": "a/b"},
        {"messages": [SAID], "lane": "slow"},
        {"messages": [SAID], "max_output_tokens": 0},
        {"messages": [SAID], "metadata": {str(number): "x" for number in range(17)}},
    ],
    ids=lambda more: orjson.dumps(more).decode()[:60],
)
def test_the_schema_of_a_request_takes_what_the_line_takes(more: dict[str, Any]) -> None:
    """A request that the line cannot read gets no response: whoever validates by the schema must hear of it."""
    request = {**MINIMAL, **more}
    try:
        Request.model_validate_json(orjson.dumps(request))
    except ValidationError:
        taken = False
    else:
        taken = True
    schema = orjson.loads((resource_dir("schemas") / "events" / "request.v1.json").read_bytes())
    assert jsonschema_rs.is_valid(schema, request) is taken


class Writes:
    """A stage that writes one record to one topic."""

    def __init__(self, out: Out) -> None:
        self._out = out

    async def run(self, event: Event[Any], found: Any) -> list[Out]:
        return [self._out]


@pytest.mark.parametrize("route", list(FLOW.values()), ids=lambda route: route.name)
async def test_what_a_step_writes_has_the_headers_of_the_document(route: Any) -> None:
    source = MESSAGES[route.source]["examples"][0]
    value = orjson.dumps(source["payload"])
    read = Received(
        route.source, 3, 7, 1_800_000_000_000, b"k", value, (("schema", source["headers"]["schema"].encode()),)
    )
    names = [name for name in (*route.targets, *route.rekeyed) if name != "dead-letters"]
    for name in names:
        record = RECORDS[TOPICS[name].record or ""]
        out = Out(name, "k", record.model_validate(MESSAGES[name]["examples"][0]["payload"]))
        written = await StageStep(route.stage, route.source, Writes(out), TOPICS, None)(read, {})
        headers = {key: header.decode() for key, header in written[0].headers}
        jsonschema_rs.validate({**MESSAGES[name]["headers"], "required": ["schema", "traceparent"]}, headers)
        assert headers.keys() <= MESSAGES[name]["headers"]["properties"].keys()
