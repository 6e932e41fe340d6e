"""`@copilotkit/aimock`, a mock of models' APIs that others wrote, for tests: installed once through npm (`tests/node`)."""

import atexit
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamguard.processes import die_with_parent
from tests.support.unavailable import Unavailable

ROOT = Path(__file__).parents[2]
NEEDED = ROOT / "tests" / "node"
CACHE = ROOT / ".cache" / "aimock"
START_SECONDS = 30.0
_NODE = (20, 15)
_LISTENS = re.compile(rb"listening on (http://127\.0\.0\.1:\d+)")


def package() -> Path:
    """The directory of the installed package; fetched on first use (about 2 s). Raises `Unavailable`."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    if tuple(numbers) < _NODE:
        raise Unavailable(f"Node {version.strip()} is too old")
    lock = (NEEDED / "package-lock.json").read_bytes()
    directory = CACHE / hashlib.sha256(lock).hexdigest()[:12]
    complete = directory / "complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # several test processes may come here at once
        if not complete.exists():
            directory.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NEEDED / name, directory / name)
            fetched = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=directory,
                capture_output=True,
                text=True,
                check=False,
            )
            if fetched.returncode:
                raise Unavailable(f"npm cannot install aimock: {(fetched.stdout + fetched.stderr)[-400:]}")
            complete.touch()
    return directory / "node_modules" / "@copilotkit" / "aimock"


class Aimock:
    """The mock as a process of its own, on a free port, until `stop`; it ends with its parent, however that ends."""

    def __init__(self, directory: Path, fixtures: Sequence[Mapping[str, Any]], key: str) -> None:
        """Start it with these fixtures, kept in `directory`; it answers who has `key`. Raises `Unavailable` where it cannot be
        had."""
        told, output = directory / "fixtures.json", directory / "output"
        told.write_bytes(orjson.dumps({"fixtures": fixtures}))
        command = ["node", str(package() / "dist" / "cli.js"), "--port", "0", "--strict", "--fixtures", str(told)]
        with output.open("wb") as kept:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=kept,
                stderr=kept,
                env={**os.environ, "AIMOCK_API_KEYS": key},
                preexec_fn=die_with_parent(),
            )
        atexit.register(self.stop)
        deadline = time.monotonic() + START_SECONDS
        while (listens := _LISTENS.search(output.read_bytes())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"aimock does not start: {output.read_bytes()[-400:]!r}")
            time.sleep(0.02)
        self.url = listens[1].decode()

    def stop(self) -> None:
        """End it. Idempotent."""
        self._process.kill()
        self._process.wait()
