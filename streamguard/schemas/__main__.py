"""The command: writes what has drifted; with `--check` it only names that, and ends with status 1."""

import sys
from collections.abc import Iterator
from pathlib import Path

from streamguard.resources import resource_dir
from streamguard.schemas.asyncapi import document
from streamguard.schemas.picture import picture
from streamguard.schemas.records import differing, generated
from streamguard.schemas.tables import filled

Files = dict[str, bytes]


def wanted(schemas: Path) -> Iterator[tuple[Path, str, Files]]:
    """What should lie where: a folder, the pattern of names that are ours in it, and the files. `docs/` stands beside the folder
    `schemas` in a repository, and is nowhere in an installed wheel."""
    yield schemas / "events", "*.json", generated()
    yield schemas, "asyncapi.json", {"asyncapi.json": document()}
    page = schemas.parent / "docs" / "first-request.md"
    if page.exists():
        yield page.parent, page.name, {page.name: filled(page.read_text()).encode()}
        yield page.parent, "flow.svg", {"flow.svg": picture()}


def main() -> int:
    check, status = "--check" in sys.argv[1:], 0
    for folder, pattern, files in wanted(resource_dir("schemas")):
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
