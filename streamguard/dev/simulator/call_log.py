"""The log of calls on disk, so that the simulator itself can be killed and its books still hold every call."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


class CallLog:
    """A file of calls, one line for each thing that is known of one; the last line of a call holds. Written at once and
    without a buffer: what was noted outlives the process. Raises `OSError` where the file cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._file, path.read_bytes().rfind(b"\n") + 1)  # half a line would spoil the next one

    def note(self, call: Mapping[str, Any]) -> None:
        """Write down how a call stands."""
        os.write(self._file, orjson.dumps(call) + b"\n")

    def read(self) -> list[dict[str, Any]]:
        """How each call stood last, in the order in which they came. A line that was being written is left out."""
        calls: dict[int, dict[str, Any]] = {}
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            call = orjson.loads(line)
            calls[call["seq"]] = call
        return [calls[seq] for seq in sorted(calls)]
