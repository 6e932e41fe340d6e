"""A JSON Schema for the answer, over an API that has schemas for tools: the model must call one tool, whose input is the answer.

Tools' schemas are objects at their root and hold no choice there; any other schema is put into an object under one name, and
taken out again. Older models and servers of others that speak this API know this way as well.
"""

import re
from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import JsonValue

from streamguard.events.request import JsonSchemaFormat

_WRAP = "value"
_NOT_AT_ROOT = frozenset({"anyOf", "oneOf", "allOf", "$ref"})
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_OPENING = re.compile(r'\s*\{\s*"' + _WRAP + r'"\s*:\s*')
_MAY_OPEN = re.compile(r"[\s{:\"" + _WRAP + r"]*")


@dataclass(frozen=True, slots=True)
class Form:
    """The tool that stands for the answer. `wrapped`: its input is `{"value": answer}`."""

    name: str
    schema: dict[str, JsonValue]
    wrapped: bool

    @property
    def tool(self) -> dict[str, object]:
        """As the body holds it; made anew, so that it may be added to."""
        return {
            "name": self.name,
            "description": "Gives the answer to the user. Its input is the whole answer.",
            "input_schema": self.schema,
        }

    @property
    def choice(self) -> dict[str, object]:
        """Makes the model call it, once."""
        return {"type": "tool", "name": self.name, "disable_parallel_tool_use": True}

    def text(self, given: object) -> str:
        """The answer in the tool's input, as JSON text. An input that is not wrapped as it should be is given as it is."""
        if self.wrapped and isinstance(given, dict):
            fields = cast("dict[str, object]", given)
            if fields.keys() == {_WRAP}:
                return orjson.dumps(fields[_WRAP]).decode()
        return orjson.dumps(given).decode()


def form_of(asked: JsonSchemaFormat) -> Form:
    """How to ask for that schema."""
    name = _FOREIGN.sub("_", asked.name)[:64]
    schema = asked.schema_
    if schema.get("type") == "object" and not _NOT_AT_ROOT & schema.keys():
        return Form(name, schema, wrapped=False)
    inner = cast("JsonValue", _moved(schema))
    wrapper: dict[str, JsonValue] = {
        "type": "object",
        "properties": {_WRAP: inner},
        "required": [_WRAP],
        "additionalProperties": False,
    }
    return Form(name, wrapper, wrapped=True)


def _moved(node: Any) -> Any:
    """The same schema one level further down: pointers from the root go through the wrapper."""
    if isinstance(node, dict):
        moved: dict[str, Any] = {}
        for name, value in cast("dict[str, Any]", node).items():
            if name == "$ref" and isinstance(value, str) and (value == "#" or value.startswith("#/")):
                moved[name] = f"#/properties/{_WRAP}{value[1:]}"
            else:
                moved[name] = _moved(value)
        return moved
    if isinstance(node, list):
        return [_moved(value) for value in cast("list[Any]", node)]
    return node


class Unwrapping:
    """Takes the wrapper off a text that comes in pieces. All it gives, joined, is the inner JSON; where the text does not begin
    with the wrapper, all of it."""

    def __init__(self) -> None:
        self._held = ""
        self._open: bool | None = None

    def feed(self, piece: str) -> str:
        """What can be told of the answer now: a closing brace may be the wrapper's and is held back, and the opening too."""
        self._held += piece
        if self._open is None:
            if (opening := _OPENING.match(self._held)) is not None and opening.end() < len(self._held):
                self._open = True
                self._held = self._held[opening.end() :]
            elif _MAY_OPEN.fullmatch(self._held):
                return ""
            else:
                self._open = False
        if not self._open:
            return self._all()
        keep = len(self._held.rstrip("} \t\r\n"))
        given, self._held = self._held[:keep], self._held[keep:]
        return given

    def end(self) -> str:
        """What was held back, without the wrapper."""
        rest = self._all()
        if not self._open:
            return rest
        bare = rest.rstrip()
        return bare[:-1].rstrip() if bare.endswith("}") else rest

    def _all(self) -> str:
        given, self._held = self._held, ""
        return given
