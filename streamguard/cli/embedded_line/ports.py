"""Ports for servers that shall come back at the same address when they are started again."""

import random
import socket
from collections.abc import Sequence

from streamguard.errors import StreamguardError

_FROM, _TO = 20_000, 32_000
"""Below those that systems hand out for connections, so that nobody is given one between the look and its use."""
_TRIES = 200


class NoPort(StreamguardError):
    """No free port was found on 127.0.0.1."""


def free_ports(*steps: int, draw: random.Random | None = None) -> int:
    """A port of 127.0.0.1 that is free, as are those so many `steps` after it. Raises `NoPort`."""
    draw = draw or random.Random()
    for _ in range(_TRIES):
        port = draw.randrange(_FROM, _TO - max(steps, default=0))
        if _all_free([port, *(port + step for step in steps)]):
            return port
    raise NoPort(f"no free port on 127.0.0.1 between {_FROM} and {_TO}")


def _all_free(ports: Sequence[int]) -> bool:
    for port in ports:
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just ended does not count
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
