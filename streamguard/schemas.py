"""JSON Schemas of the records, generated into `schemas/events/`: `python -m streamguard.schemas [--check]`."""

import sys
from pathlib import Path

import orjson

from streamguard.events.codec import RECORDS, schema_name
from streamguard.resources import resource_dir


def generated() -> dict[str, bytes]:
    """The schema files by name, as they should be."""
    files: dict[str, bytes] = {}
    for record in RECORDS.values():
        name = schema_name(record).removeprefix("streamguard.").replace("/", ".v")
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **record.model_json_schema(),
            "title": schema_name(record),
        }
        files[f"{name}.json"] = orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return files


def drifted(folder: Path) -> list[str]:
    """The names of files in `folder` that are missing, differ, or stand for no record any more."""
    wanted = generated()
    there = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    """Write what has drifted; with `--check` only name it and return 1."""
    folder = resource_dir("schemas") / "events"
    names = drifted(folder)
    if "--check" in sys.argv[1:]:
        for name in names:
            sys.stderr.write(f"{folder / name}: differs from its record; run `make schemas`\n")
        return 1 if names else 0
    wanted = generated()
    for name in names:
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
