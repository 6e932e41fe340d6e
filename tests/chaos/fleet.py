"""The processes of a run of chaos over brokers that run: simulator, store, sink and workers of different stages."""

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from streamguard.cli.embedded_line.settings import Addresses, line_settings
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.clock import SystemClock
from streamguard.config import Cluster, plain_environment
from streamguard.processes import Command, RestartPolicy, Supervisor
from streamguard.stream.flow import FLOW
from streamguard.stream.readiness import until_stages_work
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from tests.support.disk import SmallDisk

PARTITIONS = 6
SESSION = 5.0
STOP_SECONDS = 20.0
"""After SIGTERM a worker has ended by itself within this, whatever happens: it gives up after 15 s."""
START_SECONDS = 60.0
_POLL = 0.05
_FAULTS = ("cut_stream=0.05", "stream_error=0.02", "no_usage=0.01", "server_error=0.01")
"""What befalls calls of models at all times."""


@dataclass(frozen=True, slots=True)
class Member:
    """A worker: its stages, its brokers' address (None: the cluster's own), and what its environment has beside ours."""

    name: str
    stages: Sequence[str] = tuple(FLOW)
    brokers: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    spare: bool = False
    """It is not there from the beginning: it joins and leaves."""


class Fleet:
    """Use as an async context manager: entered, the line works; left, nothing of it runs.

    Whatever fails by itself or is killed is started again. `exits` counts how processes ended that nobody told to.
    """

    def __init__(
        self,
        brokers: str,
        directory: Path,
        members: Sequence[Member],
        *,
        prefix: str,
        replication: int = 1,
        disk: SmallDisk | None = None,
    ) -> None:
        """`disk`: where the store keeps its data; None: in `directory`."""
        self.brokers, self.directory, self.disk = brokers, directory, disk
        self.topics = Topics.load(prefix)
        self.members = {member.name: member for member in members}
        self.exits: Counter[str] = Counter()
        self._replication = replication
        self._store, self._simulator = (f"127.0.0.1:{port}" for port in _free_ports(2))
        self._supervisor = _Watched(self.exits)

    async def __aenter__(self) -> "Fleet":
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in self.pids:
            self.thaw(name)
        await self._supervisor.stop()

    async def _start(self) -> None:
        await create_missing(Cluster(self.brokers), self.topics, partitions=PARTITIONS, replication=self._replication)
        for member in self.members.values():
            self._write_config(member)
        for name in ("simulator", "store"):
            self.start(name)
        async with asyncio.timeout(START_SECONDS):
            while not await self._servers_answer():
                await asyncio.sleep(_POLL)
        for name in ("sink", *(name for name, member in self.members.items() if not member.spare)):
            self.start(name)
        await until_stages_work(Cluster(self.brokers), self.topics, SystemClock(), seconds=START_SECONDS)

    # -- what there is -------------------------------------------------------------------------------------------------

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of those that run, by name: `simulator`, `store`, `sink` and the members'."""
        return dict(self._supervisor.pids)

    @property
    def workers(self) -> list[str]:
        """Names of the workers that run."""
        return [name for name in self.members if name in self._supervisor.pids]

    @property
    def given_up(self) -> list[str]:
        """Those that are not started again any more, and why."""
        return self._supervisor.given_up

    @property
    def store(self) -> str:
        return self._store

    @property
    def simulator(self) -> str:
        return self._simulator

    def config(self, member: str) -> Path:
        return self.directory / f"{member}.toml"

    def log(self, name: str) -> Path:
        """What a process prints."""
        return self.directory / f"{name}.log"

    def trap(self, worker: str) -> Path:
        """While this file exists, the worker freezes the next time it asks to join a group."""
        return self.directory / f"freeze-{worker}"

    # -- what can be done ----------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a process that does not run; it is kept running from now on."""
        self._supervisor.add(self.command(name))

    async def stop(self, name: str) -> None:
        """An orderly end; it stays away."""
        await self._supervisor.stop(name)

    async def take_away(self, name: str) -> None:
        """SIGKILL, and it stays away until it is started."""
        await self.running(name)
        self.kill(name)
        await self._supervisor.stop(name)

    async def restart(self, name: str) -> None:
        """SIGTERM, and once it has ended, a fresh one. Returns when that one has a process."""
        await self._supervisor.stop(name)
        self.start(name)
        await self.running(name)

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again. Raises `LookupError` when it does not run: nothing would be struck."""
        self._supervisor.expected.add(self._pid(name))
        os.kill(self._pid(name), signal.SIGKILL)

    def freeze(self, name: str) -> None:
        """Raises `LookupError` when it does not run."""
        os.kill(self._pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Does nothing when it does not run: what was frozen has been killed."""
        with suppress(LookupError, ProcessLookupError):
            os.kill(self._pid(name), signal.SIGCONT)

    async def running(self, name: str) -> int:
        """Until it has a process; its id."""
        async with asyncio.timeout(START_SECONDS):
            while name not in self._supervisor.pids:
                await asyncio.sleep(_POLL)
        return self._supervisor.pids[name]

    async def working(self, name: str, since: int = 0) -> None:
        """Until a worker's log tells, beyond its first `since` bytes, that all that its stages rely on is there."""
        async with asyncio.timeout(START_SECONDS):
            while not self.log(name).exists() or b'"metrics served"' not in self.log(name).read_bytes()[since:]:
                await asyncio.sleep(_POLL)

    async def frozen(self, name: str, seconds: float = 30.0) -> None:
        """Until it has been stopped, by its trap. Raises `TimeoutError`."""
        process = psutil.Process(await self.running(name))
        async with asyncio.timeout(seconds):
            while process.status() != psutil.STATUS_STOPPED:
                await asyncio.sleep(_POLL)

    async def outage(self, fault: str, seconds: float) -> None:
        """All calls of models meet `fault` for so long."""
        body = {"provider": "*", "model": "*", "fault": fault, "seconds": seconds}
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(f"http://{self.simulator}/_sim/outage", json=body)).raise_for_status()

    async def refuse(self, seconds: float) -> None:
        """For so long nobody listens where the models were."""
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(f"http://{self.simulator}/_sim/refuse", json={"seconds": seconds})).raise_for_status()

    async def calls(self) -> list[dict[str, Any]]:
        """The simulator's own log of all calls that have ended."""
        async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
            return (await client.get(f"http://{self.simulator}/_sim/calls", params={"detail": "1"})).json()["detail"]

    def beside(self, name: str, *arguments: str) -> Command:
        """A process that is none of the fleet's."""
        program = [sys.executable, "-m", "streamguard", *arguments]
        return Command(name, program, environment=plain_environment(), output=self.log(name))

    def command(self, name: str) -> Command:
        """How a process of this name is started."""
        environment, program = plain_environment(), [sys.executable, "-m", "streamguard"]
        match name:
            case "simulator":
                port = self._simulator.rpartition(":")[2]
                arguments = ["simulator", "--latency-ms", "50", "--latency-sigma", "0.5", "--port", port]
                arguments += ["--log", str(self.directory / "calls.log")]
                arguments += [part for fault in _FAULTS for part in ("--fault", fault)]
            case "store":
                port = self._store.rpartition(":")[2]
                home = self.directory if self.disk is None else self.disk.path
                arguments = ["store", "--path", str(home / "store"), "--port", port]
            case "sink":
                arguments = ["sink", "--config", str(self.config(next(iter(self.members))))]
            case _:
                member = self.members[name]
                stages = [part for stage in member.stages for part in ("--stage", stage)]
                number = str(list(self.members).index(name))
                arguments = ["worker", "--config", str(self.config(name)), "--number", number, *stages]
                environment |= member.environment
                program = [sys.executable, "-m", "tests.support.trapped", str(self.trap(name))]
        program += arguments
        if name == "store" and self.disk is not None:
            program = self.disk.command(program)
        return Command(name, program, environment=environment, output=self.log(name))

    def _pid(self, name: str) -> int:
        if (pid := self._supervisor.pids.get(name)) is None:
            raise LookupError(f"{name} does not run")
        return pid

    async def _servers_answer(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                await client.get(f"http://{self.simulator}/_sim/health")
                return (await client.get(f"http://{self.store}/ping")).is_success
            except httpx.HTTPError:
                return False

    def _write_config(self, member: Member) -> None:
        at = Addresses(broker=member.brokers or self.brokers, store=self.store, simulator=self.simulator)
        settings = line_settings(at, self.topics.prefix, embedded=False)
        changes: dict[str, dict[str, Any]] = {
            "kafka": {"session": SESSION},
            # a hanging provider must not outlast the run: a whole pyramid of calls ends within six seconds
            "invoke": {"timeout": 6.0, "fallback_timeout": 1.0},
            "invoke.batch": {"timeout": 6.0},
        }
        for section, values in changes.items():
            before = settings.get(section, {})
            assert isinstance(before, dict)
            settings[section] = {**before, **values}
        routes: Any = settings["routes"]
        settings["routes"] = {
            name: [{**candidate, "timeout": 2.0} for candidate in candidates] for name, candidates in routes.items()
        }
        self.config(member.name).write_text(to_toml(settings))


class _Watched(Supervisor):
    """Counts how processes end that nobody told to end."""

    def __init__(self, exits: Counter[str]) -> None:
        super().__init__(policy=RestartPolicy(first_pause=0.1, longest_pause=0.5, failures=10_000), grace=STOP_SECONDS)
        self._exits = exits
        self.expected: set[int] = set()
        """Process ids that have been killed on purpose."""

    @property
    def given_up(self) -> list[str]:
        ended = [task for task in self._kept.values() if task.done() and not task.cancelled()]
        return [str(error) for task in ended if (error := task.exception()) is not None]

    async def _once(self, command: Command) -> int:
        status = await super()._once(command)
        process = self._processes.get(command.name)
        if status != 0 and process is not None and process.pid not in self.expected:
            self._exits[f"{command.name} with status {status}"] += 1
        return status


def _free_ports(count: int) -> list[int]:
    """Servers that are killed must come back at their addresses, so these are chosen beforehand."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
