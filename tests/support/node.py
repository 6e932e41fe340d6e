"""Packages of Node for tests: what a folder's `package-lock.json` names, installed once through npm."""

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.unavailable import Unavailable

CACHE = Path(__file__).parents[2] / ".cache"
OLDEST = (20, 15)


def installed(folder: Path, name: str) -> Path:
    """A directory that holds the `node_modules` of a folder's lock; fetched on first use (a few seconds), kept as `name`.

    Raises `Unavailable`: no Node, one that is too old, or npm cannot fetch them.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise Unavailable(f"Node {version.strip()} is too old")
    kept = CACHE / name
    directory = kept / hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    complete = directory / "complete"
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # several test processes may come here at once
        if not complete.exists():
            directory.mkdir(exist_ok=True)
            for file in ("package.json", "package-lock.json"):
                shutil.copy(folder / file, directory / file)
            fetched = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=directory,
                capture_output=True,
                text=True,
                check=False,
            )
            if fetched.returncode:
                raise Unavailable(f"npm cannot install {name}: {(fetched.stdout + fetched.stderr)[-400:]}")
            complete.touch()
    return directory
