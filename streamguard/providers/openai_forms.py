"""Forms of answers as OpenAI and Azure insist on them, where others are content with what JSON Schema allows.

They refuse a question for its form (400, the same for every model) in three cases: `strict` with a schema beyond their subset of
JSON Schema (https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas"), a schema whose root is no object,
and JSON mode where no message speaks of JSON. Whatever is asked, answers are held to the whole schema here.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from pydantic import JsonValue

from streamguard.providers.contract import ChatRequest
from streamguard.providers.structured import JSON_OBJECT, adapt, told

_DEEPEST = 5
"""Levels of objects; Azure takes no more."""
_PLAIN = frozenset(
    {
        "type",
        "title",
        "description",
        "enum",
        "const",
        "pattern",
        "format",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
        "required",
        "additionalProperties",
        "$schema",
    }
)
"""Keywords that hold no schemas."""
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_OF_SCHEMAS = frozenset({"properties", "$defs", "definitions"})


def askable(ask: ChatRequest, *, needs_object: bool) -> ChatRequest:
    """`ask` with a form that is not refused. `needs_object`: by a server that takes no schema with another root."""
    form = ask.response_format
    if form is None or form.type == "text":
        return ask
    if form.json_schema is not None:
        rooted = form.json_schema.schema_.get("type") == "object"
        return (
            ask if rooted or not needs_object else askable(adapt(ask, frozenset({"json_schema"})), needs_object=False)
        )
    if any("json" in message.content.lower() for message in ask.messages):
        return ask
    return replace(ask, messages=told(ask.messages, JSON_OBJECT))


def strict_fits(schema: dict[str, JsonValue]) -> bool:
    """Whether `strict` may be asked for with this schema. Else it is asked for without, and the model is only told."""
    return schema.get("type") == "object" and "anyOf" not in schema and _fits(schema, 0)


def _fits(schema: Any, level: int) -> bool:
    if not isinstance(schema, dict):
        return False
    part = cast("dict[str, Any]", schema)
    if "$ref" in part:
        return part.keys() == {"$ref"}
    if not part.keys() & {"type", "anyOf"} or part.get("format", "date") not in _FORMATS:
        return False
    types = part.get("type")
    kinds = cast("list[Any]", types) if isinstance(types, list) else [types]
    if "array" in kinds and not isinstance(part.get("items"), dict):
        return False
    if "object" in kinds or "properties" in part:
        level += 1
        if level > _DEEPEST or not _closed(part):
            return False
    return all(
        key in _PLAIN or all(_fits(child, level) for child in _within(key, value)) for key, value in part.items()
    )


def _closed(part: dict[str, Any]) -> bool:
    """Whether an object has just the properties that it must have."""
    properties, required = part.get("properties"), part.get("required")
    if (
        not isinstance(properties, dict)
        or not isinstance(required, list)
        or part.get("additionalProperties") is not False
    ):
        return False
    names, needed = cast("dict[str, Any]", properties), cast("list[Any]", required)
    return len(needed) == len(names) and all(name in needed for name in names)


def _within(key: str, value: Any) -> Iterable[Any]:
    """The schemas below a keyword; None, which is no schema, below an unknown one."""
    if key in _OF_SCHEMAS and isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    if key == "anyOf" and isinstance(value, list):
        return cast("list[Any]", value)
    return (value if key == "items" else None,)
