"""What the image installs: the parts of `requirements.lock` that run streamguard, and those that build its wheel.

`python -m deploy.locks` writes `deploy/image/runtime.lock` and `build.lock`; `--check` only compares, and names what is stale
with status 1. Versions and hashes come from `requirements.lock` alone; which packages are needed, from `pyproject.toml` and the
metadata of what is installed. Run it in the environment that the lock describes.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==")
_MACHINES = ("x86_64", "aarch64")
"""An image may be built for either; what only one of them needs is in the lock, and pip passes it over on the other."""


def read_lock(text: str) -> dict[str, str]:
    """The entries of a lock by canonical name: pin and hashes, as they stand. Raises `ValueError` for anything else in it."""
    entries: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if pinned := _PIN.match(line):
            name = canonicalize_name(pinned[1])
            entries[name] = line
        elif name and line.startswith(" "):
            entries[name] += line
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{line.strip()!r} is no pin with hashes")
    return entries


def closure(roots: Iterable[str]) -> set[str]:
    """The canonical names of all that `roots` need at run time on Linux: requirements as in `pyproject.toml`.

    Raises `PackageNotFoundError` for one that is not installed here.
    """
    found: dict[str, set[str]] = {}
    waiting = [Requirement(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = found.get(name, {"-"}) | wanted.extras
        if found.get(name) == extras:
            continue
        found[name] = extras
        inner = (Requirement(line) for line in requires(name) or ())
        waiting += [needed for needed in inner if any(_applies(needed, extra) for extra in ("", *extras))]
    return set(found)


def locks(root: Path) -> Mapping[Path, str]:
    """What the files of a checkout should hold. Raises `ValueError` for a package that `requirements.lock` lacks."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    entries = read_lock((root / "requirements.lock").read_text())
    image = root / "deploy" / "image"
    wanted = {
        image / "runtime.lock": closure(project["project"]["dependencies"]),
        image / "build.lock": closure(project["build-system"]["requires"]),
    }
    for names in wanted.values():
        if missing := sorted(names - entries.keys()):
            raise ValueError(f"requirements.lock lacks {', '.join(missing)}")
    head = "# From requirements.lock, by `make locks`.\n"
    return {file: head + "".join(entries[name] for name in sorted(names)) for file, names in wanted.items()}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """The command, on the checkout at `root`; returns its status."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m deploy.locks [--check]", file=sys.stderr)
        return 2
    stale = {file: text for file, text in locks(root).items() if not file.exists() or file.read_text() != text}
    for file, text in stale.items():
        if arguments:
            print(f"{file.relative_to(root)} is stale: make locks", file=sys.stderr)
        else:
            file.write_text(text)
    return int(bool(arguments and stale))


def _applies(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    linux = {"extra": extra, "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return any(marker.evaluate({**linux, "platform_machine": machine}) for machine in _MACHINES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
