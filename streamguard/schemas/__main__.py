"""The command: writes what has drifted; with `--check` it only names that, and ends with status 1."""

import sys

from streamguard.resources import resource_dir
from streamguard.schemas.records import differing, generated


def main() -> int:
    folder = resource_dir("schemas") / "events"
    wanted = generated()
    names = differing(wanted, folder, "*.json")
    if "--check" in sys.argv[1:]:
        for name in names:
            sys.stderr.write(f"{folder / name}: differs from its record; run `make schemas`\n")
        return 1 if names else 0
    for name in names:
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
