"""Values that satisfy a JSON Schema, made from the schema alone.

Knows types, enum, const, required, properties, items, prefixItems, minimum and maximum (exclusive too), multipleOf, lengths,
counts, the usual formats, local $ref, anyOf, oneOf and allOf. A `pattern` is met only by luck.
"""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, cast

_DEEPEST = 6
_FORMATS = {
    "email": "support@mailbox.example",
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "uri": "https://help.example/requests",
    "uuid": "3f2b8c1e-5a47-4d0e-9b6a-1c2d3e4f5a6b",
    "ipv4": "192.0.2.10",
}
_Schema = Mapping[str, Any]


def instance(schema: object, dice: Random, text: Callable[[], str]) -> Any:
    """A value that fits `schema`; free strings are taken from `text`. What is no schema gives an empty object."""
    if not isinstance(schema, Mapping):
        return {}
    root = cast("_Schema", schema)
    return _Maker(root, dice, text).make(root, 0)


class _Maker:
    def __init__(self, root: _Schema, dice: Random, text: Callable[[], str]) -> None:
        self._root = root
        self._dice = dice
        self._text = text

    def make(self, given: object, depth: int) -> Any:
        schema = self._resolved(given)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._dice.choice(schema["enum"])
        match self._type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer":
                return int(self._number(schema, whole=True))
            case "number":
                return self._number(schema, whole=False)
            case "boolean":
                return self._dice.random() < 0.5
            case "null":
                return None
            case _:
                return self._string(schema)

    def _resolved(self, given: object) -> dict[str, Any]:
        """The schema with references followed, `allOf` merged, and the first way of `anyOf` and `oneOf` taken."""
        schema: dict[str, Any] = dict(cast("_Schema", given)) if isinstance(given, Mapping) else {}
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                schema = self._target(str(schema.pop("$ref"))) | schema
            elif "allOf" in schema:
                for part in schema.pop("allOf"):
                    schema = _merged(schema, self._resolved(part))
            elif ways := schema.get("anyOf") or schema.get("oneOf"):
                schema = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
                first = next((way for way in ways if self._resolved(way).get("type") != "null"), ways[0])
                schema = _merged(schema, self._resolved(first))
            else:
                break
        return schema

    def _target(self, reference: str) -> dict[str, Any]:
        found: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            if part:
                found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
        return dict(cast("_Schema", found)) if isinstance(found, Mapping) else {}

    @staticmethod
    def _type(schema: _Schema) -> str:
        named = schema.get("type")
        if isinstance(named, list):
            names = cast("list[str]", named)
            return next((name for name in names if name != "null"), "null")
        if isinstance(named, str):
            return named
        if "properties" in schema or "required" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def _object(self, schema: _Schema, depth: int) -> dict[str, Any]:
        properties = cast("_Schema", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        names = list(properties) if depth < _DEEPEST // 2 else [name for name in properties if name in required]
        made = {name: self.make(properties[name], depth + 1) for name in names if depth < _DEEPEST or name in required}
        for name in required:
            made.setdefault(name, self._text())
        return made

    def _array(self, schema: _Schema, depth: int) -> list[Any]:
        made = [self.make(item, depth + 1) for item in schema.get("prefixItems", [])]
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 3))
        wanted = max(least, min(most, 0 if depth >= _DEEPEST else self._dice.randint(1, 2)))
        for _ in range(50):
            if len(made) >= wanted or schema.get("items") is False:
                break
            item = self.make(schema.get("items", {}), depth + 1)
            if not (schema.get("uniqueItems") and item in made):
                made.append(item)
        return made

    def _number(self, schema: _Schema, *, whole: bool) -> float:
        step = schema.get("multipleOf")
        tiny = 1 if whole else 1e-6
        low = schema.get("minimum", schema["exclusiveMinimum"] + tiny if "exclusiveMinimum" in schema else None)
        high = schema.get("maximum", schema["exclusiveMaximum"] - tiny if "exclusiveMaximum" in schema else None)
        if low is None:
            low = min(0, high) if high is not None else 0
        if high is None:
            high = low + 100
        if step:
            return math.ceil(low / step) * step
        if whole:
            return self._dice.randint(math.ceil(low), max(math.ceil(low), math.floor(high)))
        return min(max(round(self._dice.uniform(low, high), 3), low), high)

    def _string(self, schema: _Schema) -> str:
        if (known := _FORMATS.get(str(schema.get("format")))) is not None:
            return known
        text = self._text()
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        while len(text) < least:
            text += " " + text if text else "x" * least
        return text if most is None else text[: int(most)]


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    for key in ("properties", "required"):
        if key in one and key in other:
            merged[key] = {**one[key], **other[key]} if key == "properties" else [*one[key], *other[key]]
    return merged
