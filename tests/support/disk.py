"""A disk that fills up, and one that is slow, under processes that run.

Full: a small file system in memory, in a namespace of its own, with a ballast file: programs meet the true ENOSPC and see the
true room that is left, and it takes no rights (where user namespaces are allowed). A limit on the size of files
(`RLIMIT_FSIZE`) needs nothing at all, but it cannot be used: the embedded engine asks for room first and does not hear a
`write` that fails after it. It acknowledges the insert and commits a part that makes its table unreadable. For the same
reason the ballast leaves a little: a merge that is under way must be able to end.

Slow: the whole process stands still for most of each tenth of a second. A slow device would do the same to the store, whose
engine is one thread, and slowing one down takes rights that tests do not have.
"""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.unavailable import Unavailable

LEFT = 4 << 20
"""Bytes that the ballast of a full disk leaves: less than the store needs to take an insert."""

_TOOLS = ("unshare", "nsenter", "setpriv", "mount")
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")  # who enters a namespace has to ask for it again
_PULSE = 0.1
_CHUNK = 1 << 20


class SmallDisk:
    """A file system of `megabytes` at `path`, for processes that are started with `command`. Close it after they have ended.

    It outlives them: one that is killed and started again finds what it wrote. Blocks for some milliseconds. Use it from a
    thread that lives as long as it should.
    """

    def __init__(self, path: Path, *, megabytes: int = 256) -> None:
        """Make it. Raises `Unavailable` where namespaces are not allowed or tools are missing."""
        for tool in _TOOLS:
            if not sys.platform.startswith("linux") or shutil.which(tool) is None:
                raise Unavailable(f"there is no {tool}: a small disk needs Linux and util-linux")
        path.mkdir(parents=True, exist_ok=True)
        self.path = path.resolve()
        script = 'mount -t tmpfs -o "size=$1m" small-disk "$2" && echo ready && exec sleep infinity'
        inside = ["unshare", "--user", "--map-root-user", "--mount", *_DIE_WITH_PARENT]
        self._holder = subprocess.Popen(
            [*inside, "sh", "-c", script, "sh", str(megabytes), str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline().strip() != b"ready":
            self.close()
            raise Unavailable("no small disk can be mounted here: user namespaces are not allowed")

    def command(self, arguments: Sequence[str]) -> list[str]:
        """How to start a program that sees the disk. The process is the program's own: no other stands in between."""
        inside = [
            "nsenter",
            "--target",
            str(self._holder.pid),
            "--user",
            "--mount",
            "--preserve-credentials",
            "--wdns=/",
        ]
        return [*inside, *_DIE_WITH_PARENT, *arguments]

    @property
    def outside(self) -> Path:
        """The same directory as seen by processes outside, this one too."""
        return Path(f"/proc/{self._holder.pid}/root{self.path}")

    @property
    def free(self) -> int:
        """Bytes that are left."""
        disk = os.statvfs(self.outside)
        return disk.f_bavail * disk.f_frsize

    def fill(self, *, leave: int = LEFT) -> None:
        """Leave so many bytes, until `relieve`. Raises `OSError` when it cannot be filled."""
        with (self.outside / "ballast").open("ab", buffering=0) as ballast:
            try:
                while (room := self.free - leave) > 0:
                    ballast.write(b"\0" * min(room, _CHUNK))
            except OSError as error:
                if error.errno != errno.ENOSPC:  # that: somebody else was quicker, and it is full all the same
                    raise

    def relieve(self) -> None:
        """Take the ballast away."""
        (self.outside / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it and of everything on it. Twice does nothing."""
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def slow(pid: int, seconds: float, share: float = 0.9) -> None:
    """For `seconds` a process works only a share of `1 - share` of the time. It goes on in any case, also when cancelled.

    Ends early when the process does.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    try:
        while loop.time() < until:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(_PULSE * share)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(_PULSE * (1 - share))
    except ProcessLookupError:
        return
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
