"""Everything that runs beside the demo, each as a supervised process: servers, workers, the sink."""

import asyncio
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamguard.cli.demo.folder import Folder
from streamguard.cli.demo.settings import PARTITIONS, PREFIX, Addresses, demo_settings, to_toml
from streamguard.clock import Clock
from streamguard.config import plain_environment
from streamguard.errors import StreamguardError
from streamguard.processes import Command, GaveUp, RestartPolicy, Supervisor

_LISTENING = re.compile(rb"listening on (\S+:\d+)")
_START_SECONDS = 30.0
_JOIN_SECONDS = "1.5"
"""How long the embedded broker's groups wait for more members: as far apart as two workers may come up."""


class PartFailed(StreamguardError):
    """A process of the demo did not start or ended by itself. The message names it and what it said last."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which processes there are: `processes` workers with all stages each, or one worker for each of `stages`.

    `broker` is the address of a Kafka that runs already; None starts the embedded one. The simulator answers after 50 ms,
    log-normally spread by `latency_sigma`. `extra` are further sections of the workers' configuration.
    """

    processes: int = 2
    stages: tuple[str, ...] = ()
    seed: int = 1
    prefix: str = PREFIX
    broker: str | None = None
    latency_sigma: float = 0.3
    extra: Mapping[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


class Parts:
    """`start` gives the addresses; `watch` raises `PartFailed` as soon as something ends for good; always `stop` them.

    A server that ends is not started again: what the broker held would be gone. A worker is.
    """

    def __init__(self, folder: Folder, clock: Clock, layout: Layout) -> None:
        self._folder = folder
        self._clock = clock
        self._layout = layout
        self._servers = Supervisor(policy=RestartPolicy(failures=1), clock=clock)
        self._workers = Supervisor(clock=clock)
        self._started: list[str] = []

    async def start(self) -> Addresses:
        """Start everything, servers first. Returns when the servers listen; the workers take a moment longer.

        Raises `PartFailed` when a server does not come up.
        """
        layout = self._layout
        if layout.broker is None:
            wait = "0" if layout.stages or layout.processes == 1 else _JOIN_SECONDS
            self._serve("broker", "--prefix", layout.prefix, "--partitions", str(PARTITIONS), "--wait", wait)
        self._serve("store", "--path", str(self._folder.store))
        self._serve("simulator", "--seed", str(layout.seed), "--latency-sigma", str(layout.latency_sigma))
        store, simulator = await asyncio.gather(self._address("store"), self._address("simulator"))
        at = Addresses(broker=layout.broker or await self._address("broker"), store=store, simulator=simulator)
        self._folder.config.write_text(
            to_toml({**demo_settings(at, layout.prefix, embedded=layout.broker is None), **layout.extra}),
            encoding="utf-8",
        )
        config = ("--config", str(self._folder.config))
        self._workers.add(self._command("sink", "sink", *config))
        for name, arguments in self._worker_arguments().items():
            self._workers.add(self._command(name, "worker", *config, *arguments))
        return at

    async def watch(self) -> None:
        """Until something has ended for good, which is always an error."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self._servers, self._workers)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        except GaveUp as error:
            raise PartFailed(f"{error}; its last words are in {self._folder.path / 'logs'}") from None
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
        """The process ids by name: `broker`, `store`, `simulator`, `sink`, `worker-0` and so on."""
        return {**self._servers.pids, **self._workers.pids}

    def _worker_arguments(self) -> dict[str, tuple[str, ...]]:
        """One process a stage where stages are named, else processes that run all of them."""
        if self._layout.stages:
            return {
                f"worker-{stage}": ("--number", str(number), "--stage", stage)
                for number, stage in enumerate(self._layout.stages)
            }
        return {f"worker-{number}": ("--number", str(number)) for number in range(self._layout.processes)}

    def _serve(self, name: str, *arguments: str) -> None:
        self._started.append(name)
        self._servers.add(self._command(name, name, *arguments))

    def _command(self, name: str, *arguments: str) -> Command:
        return Command(
            name,
            [sys.executable, "-m", "streamguard", *arguments],
            environment=plain_environment(),
            output=self._folder.log(name),
        )

    async def _address(self, name: str) -> str:
        """What the server says that it listens on."""
        failed = asyncio.ensure_future(self._servers.wait())
        try:
            for _ in range(int(_START_SECONDS / 0.05)):
                if found := _LISTENING.search(_read(self._folder.log(name))):
                    return found[1].decode()
                if failed.done():
                    dead = next((each for each in self._started if each not in self._servers.pids), name)
                    raise PartFailed(f"the {dead} did not start: {_last_words(self._folder.log(dead))}")
                await self._clock.sleep(0.05)
            raise PartFailed(f"the {name} did not start within {_START_SECONDS:.0f} s; see {self._folder.log(name)}")
        finally:
            failed.cancel()
            await asyncio.gather(failed, return_exceptions=True)


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _last_words(file: Path) -> str:
    lines = _read(file).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
