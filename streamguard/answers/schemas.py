"""Validators of JSON Schemas that come with requests: compiled once, kept in bounded number, harmless."""

import hashlib
from collections import OrderedDict
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import orjson
from pydantic import JsonValue

from streamguard.answers.extraction import MAX_DEPTH, depth_of_value

MAX_SCHEMA_BYTES = 65_536
MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_WEIGHT = 5_000
_DEEPEST_RECURSIVE = 16
_FOREIGN = "the schema refers to something outside itself, or to nothing (references look like #/$defs/name)"
_KEPT = 512
_MAX_PROBLEMS = 5
_UNNAMED = "*"
_CHOICES = frozenset({"anyOf", "oneOf"})


class SchemaUnusable(Exception):
    """The schema of a request is none. `problem` names the place and the rule it breaks, not what stands there."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Weight:
    """How much work a schema can make: its places, those behind references counted each time they are referred to.

    Choices over references multiply: twenty of them in a row take a second to try. `recursive` tells of references in a
    circle, where only the depth of the answer bounds the work. Raises `SchemaUnusable` beyond `MAX_SCHEMA_WEIGHT`.
    """

    def __init__(self, schema: dict[str, JsonValue]) -> None:
        self._schema = schema
        self._known: dict[int, int] = {}
        self._under_way: set[int] = set()
        self.recursive = False
        if self._of(schema) > MAX_SCHEMA_WEIGHT:
            raise SchemaUnusable("the schema refers to its parts too often")

    def _of(self, part: JsonValue) -> int:
        if not isinstance(part, dict | list):
            return 0
        if id(part) in self._known:
            return self._known[id(part)]
        if id(part) in self._under_way:
            self.recursive = True
            return 1
        self._under_way.add(id(part))
        weight = 1
        for child in part.values() if isinstance(part, dict) else part:
            weight += self._of(child)
        if isinstance(part, dict):
            if "$dynamicRef" in part or "$recursiveRef" in part:
                raise SchemaUnusable(_FOREIGN)
            reference = part.get("$ref")
            if isinstance(reference, str):
                weight += self._of(self._target(reference))
        self._under_way.discard(id(part))
        self._known[id(part)] = weight
        return weight

    def _target(self, reference: str) -> JsonValue:
        if reference != "#" and not reference.startswith("#/"):
            raise SchemaUnusable(_FOREIGN)
        target: JsonValue = self._schema
        for step in unquote(reference).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and name in target:
                target = target[name]
            elif isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            else:
                raise SchemaUnusable(_FOREIGN)
        return target


class Schema:
    """A compiled schema."""

    def __init__(self, schema: dict[str, JsonValue], encoded: bytes) -> None:
        if len(encoded) > MAX_SCHEMA_BYTES:
            raise SchemaUnusable(f"the schema has more than {MAX_SCHEMA_BYTES} bytes")
        if depth_of_value(schema) > MAX_SCHEMA_DEPTH:
            raise SchemaUnusable(f"the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")
        weight = Weight(schema)
        self._deepest = _DEEPEST_RECURSIVE if weight.recursive else MAX_DEPTH
        try:
            # linear-time patterns: the schema is the requester's, the answer the model's, and both may be hostile
            self._validator = jsonschema_rs.validator_for(
                schema, retriever=_fetch_nothing, pattern_options=jsonschema_rs.RegexOptions(), mask=_UNNAMED
            )
        except jsonschema_rs.ValidationError as error:
            raise SchemaUnusable(_unusable(error)) from None
        except (ValueError, jsonschema_rs.ReferencingError):
            raise SchemaUnusable("the schema cannot be compiled") from None
        self._names = frozenset(_property_names(schema))

    def problem(self, value: JsonValue) -> str | None:
        """What is wrong with `value`, at most five places; None where it fits. Holds nothing of the value itself."""
        if depth_of_value(value) > self._deepest:
            return f"the answer: nests deeper than {self._deepest} levels"
        problems: list[str] = []
        # is_valid builds no messages: the usual case costs microseconds
        if self._validator.is_valid(value):
            return None
        for error in self._validator.iter_errors(value):
            if len(problems) == _MAX_PROBLEMS:
                problems.append("and more")
                break
            problems.append(self._said(error))
        return "; ".join(problems)

    def _said(self, error: jsonschema_rs.ValidationError) -> str:
        # names of properties the schema does not know are the answer's own words
        place = ".".join(
            str(part) if isinstance(part, int) or part in self._names else _UNNAMED for part in error.instance_path
        )
        kind = error.kind
        rule = kind.name
        match kind:
            case jsonschema_rs.ValidationErrorKind.Required():
                rule = f"the property {kind.property!r} is missing"
            case jsonschema_rs.ValidationErrorKind.Type():
                rule = f"is not of type {' or '.join(kind.types)}"
            case jsonschema_rs.ValidationErrorKind.Enum():
                rule = f"is not one of {_text(kind.options)}"
            case jsonschema_rs.ValidationErrorKind.AdditionalProperties():
                rule = "has properties that the schema does not allow"
            case _ if rule in _CHOICES:
                rule = f"fits none, or more than one, of the choices of {rule}"
            case _:
                rule = f"breaks {rule}"
        return f"{place or 'the answer'}: {rule}"


class Schemas:
    """Compiled schemas by their content, the least used dropped first."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._compiled: OrderedDict[bytes, Schema | SchemaUnusable] = OrderedDict()

    def of(self, schema: dict[str, JsonValue]) -> Schema:
        """The compiled schema. Raises `SchemaUnusable`."""
        try:
            encoded = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
        except (TypeError, ValueError):
            raise SchemaUnusable("the schema is nested too deep or no JSON") from None
        key = hashlib.sha256(encoded).digest()
        found = self._compiled.get(key)
        if found is None:
            try:
                found = Schema(schema, encoded)
            except SchemaUnusable as unusable:
                found = unusable
            self._compiled[key] = found
            if len(self._compiled) > self._kept:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(key)
        if isinstance(found, SchemaUnusable):
            raise SchemaUnusable(found.problem)
        return found

    def __len__(self) -> int:
        return len(self._compiled)


def _fetch_nothing(uri: str) -> Any:
    raise ValueError("schemas are not fetched")


def _unusable(error: jsonschema_rs.ValidationError) -> str:
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return _FOREIGN
    # the path runs through the requester's own names; its length and the rule are enough to find the place
    place = next((str(part) for part in reversed(error.schema_path) if isinstance(part, str)), "schema")
    keywords = [str(part) for part in error.schema_path if isinstance(part, str)]
    return f"the schema breaks the rules of JSON Schema at depth {len(error.instance_path)}: {'/'.join(keywords[:6]) or place}"


def _property_names(schema: JsonValue) -> list[str]:
    names: list[str] = []
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                names.extend(value)
            names.extend(_property_names(value))
    elif isinstance(schema, list):
        for item in schema:
            names.extend(_property_names(item))
    return names


def _text(value: object) -> str:
    return orjson.dumps(value).decode()[:200]
