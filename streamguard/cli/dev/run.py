"""One run of `streamguard dev`: start everything, say when it is ready, tell how it stands, leave nothing running."""

import os
import shlex
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import httpx

from streamguard.cli.dev.looking import EndedView, memory_of, rows_kept
from streamguard.cli.dev.own import Own
from streamguard.cli.dev.state import State
from streamguard.cli.embedded_line.folder import ENVIRONMENT, Folder
from streamguard.cli.embedded_line.parts import Layout, PartFailed, Parts
from streamguard.cli.embedded_line.running import Interrupted, first_of, told_to_stop, unless_told
from streamguard.cli.embedded_line.settings import Addresses
from streamguard.clock import Clock
from streamguard.config import CONFIG_FILE, Cluster
from streamguard.stream.standing import LineView
from streamguard.stream.topics import Topics

_FLUSH = 0.5
"""Seconds that rows wait for more: who develops wants to see theirs."""
_SESSION = 6.0
"""Seconds after which a killed worker's partitions are given to the one that follows it."""


@dataclass(frozen=True, slots=True)
class Options:
    """`every`: seconds from one line of state to the next."""

    processes: int = 1
    partitions: int = 4
    every: float = 60.0


class DevRun:
    """`until_stopped` is all of it. `say` prints a line."""

    def __init__(self, options: Options, own: Own, folder: Folder, say: Callable[[str], None], clock: Clock) -> None:
        self._options, self._own, self._folder, self._say, self._clock = options, own, folder, say, clock
        self._incarnation = _stamp(clock)
        layout = Layout(
            processes=options.processes,
            partitions=options.partitions,
            simulated=own.simulated,
            payloads=True,
            mended=True,
            instance="dev",
            extra={
                **own.sections,
                "kafka": {"session": _SESSION, "incarnation": self._incarnation},
                "clickhouse": {"flush_seconds": _FLUSH},
            },
        )
        self._parts = Parts(folder, clock, layout, self._restarted)

    async def until_stopped(self) -> None:
        """Until SIGINT or SIGTERM; a second signal kills what has not stopped yet.

        Raises `PartFailed` when something ended that is not started again, after everything else was stopped.
        """
        with told_to_stop(self._parts.hurry) as told:
            try:
                await unless_told(told, self._run())
            except Interrupted:
                pass
            finally:
                (self._folder.path / ENVIRONMENT).unlink(missing_ok=True)  # nothing is there any more
                self._say("stopping everything")
                await self._parts.stop()
                self._say(f"stopped; {self._folder.path} keeps what the stores hold, what the broker held is gone")

    async def _run(self) -> None:
        begun = self._clock.monotonic()
        simulator = "simulator, " if self._own.simulated else ""
        count = self._options.processes
        workers = "a worker" if count == 1 else f"{count} workers"
        self._say(
            f"starting broker, two stores, {simulator}sink and {workers}; logs are in {self._folder.path / 'logs'}"
        )
        for section in self._own.ignored:
            self._say(f"[{section}] of your configuration is not used: broker, stores and processes are dev's own")
        if self._own.variables:
            said = ", ".join(self._own.variables)
            self._say(f"{said} of the environment set nothing here: dev takes a file, by --config")
        at = await self._parts.start()
        await first_of(self._watched(begun, at), self._parts.watch())

    async def _watched(self, begun: float, at: Addresses) -> None:
        assert at.reading is not None, "dev's layout has it"
        await self._tell_what_was_kept(at)
        await self._parts.ready()
        topics = Topics.load()
        async with AsyncExitStack() as stack:
            line = await stack.enter_async_context(LineView(Cluster(at.broker), topics, self._options.partitions))
            ended = EndedView(at.reading, f"{topics.full('telemetry')}@{self._incarnation}", self._options.partitions)
            stack.push_async_callback(ended.close)
            self._write_environment(at)
            self._tell_ready(at, self._clock.monotonic() - begun)
            next_at = self._clock.monotonic()
            while True:
                next_at += self._options.every
                await self._clock.sleep(max(0.0, next_at - self._clock.monotonic()))
                self._say(f"{_time(self._clock)}  {(await self._state(line, ended)).words()}")

    async def _state(self, line: LineView, ended: EndedView) -> State:
        standing = await line.standing()
        return State(
            ended=await ended.since(),
            under_way=standing.under_way if standing else None,
            unstored=standing.unstored if standing else None,
            dead_letters=standing.dead_letters if standing else None,
            restarts=self._parts.restarts.total(),
            memory=memory_of([os.getpid(), *self._parts.pids.values()]),
        )

    def _restarted(self, name: str, words: str) -> None:
        self._say(f"{_time(self._clock)}  {words}; its last words are in {self._folder.log(name)}")

    async def _tell_what_was_kept(self, at: Addresses) -> None:
        assert at.payloads is not None, "dev's layout has it"
        try:
            requests, texts = await rows_kept(at.store, "requests"), await rows_kept(at.payloads, "payloads")
        except httpx.HTTPError as error:
            raise PartFailed(f"a store does not answer ({type(error).__name__})") from None
        if requests or texts:
            self._say(
                f"kept from before: {requests:,} requests and {texts:,} texts in the stores (--fresh begins anew)"
            )

    def _write_environment(self, at: Addresses) -> None:
        """The addresses as a shell reads them. They are there from the moment that everything is ready until it is stopped."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self._environment(at).items()]
        unfinished = self._folder.path / f"{ENVIRONMENT}.part"
        try:
            unfinished.write_text("".join(lines), encoding="utf-8")
            unfinished.replace(self._folder.path / ENVIRONMENT)
        except OSError as error:
            raise PartFailed(f"{unfinished}: cannot be written ({error.strerror})") from None

    def _environment(self, at: Addresses) -> dict[str, str]:
        named = {
            CONFIG_FILE: str(self._folder.config.absolute()),
            "KAFKA_BROKERS": at.broker,
            "CLICKHOUSE_URL": f"http://{at.reading}",
            "CLICKHOUSE_PAYLOADS_URL": f"http://{at.payloads_reading}",
        }
        return named | ({"SIMULATOR_URL": f"http://{at.simulator}"} if at.simulator else {})

    def _tell_ready(self, at: Addresses, seconds: float) -> None:
        self._say(f"ready after {seconds:.1f} s")
        self._say(f"  Kafka                {at.broker}: produce to requests (keyed by tenant), consume responses")
        self._say(f"  ClickHouse           http://{at.reading} (read-only), database streamguard")
        self._say(f"  ClickHouse, texts    http://{at.payloads_reading} (read-only), table payloads")
        if at.simulator:
            self._say(f"  simulated models     http://{at.simulator}/openai/v1 and /anthropic/v1")
        for name, address in self._parts.metrics.items():
            self._say(f"  metrics of {name:<10}http://{address}/metrics")
        self._say("in another terminal:")
        self._say(f"  source {shlex.quote(str(self._folder.path / ENVIRONMENT))}")
        self._say('  streamguard send --text "Where is my parcel?"')
        self._say('  streamguard query "SELECT request_id, status, reason, cost FROM requests"')
        self._say("Ctrl-C stops everything. The broker keeps records in memory, about 5 MB a partition, until then.")


def _stamp(clock: Clock) -> str:
    """A word that no other run has."""
    return f"{_now(clock):%Y%m%dT%H%M%S%f}"


def _time(clock: Clock) -> str:
    return f"{_now(clock):%H:%M:%S}"


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_us() / 1e6).astimezone()
