"""JSON Schemas of records with what their fields mean: the docstrings behind the fields.

pydantic can read these itself (`use_attribute_docstrings`), whenever a class is made: it would cost each process that starts a
third of the time that all records take to load. So they are read here, where they are needed.
"""

import ast
import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from streamguard.events.reason import REASONS, Reason


@cache
def field_docs(record: type[BaseModel]) -> dict[str, str]:
    """What stands behind each field of a class, inherited ones included, by the field's name in Python, in one line."""
    docs: dict[str, str] = {}
    for cls in reversed(record.__mro__):
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            docs |= _own_docs(cls)
    return {name: docs[name] for name in record.model_fields if name in docs}


def _own_docs(cls: type[BaseModel]) -> dict[str, str]:
    tree = ast.parse(dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    docs: dict[str, str] = {}
    for statement, after in zip(tree.body, tree.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                docs[name] = " ".join(text.split())
            case _:
                pass
    return docs


class Described(GenerateJsonSchema):
    """pydantic's schemas, with descriptions of fields and reasons, and without titles that only repeat names."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json = super().model_schema(schema)
        record: type[BaseModel] = schema["cls"]
        docs = field_docs(record)
        properties: dict[str, Any] = json.get("properties", {})
        for name, field in record.model_fields.items():
            shown = properties.get(field.alias or name)
            if shown is not None and name in docs:
                properties[field.alias or name] = {"description": docs[name], **shown}
        if "description" in json:
            json["description"] = _unwrapped(json["description"])
        return json

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        json = super().generate(schema, mode)
        _tell_reasons(json.get("$defs", {}))
        return json

    def generate_definitions(
        self, inputs: Sequence[tuple[Any, JsonSchemaMode, CoreSchema]]
    ) -> tuple[dict[tuple[Any, JsonSchemaMode], JsonSchemaValue], dict[Any, JsonSchemaValue]]:
        schemas, definitions = super().generate_definitions(inputs)
        _tell_reasons(definitions)
        return schemas, definitions

    def field_title_should_be_set(self, schema: Any) -> bool:  # pydantic's own union of schemas is private
        return False


def _tell_reasons(definitions: Mapping[Any, JsonSchemaValue]) -> None:
    if (codes := definitions.get(Reason.__name__)) is not None:
        listed = (
            f"- `{reason}`: {why.meaning}{' Not yet given.' if why.later else ''}" for reason, why in REASONS.items()
        )
        codes["description"] = "\n".join(("Why a request ended without an answer.", "", *listed))


def _unwrapped(text: str) -> str:
    """A docstring with each paragraph in one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
