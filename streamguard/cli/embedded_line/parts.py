"""Everything that an embedded line consists of, each part as a supervised process: servers, workers, the sink."""

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from streamguard.cli.embedded_line.folder import Folder
from streamguard.cli.embedded_line.ports import free_ports
from streamguard.cli.embedded_line.settings import PARTITIONS, Addresses, line_settings, merged
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.cli.worker import MOST_PROCESSES
from streamguard.clock import Clock
from streamguard.config import plain_environment
from streamguard.errors import StreamguardError
from streamguard.processes import Command, GaveUp, RestartPolicy, Supervisor

_LISTENING = re.compile(rb"listening on (\S+:\d+)")
_START_SECONDS = 30.0
_READY_SECONDS = 90.0
_LOOK_SECONDS = 0.05
_JOIN_SECONDS = "1.5"
"""How long the embedded broker's groups wait for more members: as far apart as two workers may come up."""
_ONCE = RestartPolicy(failures=1)


class PartFailed(StreamguardError):
    """A process did not start or ended by itself. The message names it and what it said last; `status` is what a command
    ends with because of it."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Layout:
    """Which processes there are: `processes` workers with all stages each, or one worker for each of `stages`.

    `broker` is the address of a Kafka that runs already; None starts the embedded one. The simulator answers after 50 ms,
    log-normally spread by `latency_sigma`. With `payloads` a second store keeps the texts. `simulated` tells whether there is
    a simulator. Stores and simulator that end are started again when `mended` is set; else that is the end of the line, as
    the end of the broker always is. `extra` are changes of the workers' configuration.
    """

    processes: int = 2
    stages: tuple[str, ...] = ()
    seed: int = 1
    prefix: str = ""
    partitions: int = PARTITIONS
    broker: str | None = None
    latency_sigma: float = 0.3
    simulated: bool = True
    payloads: bool = False
    mended: bool = False
    instance: str = "demo"
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Parts:
    """`start` gives the addresses, `ready` waits for the workers; `watch` raises `PartFailed` as soon as something ends for
    good; always `stop` them.

    The embedded broker is never started again: what it held would be gone. A worker is. `on_restart` is called with a process's
    name and one line when it is about to be started again.
    """

    def __init__(
        self, folder: Folder, clock: Clock, layout: Layout, on_restart: Callable[[str, str], None] | None = None
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._layout = layout
        self._on_restart = on_restart
        self._servers = Supervisor(clock=clock, on_restart=self._restarting)
        self._workers = Supervisor(clock=clock, on_restart=self._restarting)
        self._started: list[str] = []
        self.restarts: Counter[str] = Counter()
        """How often each process was started again."""
        self.metrics: dict[str, str] = {}
        """Where each worker, and the sink, tells its metrics and whether it is ready: `host:port` by name."""

    async def start(self) -> Addresses:
        """Start everything. Returns when the servers listen; the workers, which start as soon as there is a broker, take longer.

        Raises `PartFailed` when a server does not come up.
        """
        layout = self._layout
        if layout.broker is None:
            wait = "0" if layout.stages or layout.processes == 1 else _JOIN_SECONDS
            partitions = str(layout.partitions)
            self._serve("broker", "--prefix", layout.prefix, "--partitions", partitions, "--wait", wait, policy=_ONCE)
        store, reading = self._store("store", self._folder.store)
        payloads, payloads_reading = self._store("payloads", self._folder.payloads) if layout.payloads else (None, None)
        simulator = self._simulator() if layout.simulated else None
        at = Addresses(
            broker=layout.broker or await self._address("broker"),
            store=store,
            simulator=simulator,
            reading=reading,
            payloads=payloads,
            payloads_reading=payloads_reading,
        )
        self._work(at)  # a store that is not there yet is waited for, like one that is down
        await asyncio.gather(*(self._address(name) for name in self._started))
        return at

    async def ready(self) -> None:
        """Return once every worker has taken its partitions, and the sink too. Raises `PartFailed` after a minute and a half."""
        until = self._clock.monotonic() + _READY_SECONDS
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while waiting := [name for name, address in self.metrics.items() if not await _is_ready(client, address)]:
                if self._clock.monotonic() > until:
                    raise PartFailed(f"not ready within {_READY_SECONDS:.0f} s: {', '.join(waiting)}")
                await self._clock.sleep(_LOOK_SECONDS)

    async def watch(self) -> None:
        """Until something has ended for good, which is always an error."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self._servers, self._workers)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        except GaveUp as error:
            lost = " what it held is gone, for it keeps everything in memory;" if error.process == "broker" else ""
            log = self._folder.log(error.process)
            raise PartFailed(f"{error};{lost} its last words are in {log}", error.status) from None
        finally:
            for wait in waits:
                wait.cancel()
        raise PartFailed("a process ended although nobody told it to")

    async def stop(self) -> None:
        """End everything: first those who write, then what they write to. Nothing is left running."""
        await self._workers.stop()
        await self._servers.stop()

    def hurry(self) -> None:
        """Kill what a running stop still waits for."""
        self._workers.hurry()
        self._servers.hurry()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name: `broker`, `store`, `payloads`, `simulator`, `sink`, `worker-0` and so on."""
        return {**self._servers.pids, **self._workers.pids}

    def _restarting(self, name: str, words: str) -> None:
        self.restarts[name] += 1
        if self._on_restart is not None:
            self._on_restart(name, words)

    def _store(self, name: str, path: Path) -> tuple[str, str]:
        port = free_ports(1)
        self._serve(name, "--path", str(path), "--port", str(port), "--read-only-port", str(port + 1), command="store")
        return f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"

    def _simulator(self) -> str:
        port = str(free_ports())
        layout = self._layout
        self._serve(
            "simulator", "--port", port, "--seed", str(layout.seed), "--latency-sigma", str(layout.latency_sigma)
        )
        return f"127.0.0.1:{port}"

    def _work(self, at: Addresses) -> None:
        workers = self._worker_arguments()
        first = free_ports(*range(1, len(workers)), MOST_PROCESSES)
        layout, file = self._layout, self._folder.config
        settings = line_settings(
            at, layout.prefix, embedded=layout.broker is None, instance=layout.instance, metrics_port=first
        )
        text = to_toml(merged(settings, layout.extra), "How the processes of this folder's line were configured.")
        try:  # it may hold keys
            with os.fdopen(
                os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as written:
                written.write(text)
        except OSError as error:
            raise PartFailed(f"{file}: cannot be written ({error.strerror})") from None
        config = ("--config", str(file))
        self._workers.add(self._command("sink", "sink", *config))
        self.metrics["sink"] = f"127.0.0.1:{first + MOST_PROCESSES}"
        for number, (name, arguments) in enumerate(workers.items()):
            self._workers.add(self._command(name, "worker", *config, *arguments))
            self.metrics[name] = f"127.0.0.1:{first + number}"

    def _worker_arguments(self) -> dict[str, tuple[str, ...]]:
        """One process a stage where stages are named, else processes that run all of them."""
        if self._layout.stages:
            return {
                f"worker-{stage}": ("--number", str(number), "--stage", stage)
                for number, stage in enumerate(self._layout.stages)
            }
        return {f"worker-{number}": ("--number", str(number)) for number in range(self._layout.processes)}

    def _serve(self, name: str, *arguments: str, command: str = "", policy: RestartPolicy | None = None) -> None:
        self._started.append(name)
        policy = policy or (None if self._layout.mended else _ONCE)
        self._servers.add(self._command(name, command or name, *arguments), policy)

    def _command(self, name: str, *arguments: str) -> Command:
        return Command(
            name,
            [sys.executable, "-m", "streamguard", *arguments],
            environment=plain_environment(),
            output=self._folder.log(name),
            lasting=True,
        )

    async def _address(self, name: str) -> str:
        """What the server says that it listens on."""
        failed = asyncio.ensure_future(self._servers.wait())
        try:
            for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
                if found := _LISTENING.search(_read(self._folder.log(name))):
                    return found[1].decode()
                if failed.done():
                    dead = next((each for each in self._started if each not in self._servers.pids), name)
                    raise PartFailed(f"the {dead} did not start: {_last_words(self._folder.log(dead))}")
                await self._clock.sleep(_LOOK_SECONDS)
            raise PartFailed(f"the {name} did not start within {_START_SECONDS:.0f} s; see {self._folder.log(name)}")
        finally:
            failed.cancel()
            await asyncio.gather(failed, return_exceptions=True)


async def _is_ready(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"http://{address}/ready")).is_success
    except httpx.HTTPError:  # it does not serve yet
        return False


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _last_words(file: Path) -> str:
    lines = _read(file).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
