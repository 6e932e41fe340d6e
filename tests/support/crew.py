"""Toy workers under a supervisor on a real Kafka, the inputs they work on, and the audit of what they did."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.processes import Command, RestartPolicy, Supervisor
from tests.support.audit import CommitLog, Entry, Outputs, below_marks, committed_too_far, ended, out_of_order, read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.toy import TOPIC_LIMIT, Topics, ToyInput, ToySettings

PARTITIONS = 4


@dataclass(slots=True)
class Report:
    """The audit of a run. Everything but `inputs`, `repeated` and `existing` must be empty."""

    inputs: int
    lost: list[str]
    twice: list[str]
    wrong: list[str]
    paid_twice: list[str] = field(default_factory=list[str])
    """Calls that began after the broker had stored their outcome."""
    repeated: int = 0
    """Calls that were under way when something happened, and were made again."""

    def assert_clean(self) -> None:
        found = {name: rows[:5] for name in ("lost", "twice", "wrong", "paid_twice") if (rows := getattr(self, name))}
        counts = {name: len(getattr(self, name)) for name in found}
        assert not found, f"{counts} of {self.inputs}: {found}"


class Crew:
    """Use as an async context manager: leaving it ends all workers."""

    def __init__(
        self, node: KafkaNode, directory: Path, *, sources: int = 1, stock: bool = False, **settings: object
    ) -> None:
        """`stock` runs Faust's own agents instead of ours; `settings` are those of `ToySettings`."""
        self._node, self.directory, self._module = (
            node,
            directory,
            "tests.support.stock" if stock else "tests.support.toy",
        )
        name = unique("toy")
        self.topics = Topics(
            sources=[f"{name}-in{number}" for number in range(sources)],
            out=f"{name}-out",
            also=f"{name}-also",
            rekeyed=f"{name}-rekeyed",
            dead=f"{name}-dead",
        )
        self.group = name
        self._settings = settings
        self._supervisor = Supervisor(
            policy=RestartPolicy(first_pause=0.1, longest_pause=0.1, failures=1000), grace=8.0
        )
        self.commits = CommitLog(node.brokers, name)
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Crew":
        await self._node.create([*self.topics.sources, self.topics.out, self.topics.rekeyed, self.topics.dead])
        await self._node.create([self.topics.also], configs={"max.message.bytes": str(TOPIC_LIMIT)})
        self._watch = asyncio.ensure_future(self.commits.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in self._supervisor.pids:
            self.thaw(name)
        await self._supervisor.stop()
        if self._watch:
            await ended(self._watch)

    # -- inputs --------------------------------------------------------------------------------------------------------

    async def send(self, inputs: Sequence[ToyInput], *, keys: int = 200) -> None:
        """Send inputs, spread over keys and sources; acknowledged when this returns."""
        producer = AIOKafkaProducer(bootstrap_servers=self._node.brokers, linger_ms=5)
        await producer.start()
        try:
            sent = [
                await producer.send(
                    self.topics.sources[one.id % len(self.topics.sources)],
                    one.model_dump_json().encode(),
                    key=f"key-{one.id % keys}".encode(),
                )
                for one in inputs
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    # -- workers -------------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start workers that are restarted when they die."""
        for name in names:
            self._supervisor.add(Command(name, self.command(name), output=self.directory / "log"))

    def command(self, name: str, **changes: object) -> list[str]:
        """The command line of a worker of this name, told what the others are told but for `changes`."""
        told = ToySettings.model_validate_json(self.told(name)).model_copy(update=changes)
        return [sys.executable, "-m", self._module, told.model_dump_json()]

    def told(self, name: str) -> str:
        """What a worker of this name is told on its command line."""
        settings = ToySettings.model_validate(
            {
                "brokers": self._node.brokers,
                "group": self.group,
                "name": name,
                "topics": self.topics,
                "directory": self.directory,
                **self._settings,
            }
        )
        return settings.model_dump_json()

    async def stop(self, *names: str) -> None:
        """Stop workers in order."""
        await self._supervisor.stop(*names)

    @property
    def pids(self) -> dict[str, int]:
        return dict(self._supervisor.pids)

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        self._signal(name, signal.SIGKILL)

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def trap(self, name: str) -> None:
        """The next time this worker asks to join the group, it freezes before it hears the answer."""
        (self.directory / f"freeze-{name}").touch()

    async def frozen(self, name: str, seconds: float = 10.0) -> None:
        """Until a worker has been stopped by its trap."""
        process = psutil.Process(self.pids[name])
        await self.until(lambda: process.status() == psutil.STATUS_STOPPED, seconds)

    def _signal(self, name: str, number: signal.Signals) -> None:
        if (pid := self.pids.get(name)) is not None:
            os.kill(pid, number)

    # -- progress ------------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> list[tuple[str, int]]:
        """Every call made: the input's `src`, and when it began in microseconds."""
        lines = [line for file in self.directory.glob("*.calls") for line in file.read_text().splitlines()]
        return [(src, int(began)) for src, began in (line.split() for line in lines)]

    @property
    def log(self) -> str:
        """What the workers have logged."""
        file = self.directory / "log"
        return file.read_text() if file.exists() else ""

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until something holds. Raises `AssertionError`, with the end of the workers' log, when it does not."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"it did not happen within {seconds} s; log: {self.log[-3000:]}"
            await asyncio.sleep(0.02)

    async def called(self, count: int) -> None:
        """Until this many calls were begun in all."""
        await self.until(lambda: len(self.calls) >= count)

    async def drained(self, seconds: float = 60.0) -> None:
        """Until every input is committed."""
        inputs = await read_all(self._node.brokers, self.topics.sources)
        ends = {entry.place: entry.offset + 1 for entries in inputs.values() for entry in entries}
        deadline = time.monotonic() + seconds
        committed: dict[object, int] = {}
        admin = AIOKafkaAdminClient(bootstrap_servers=self._node.brokers)
        await admin.start()
        try:
            while any(committed.get(place, 0) < end for place, end in ends.items()):
                assert time.monotonic() < deadline, f"{committed} of {ends} after {seconds} s; log: {self.log[-3000:]}"
                await asyncio.sleep(0.1)
                try:
                    committed = {**await self.commits.look(admin)}
                except KafkaError:
                    continue
        finally:
            await admin.close()

    # -- audit ---------------------------------------------------------------------------------------------------------

    async def without_output(self) -> list[int]:
        """Numbers of inputs of which there is nothing in the topic `out`."""
        entries = await read_all(self._node.brokers, [*self.topics.sources, self.topics.out])
        numbers = {
            topic: {ToyInput.model_validate_json(one.value or b"").id for one in entries[topic]} for topic in entries
        }
        return sorted(set[int]().union(*(numbers[topic] for topic in self.topics.sources)) - numbers[self.topics.out])

    async def audit(self) -> Report:
        """Read everything, and hold it against what must be."""
        by_topic = await read_all(self._node.brokers, self.topics.sources)
        inputs = [entry for topic in self.topics.sources for entry in by_topic[topic]]
        entries = await read_all(self._node.brokers, self.topics.outputs)
        outputs = Outputs(entries)
        report = Report(len(inputs), [], [], [])
        report.lost = [
            f"{one.identity} has {sorted(outputs.topics(one))}" for one in inputs if not self._complete(one, outputs)
        ]
        report.twice = [f"{source} in {topic}" for source, topic in outputs.twice()]
        report.wrong = [f"an output of nothing: {source}" for source in outputs.strangers(inputs)]
        for topic in (self.topics.out, self.topics.also):
            report.wrong += [f"order in {topic}: {lane}" for lane in out_of_order(entries[topic])]
        report.wrong += [f"committed too far: {one}" for one in committed_too_far(self.commits.seen, inputs, outputs)]
        report.wrong += [f"below a mark: {one}" for one in below_marks(self.commits.seen, inputs, outputs)]
        report.wrong += [f"two decisions in one step: {one.identity}" for one in inputs if self._mixed(one, outputs)]
        self._count_calls(inputs, outputs, report)
        return report

    def _complete(self, record: Entry, outputs: Outputs) -> bool:
        there = outputs.topics(record)
        if ToyInput.model_validate_json(record.value or b"").kind != "call":
            return self.topics.dead in there and self.topics.also not in there
        return there == frozenset((self.topics.out, self.topics.also, self.topics.rekeyed))

    def _mixed(self, record: Entry, outputs: Outputs) -> bool:
        by_topic = outputs.by_input[record.identity]
        values = [one.value or b"{}" for topic, all_ in by_topic.items() if topic != self.topics.dead for one in all_]
        return len({orjson.loads(value).get("drawn") for value in values}) > 1

    def _count_calls(self, inputs: Sequence[Entry], outputs: Outputs, report: Report) -> None:
        names = {f"{one.place.topic}/{one.place.partition}/{one.offset}/{one.timestamp}": one for one in inputs}
        calls = self.calls
        report.repeated = sum(count - 1 for count in Counter(src for src, _ in calls).values())
        for src, began_us in calls:
            decided = outputs.by_input[names[src].identity].get(self.topics.out, [])
            # The broker's time is in whole milliseconds, rounded down.
            if decided and began_us // 1000 > decided[0].timestamp + 1:
                report.paid_twice.append(src)


def calls(count: int, *, slow: float = 0.03, usual: float = 0.02, long: float = 0.6, seed: int = 7) -> list[ToyInput]:
    """Inputs of which a share `slow` takes `long` seconds and the others `usual`."""
    draw = random.Random(seed)
    return [ToyInput(id=number, seconds=long if draw.random() < slow else usual) for number in range(count)]


async def killed_again_and_again(crew: Crew) -> None:
    """Two workers and six kills, while 4 % of the calls take a hundred times as long as the others, until all is committed."""
    await crew.send(calls(2500, slow=0.04, usual=0.02, long=2.0))
    crew.start("a", "b")
    draw = random.Random(1)
    for kill in range(6):
        await crew.called(150 + 300 * kill)
        await asyncio.sleep(draw.uniform(0.6, 1.2))
        crew.kill(draw.choice(["a", "b"]))
    await crew.drained()
