"""What the benchmarks of the whole line share: running it, sending through it, and reading its processes' clocks."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from streamguard.cli.demo.figures import percentile
from streamguard.cli.embedded_line.folder import DEMO, held_folder
from streamguard.cli.embedded_line.parts import Layout, Parts
from streamguard.cli.embedded_line.running import first_of
from streamguard.cli.embedded_line.settings import Addresses
from streamguard.clock import SystemClock
from streamguard.config import Cluster
from streamguard.stream.planned import Identity, Planned
from streamguard.stream.readiness import until_stages_work
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from streamguard.stream.traffic import Traffic
from tests.support.kafka import KafkaNode, KafkaUnavailable

MODEL_SECONDS = 0.05
"""What the simulated model takes for an answer: not the line's doing."""


@contextmanager
def real_kafka(directory: Path) -> Generator[KafkaNode | None]:
    """A Kafka of our own, or None where Java or Maven is missing."""
    node = KafkaNode(directory / "kafka")
    try:
        node.start()
    except KafkaUnavailable:
        yield None
        return
    try:
        yield node
    finally:
        node.stop()


@dataclass(slots=True)
class Sent:
    """One round of traffic. `cpu_seconds` by process name; `added` are seconds a request beyond its model calls."""

    requests: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    added: list[float] = field(default_factory=list[float])
    lost: int = 0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def cpu_ms(self, *names: str) -> float:
        """CPU-milliseconds a request of the processes whose name begins with one of these."""
        return 1000 * sum(used for name, used in self.cpu_seconds.items() if name.startswith(names)) / self.requests

    def added_ms(self, share: float) -> float:
        return 1000 * percentile(self.added, share)


class Line:
    """A running line, and where its servers listen."""

    def __init__(self, at: Addresses, topics: Topics, parts: Parts) -> None:
        self.at = at
        self._topics = topics
        self.parts = parts

    async def send(self, planned: Sequence[Planned], *, most: int = 200, per_second: float | None = None) -> Sent:
        """Send these and wait for their ends."""
        calls: dict[Identity, int] = {}

        def count(outcome: Mapping[str, Any]) -> None:
            head = outcome["head"]
            made = sum(call["status"] != "skipped" for call in outcome.get("calls", ()))
            calls[Identity(head["tenant_id"], head["request_id"])] = made

        traffic = Traffic(Cluster(self.at.broker), self._topics, most=most, on_outcome=count)
        clock = SystemClock()
        async with traffic:
            before, begun = self._cpu(), clock.monotonic()
            await first_of(self._through(traffic, planned, per_second), self.parts.watch())
            seconds, after = clock.monotonic() - begun, self._cpu()
        tally = traffic.tally
        return Sent(
            requests=tally.audit().requests,
            seconds=seconds,
            cpu_seconds={name: after[name] - before[name] for name in before},
            added=[
                latency - MODEL_SECONDS * calls[identity]
                for identity, latency in tally.latencies.items()
                if calls.get(identity)
            ],
            lost=tally.audit().lost,
        )

    @staticmethod
    async def _through(traffic: Traffic, planned: Sequence[Planned], per_second: float | None) -> None:
        await traffic.send(planned, per_second=per_second)
        await traffic.finish(stall=30)

    def _cpu(self) -> dict[str, float]:
        """CPU-seconds of each process so far."""
        times = {name: psutil.Process(pid).cpu_times() for name, pid in self.parts.pids.items()}
        return {name: time.user + time.system for name, time in times.items()}


@asynccontextmanager
async def running(layout: Layout) -> AsyncGenerator[Line]:
    """The whole line, ready; gone afterwards."""
    clock = SystemClock()
    with (
        tempfile.TemporaryDirectory(prefix="streamguard-bench-") as directory,
        held_folder(Path(directory), DEMO) as folder,
    ):
        parts = Parts(folder, clock, layout)
        try:
            topics = Topics.load(layout.prefix)
            if layout.broker is not None:
                await create_missing(Cluster(layout.broker), topics, partitions=4)
            at = await parts.start()
            await first_of(until_stages_work(Cluster(at.broker), topics, clock), parts.watch())
            await asyncio.sleep(1)  # the last of the starting
            yield Line(at, topics, parts)
        finally:
            await parts.stop()
