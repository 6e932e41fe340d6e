"""JSON Schemas of the records, as `schemas/events/` holds them."""

from pathlib import Path

import orjson

from streamguard.events.base import Record
from streamguard.events.codec import MAJOR, RECORDS, encode, schema_name
from streamguard.schemas.described import Described
from streamguard.schemas.examples import examples

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def generated() -> dict[str, bytes]:
    """The schema files by name, as they should be."""
    return {file_name(record): pretty(schema_of(record)) for record in RECORDS.values()}


def schema_of(record: type[Record]) -> dict[str, object]:
    """The JSON Schema of a record that travels on its own, with examples."""
    return {
        "$schema": DRAFT,
        "$id": f"urn:{schema_name(record).replace('.', ':').replace('/', ':')}",
        **record.model_json_schema(schema_generator=Described),
        "title": schema_name(record),
        "examples": [orjson.loads(encode(example.record)) for example in examples(record)],
    }


def file_name(record: type[Record]) -> str:
    """`request.v1.json` for `Request`."""
    name = schema_name(record).removeprefix("streamguard.").removesuffix(f"/{MAJOR}")
    return f"{name}.v{MAJOR}.json"


def drifted(folder: Path) -> list[str]:
    """The names of files in `folder` that are missing, differ, or stand for no record any more."""
    return differing(generated(), folder, "*.json")


def differing(wanted: dict[str, bytes], folder: Path, pattern: str) -> list[str]:
    """The names of `wanted` files that are missing in `folder` or differ there, and of other files of that pattern."""
    there = {file.name: file.read_bytes() for file in folder.glob(pattern)}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def pretty(value: object) -> bytes:
    """JSON for people, with a newline at its end."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
