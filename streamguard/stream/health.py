"""What a worker tells over HTTP: `/metrics` for Prometheus, `/ready` and `/live` for whoever watches processes.

Ready: everything was checked and each stage has taken the partitions that its group gave it, or stands by without any. It is
not ready while it waits for topics or takes partitions, which every rebalance brings along for a moment.
Alive: the event loop turns. What else can be stuck, the worker finds itself, and leaves.
"""

import errno
import socketserver
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from streamguard.clock import Clock
from streamguard.errors import ConfigError, StreamguardError

_BEAT = 1.0
ALIVE_SECONDS = 15.0
"""A loop that has not turned for longer hangs."""

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class PortTaken(StreamguardError):
    """Nothing can be served at the port: another process has it, such as one that is just ending, or it is reserved."""


class Settles(Protocol):
    """What health needs of an intake."""

    @property
    def settled(self) -> bool:
        """Whether it has taken the partitions it was given, if any."""
        ...


class Health:
    """Ask it from any thread."""

    def __init__(self, stages: Sequence[str], clock: Clock) -> None:
        self._intakes: dict[str, Settles | None] = dict.fromkeys(stages)
        self._clock = clock
        self._beat_at = clock.monotonic()
        self.address: str | None = None
        """Where it answers, once it serves."""

    def watch(self, stage: str, intake: Settles) -> None:
        """From now on this is the stage's intake."""
        self._intakes[stage] = intake

    async def beat(self) -> None:
        """Show that the loop turns, until cancelled."""
        while True:
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(_BEAT)

    def answer(self, path: str) -> tuple[str, str] | None:
        """The status line and body for `/ready` and `/live`, None for any other path."""
        if path == "/ready":
            waiting = [stage for stage, intake in self._intakes.items() if intake is None or not intake.settled]
            return (
                ("503 Service Unavailable", f"not ready: {', '.join(waiting)}\n") if waiting else ("200 OK", "ready\n")
            )
        if path == "/live":
            silent = self._clock.monotonic() - self._beat_at
            if silent > ALIVE_SECONDS:
                return "503 Service Unavailable", f"the event loop has not turned for {silent:.0f} s\n"
            return "200 OK", "alive\n"
        return None

    def serve(self, port: int, host: str = "127.0.0.1") -> None:
        """Answer at an IPv4 address in a thread of its own; port 0 takes a free one. Raises PortTaken, and ConfigError for a port
        that no machine has, as those of later processes can be."""
        metrics = make_wsgi_app()

        def application(environ: dict[str, object], start: StartResponse) -> Iterable[bytes]:
            answer = self.answer(str(environ.get("PATH_INFO", "")))
            if answer is None:
                return metrics(environ, start)
            start(answer[0], [("Content-Type", "text/plain; charset=utf-8")])  # the server adds to this very list
            return [answer[1].encode()]

        try:
            server = make_server(host, port, application, _Server, _Quiet)
        except OverflowError:
            told = f"worker.metrics_port: this process would have port {port}, and 65535 is the last; name a lower one"
            raise ConfigError(told) from None
        except OSError as error:
            key = "worker.metrics_port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "worker.metrics_host"
            raise PortTaken(f"{key}: no metrics at {host}:{port} ({error.strerror})") from None
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        self.address = f"{host}:{server.server_port}"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the standard error is the log's."""
