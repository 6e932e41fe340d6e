"""A shell at a terminal, as people have it: commands see a terminal of 120 columns where they write."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

from streamguard.processes import die_with_parent

COLUMNS, ROWS = 120, 40
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def typed(script: str, where: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit status of a script, and what stood on the terminal, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=where,
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=die_with_parent(),
    )
    os.close(theirs)
    came = bytearray()
    try:
        while piece := _read(ours):
            came += piece
    finally:
        os.close(ours)
    return process.wait(), _STEERING.sub("", came.decode(errors="replace").replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: nobody has it open any more
        return b""
