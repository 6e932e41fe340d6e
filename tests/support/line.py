"""The line for tests that look at single requests: the simulator and workers as processes, over a broker that runs."""

import asyncio
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard.cli.embedded_line.settings import PARTITIONS, Addresses, line_settings
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.clock import SystemClock
from streamguard.config import Cluster, plain_environment
from streamguard.dev.broker import EmbeddedBroker
from streamguard.processes import Command, RestartPolicy, Supervisor
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.readiness import until_stages_work
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics

SECONDS = 40.0
"""How long anything may take; a busy machine starts a worker in ten."""
_LISTENING = re.compile(r"listening on (\S+)")


def broker_with_lines(*prefixes: str) -> EmbeddedBroker:
    """An embedded broker with the topics and groups of a line for each prefix. It is not started yet."""
    topics = {Topics.load(prefix).full(topic.name): PARTITIONS for prefix in prefixes for topic in Topics.load()}
    return EmbeddedBroker(topics=topics, groups=[group_name(prefix, stage) for prefix in prefixes for stage in FLOW])


class Line:
    """Use as an async context manager: entered, it is ready; left, nothing of it runs.

    `workers` names the stages of each worker process, by its name; a killed one is started again. `settings` come over the
    demo's, section by section. `embedded` tells which broker it is. `releases` are the trees of workers that run another
    release than ours (`tests.support.releases`), by worker; `schema` is what requests are said to be. A simulated model answers
    after `latency_ms`.
    """

    def __init__(
        self,
        brokers: str,
        directory: Path,
        *,
        prefix: str,
        settings: Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]] | None = None,
        workers: Mapping[str, Sequence[str]] | None = None,
        embedded: bool = False,
        releases: Mapping[str, Path] | None = None,
        schema: str = "streamguard.request/1",
        latency_ms: float = 5,
    ) -> None:
        self.topics = Topics.load(prefix)
        self._embedded = embedded
        self._brokers, self._directory = brokers, directory
        self._settings = settings or {}
        self._told: dict[str, Any] = {}
        self._releases = dict(releases or {})
        self._schema = schema
        self._latency_ms = latency_ms
        self._workers = workers or {"worker": tuple(FLOW)}
        self._supervisor = Supervisor(policy=RestartPolicy(first_pause=0.1, longest_pause=0.1, failures=100))
        self._producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100
        )
        self._records: dict[str, defaultdict[str, list[dict[str, Any]]]] = {
            "responses": defaultdict(list),
            "outcomes": defaultdict(list),
        }
        self._arrived = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self._simulator = ""

    async def __aenter__(self) -> Self:
        try:
            await create_missing(Cluster(self._brokers), self.topics, partitions=PARTITIONS)
            self._supervisor.add(self._command("simulator", "simulator", "--latency-ms", str(self._latency_ms)))
            self._simulator = await self._listening("simulator")
            settings = line_settings(
                Addresses(broker=self._brokers, store="127.0.0.1:1", simulator=self._simulator),
                self.topics.prefix,
                embedded=self._embedded,
            )
            self._told = settings
            self.configure(kafka={"session": 3.0})
            self.configure(**self._settings)
            for name in self._workers:
                self.start(name)
            await self._producer.start()
            await self._consumer.start()
            self._consumer.assign(
                [TopicPartition(self.topics.full(name), n) for name in self._records for n in range(PARTITIONS)]
            )
            self._reading = asyncio.create_task(self._read())
            stages = {stage for named in self._workers.values() for stage in named}
            await until_stages_work(Cluster(self._brokers), self.topics, SystemClock(), stages=stages, seconds=SECONDS)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()
        await self._producer.stop()
        await self._supervisor.stop()

    # -- requests ------------------------------------------------------------------------------------------------------

    async def send(self, request: Mapping[str, Any]) -> None:
        """Returns when the broker has it."""
        key = str(request["tenant_id"]).encode()
        headers = [("schema", self._schema.encode())]
        await self._producer.send_and_wait(
            self.topics.full("requests"), orjson.dumps(request), key=key, headers=headers
        )

    async def cancel(self, request: Mapping[str, Any]) -> None:
        """Tell the workers that nobody waits for it any more."""
        named = {name: request[name] for name in ("tenant_id", "request_id")}
        key = "/".join(named.values()).encode()
        await self._producer.send_and_wait(self.topics.full("cancellations"), orjson.dumps(named), key=key)

    async def ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send it, and wait for its response and outcome."""
        await self.send(request)
        return await self.ended(request["request_id"])

    async def ended(self, request_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The response and the outcome of a request, once both are there."""
        async with asyncio.timeout(SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: all(there[request_id] for there in self._records.values()))
        return self._records["responses"][request_id][0], self._records["outcomes"][request_id][0]

    def ends(self, request_id: str) -> tuple[int, int]:
        """How many responses and outcomes have come for it so far."""
        return len(self._records["responses"][request_id]), len(self._records["outcomes"][request_id])

    async def calls(self) -> int:
        """How many calls the simulated models have had."""
        return (await self.books())["calls"]

    async def books(self) -> dict[str, Any]:
        """What the simulated models say of the calls they have had, each in `detail`."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://{self._simulator}/_sim/calls?detail=1")).json()

    async def faults(self, *rules: Mapping[str, Any]) -> None:
        """From now on the simulated models have these faults and no others (`POST /_sim/faults`)."""
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(f"http://{self._simulator}/_sim/faults", json={"rules": rules})).raise_for_status()

    async def _read(self) -> None:
        while True:
            for place, records in (await self._consumer.getmany(timeout_ms=500)).items():
                topic = self.topics.plain(place.topic)
                async with self._arrived:
                    for record in records:
                        fields = orjson.loads(record.value or b"{}")
                        self._records[topic][fields.get("head", fields)["request_id"]].append(fields)
                    self._arrived.notify_all()

    # -- processes -----------------------------------------------------------------------------------------------------

    def configure(self, **sections: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Change settings, section by section, for processes that start later. A list takes the place of the one before."""
        for section, values in sections.items():
            before = self._told.get(section, {})
            self._told[section] = {**before, **values} if isinstance(values, Mapping) else [*values]
        self._config.write_text(to_toml(self._told))

    def start(self, worker: str) -> None:
        """Start a worker that was stopped."""
        stages = [part for stage in self._workers[worker] for part in ("--stage", stage)]
        number = str(list(self._workers).index(worker))
        self._supervisor.add(
            self._command(worker, "worker", "--config", str(self._config), "--number", number, *stages)
        )

    async def stop(self, worker: str) -> None:
        """An orderly end."""
        await self._supervisor.stop(worker)

    def kill(self, worker: str) -> None:
        """SIGKILL; it is started again at once."""
        os.kill(self._supervisor.pids[worker], signal.SIGKILL)

    def pid(self, process: str) -> int | None:
        """The id of a process; None while it does not run. One that was started again has another."""
        return self._supervisor.pids.get(process)

    def log(self, process: str) -> Path:
        """What a process prints."""
        return self._directory / f"{process}.log"

    @property
    def _config(self) -> Path:
        return self._directory / "streamguard.toml"

    def _command(self, name: str, *arguments: str) -> Command:
        environment = plain_environment()
        if (tree := self._releases.get(name)) is not None:
            environment["PYTHONPATH"] = str(tree)
        program = [sys.executable, "-P", "-m", "streamguard", *arguments]  # -P: not what happens to lie around here
        return Command(name, program, environment=environment, output=self.log(name))

    async def _listening(self, process: str) -> str:
        async with asyncio.timeout(SECONDS):
            while True:
                with suppress(FileNotFoundError):
                    if found := _LISTENING.search(self.log(process).read_text()):
                        return found[1]
                await asyncio.sleep(0.05)
