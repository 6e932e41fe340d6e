"""A supervisor of child processes."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None]:
    """What a child does before it becomes another program (`preexec_fn`), so that it is killed when its parent ends.

    Linux only; elsewhere it does nothing. The parent is the thread that starts the child: start children from one that
    lives as long as they should.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    prctl = getattr(libc, "prctl", None)
    parent = os.getpid()

    def before_exec() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before it could be watched
                os._exit(1)

    return before_exec
