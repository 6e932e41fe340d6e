"""Processes whose wall clock jumps while they run: libfaketime, loaded into them before they start.

The machine's own clock is never touched, and monotonic clocks go on as they are, so that timers, sleeps and timeouts keep
their length, as on a machine whose clock was set.
"""

import atexit
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.unavailable import Unavailable

SEEN_WITHIN = 1.0
"""Seconds until a running process knows of a jump: the library looks at its file once a second, and is cheap therefore."""

_SHARED_MEMORY = Path("/dev/shm")
_PROBE_SECONDS = 3600.0


class FakeTime:
    """The wall clock of all processes that are started with its `environment`, their children included.

    It starts out as the machine's. `jump` and `back` hold for those that run and for those started later.
    """

    def __init__(self, directory: Path) -> None:
        """Keep the clock's state in `directory`. Raises `Unavailable` where the library is missing or has no effect."""
        self._library = library()
        self._file = directory / "faketime"
        directory.mkdir(parents=True, exist_ok=True)
        self.jump(_PROBE_SECONDS)
        if abs(_clock_in(self.environment()) - time.time() - _PROBE_SECONDS) > _PROBE_SECONDS / 2:
            raise Unavailable("libfaketime has no effect here: is it built for this machine?")
        self.back()
        _sweep()
        atexit.register(_sweep)

    def environment(self) -> Mapping[str, str]:
        """What to add to the environment of a process."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "0",  # its file is read again as soon as another second begins, not at every look
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            # files keep their true times: Python would take its compiled modules for stale, and write them anew, wrong
            "NO_FAKE_STAT": "1",
            "FAKE_UTIME": "0",
        }

    def jump(self, seconds: float) -> None:
        """From now on the wall clock is `seconds` ahead of the machine's, or behind it. Seen within `SEEN_WITHIN`."""
        unfinished = self._file.with_suffix(".part")
        unfinished.write_text(f"{seconds:+f}\n")
        unfinished.replace(self._file)  # a process that reads meanwhile finds the old or the new, never half of it

    def back(self) -> None:
        """From now on it is the machine's again."""
        self.jump(0)


def library() -> Path:
    """The shared library that the package `libfaketime` brings. Raises `Unavailable`."""
    if not sys.platform.startswith("linux"):
        raise Unavailable("libfaketime is loaded with LD_PRELOAD: Linux only")
    package = importlib.util.find_spec("libfaketime")
    if package is None or package.origin is None:
        raise Unavailable("the package libfaketime is not installed")
    found = Path(package.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    if not found.is_file():
        raise Unavailable("the package libfaketime has no library for this system")
    return found


def _clock_in(environment: Mapping[str, str]) -> float:
    """The wall clock of a small process."""
    program = [sys.executable, "-S", "-c", "import time; print(time.time())"]
    run = subprocess.run(program, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    try:
        return float(run.stdout)
    except ValueError:
        raise Unavailable("no process starts with libfaketime loaded") from None


def _sweep() -> None:
    """Remove what killed processes could not: the library keeps a semaphore and a few bytes for each in shared memory."""
    for left in [*_SHARED_MEMORY.glob("sem.faketime_sem_*"), *_SHARED_MEMORY.glob("faketime_shm_*")]:
        process = left.name.rpartition("_")[2]
        if process.isdecimal() and not Path("/proc", process).exists():
            with suppress(FileNotFoundError, PermissionError):
                left.unlink()
