"""`@copilotkit/aimock`, a mock of models' APIs that others wrote, for tests: installed once through npm (`tests/node`)."""

import atexit
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamguard.processes import die_with_parent
from tests.support.node import installed

ROOT = Path(__file__).parents[2]
NEEDED = ROOT / "tests" / "node"
START_SECONDS = 30.0
_LISTENS = re.compile(rb"listening on (http://127\.0\.0\.1:\d+)")


def package() -> Path:
    """The directory of the installed package; fetched on first use (about 2 s). Raises `Unavailable`."""
    return installed(NEEDED, "aimock") / "node_modules" / "@copilotkit" / "aimock"


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
