"""The command: writes what has drifted; with `--check` it only names that, and ends with status 1."""

import sys
from collections.abc import Mapping
from pathlib import Path

from streamguard.resources import resource_dir
from streamguard.schemas.asyncapi import document
from streamguard.schemas.records import differing, generated
from streamguard.schemas.tables import filled

PAGE = "first-request.md"


def wanted() -> Mapping[Path, tuple[str, dict[str, bytes]]]:
    """What should lie in which folders: the pattern of names that are ours there, and the files."""
    schemas = resource_dir("schemas")
    return {
        schemas / "events": ("*.json", generated()),
        schemas: ("asyncapi.json", {"asyncapi.json": document()}),
        **_in_docs(schemas.parent / "docs"),
    }


def _in_docs(docs: Path) -> Mapping[Path, tuple[str, dict[str, bytes]]]:
    """Nothing where there is no repository."""
    page = docs / PAGE
    return {docs: (PAGE, {PAGE: filled(page.read_text()).encode()})} if page.exists() else {}


def main() -> int:
    check, status = "--check" in sys.argv[1:], 0
    for folder, (pattern, files) in wanted().items():
        for name in differing(files, folder, pattern):
            if check:
                sys.stderr.write(f"{folder / name}: differs from the code; run `make schemas`\n")
                status = 1
            elif name in files:
                (folder / name).write_bytes(files[name])
            else:
                (folder / name).unlink()
    return status


if __name__ == "__main__":
    sys.exit(main())
