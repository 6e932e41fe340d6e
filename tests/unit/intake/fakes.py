"""A producer whose broker is the test, and an intake's parts around it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import RecordMetadata

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.intake.context import Context
from streamguard.intake.contract import Output, Received, StepFunction
from streamguard.intake.deciding import Decider
from streamguard.intake.gate import Gate
from streamguard.intake.layout import Layout
from streamguard.intake.marks import Place
from streamguard.intake.outlet import Outlet
from streamguard.intake.partition import InputPartition, Load
from streamguard.intake.publishing import Publisher
from streamguard.intake.settings import Settings
from streamguard.intake.statistics import Statistics
from streamguard.intake.watchdog import Watchdog


@dataclass
class Sent:
    """One record that the producer was handed; the test acknowledges or refuses it."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int
    headers: dict[str, bytes]
    future: "asyncio.Future[RecordMetadata]"
    offsets: dict[str, int]

    def acknowledge(self) -> None:
        """As the broker does, at the next offset of the topic."""
        offset = self.offsets[self.topic] = self.offsets.get(self.topic, -1) + 1
        tp = TopicPartition(self.topic, self.partition)
        self.future.set_result(RecordMetadata(self.topic, self.partition, tp, offset, 0, 0, 0))

    def refuse(self, error: Exception) -> None:
        """As the broker, or the fence, does."""
        self.future.set_exception(error)


class FakeConnection:
    """A connection of aiokafka's client, which writes what it has encoded."""

    def __init__(self, encode: Callable[[], None]) -> None:
        self.encode = encode
        self.written: list[bytes] = []
        self._writer: Any = FakeWriter(self)

    def send(self) -> None:
        self.encode()
        self._writer.write(b"request")

    @property
    def other(self) -> str:
        """Something else of the writer."""
        return self._writer.other


class FakeWriter:
    """The end of a connection, and its own transport. What exceeds `room` bytes waits until `drain`, as in a full kernel."""

    other = "passed on"

    def __init__(self, connection: FakeConnection) -> None:
        self._connection, self.transport = connection, self
        self.room, self.buffered, self.aborted = 1 << 30, b"", False
        self.drained = asyncio.Event()

    def write(self, data: bytes) -> None:
        taken = data[: self.room] if not self.buffered else b""
        self.room -= len(taken)
        self.buffered += data[len(taken) :]
        if taken:
            self._connection.written.append(taken)

    def make_room(self) -> None:
        """The kernel has sent all it had, and takes what waits."""
        waits, self.buffered, self.room = self.buffered, b"", 1 << 30
        self.write(waits)
        self.drained.set()

    async def drain(self) -> None:
        while self.buffered:
            self.drained.clear()
            await self.drained.wait()

    def get_write_buffer_size(self) -> int:
        return len(self.buffered)

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted, self.buffered = True, b""
        self.drained.set()


class FakeClient:
    """The part of aiokafka's client that a producer sends through. Replies to every request with `sent`."""

    def __init__(self) -> None:
        self.send: Callable[..., Awaitable[object]] = self._send
        self.requests: list[object] = []
        self.cluster = self
        self.is_ready = True
        self._conns: dict[object, FakeConnection] = {}

    def connect(self, encode: Callable[[], None]) -> FakeConnection:
        """Have a connection to node 0."""
        connection = self._conns[0, ConnectionGroup.DEFAULT] = FakeConnection(encode)
        return connection

    async def ready(self, node_id: int) -> bool:
        await self._get_conn(node_id)
        return self.is_ready

    async def _get_conn(self, node_id: int) -> FakeConnection | None:
        return self._conns.get((node_id, ConnectionGroup.DEFAULT))

    async def fetch_all_metadata(self) -> "FakeClient":
        return self

    def topics(self) -> set[str]:
        return {"in", "out", "dead", "re"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1} if topic == "re" else {0}

    async def _send(self, node_id: int, request: object, **options: object) -> str:
        for connection in self._conns.values():
            connection.send()
        self.requests.append(request)
        return "sent"


class Subscriptions:
    """What aiokafka knows of `in/0`: whether it is assigned, and where it is `fetched` next, None while that is not known."""

    def __init__(self) -> None:
        self.subscription = self.assignment = self
        self.assigned = True
        self.fetched: int | None = None

    def is_assigned(self, tp: TopicPartition) -> bool:
        return tp == TopicPartition("in", 0) and self.assigned

    def state_value(self, tp: TopicPartition) -> SimpleNamespace | None:
        state = SimpleNamespace(has_valid_position=self.fetched is not None, position=self.fetched)
        return state if tp == TopicPartition("in", 0) else None


class FakeProducer:
    """Collects what it is handed. `refuse_at_once` maps topics to what `send` raises for them."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.sent: list[Sent] = []
        self.started = self.stopped = False
        self.offsets: dict[str, int] = {}
        self.refuse_at_once: dict[str, Exception] = {}
        self.acknowledge_at_once = False
        self._message_accumulator = self

    def fail_all(self, exception: Exception) -> None:
        """As aiokafka's accumulator does."""
        for sent in self.waiting():
            sent.refuse(exception)

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None,
        partition: int | None,
        headers: Sequence[tuple[str, bytes]],
    ) -> "asyncio.Future[RecordMetadata]":
        if topic in self.refuse_at_once:
            raise self.refuse_at_once[topic]
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        sent = Sent(topic, key, value, partition or 0, dict(reversed(headers)), future, self.offsets)
        self.sent.append(sent)
        if self.acknowledge_at_once:
            sent.acknowledge()
        return future

    def waiting(self) -> list[Sent]:
        """What is not acknowledged, in order."""
        return [sent for sent in self.sent if not sent.future.done()]


def produce_request() -> object:
    """What the sender of aiokafka's producer hands to its client."""
    return ProduceRequest(transactional_id=None, required_acks=-1, timeout=1000, topics=[])


def received(offset: int, key: bytes | None = b"k", value: bytes = b"v") -> Received:
    """One input of `in/0`."""
    return Received("in", 0, offset, 1000 + offset, key, value)


class Bench:
    """The parts of an intake between the fetch and the producer, with the gate open and the lease young."""

    def __init__(self, step: StepFunction, settings: Settings | None = None) -> None:
        self.clock, self.producer, self.errors = FakeClock(), FakeProducer(), list[BaseException]()
        self.settings = settings or Settings(cluster=Cluster("nowhere"), group="g", deadline=0.1)
        layout = Layout(["in"], ["out", "dead"], ["re"])
        layout.update({"in": 1, "out": 1, "dead": 1, "re": 2})
        self.gate = Gate(self.settings.lease, self.settings.calm, self.clock.monotonic)
        watchdog = Watchdog(self.settings.stall, self.settings.deadline, 0)
        self.context = Context(
            self.settings, layout, self.clock, Load(Statistics()), self.gate, watchdog, self.errors.append
        )
        self.producers = [self.producer]
        self.outlet = Outlet(lambda: cast("AIOKafkaProducer", cast("Any", self.producers[-1])), self.gate)
        self.decider = Decider(self.context, step, bury)
        self.publisher = Publisher(self.context, self.outlet, self.decider)
        self.part = InputPartition(Place("in", 0), 0, layout.reach(0), self.settings.key_queue, self.context.load)

    @property
    def statistics(self) -> Statistics:
        return self.context.statistics

    async def start(self) -> "Bench":
        await self.outlet.start()
        self.gate.calm(self.clock.monotonic())
        self.gate.renew(self.clock.monotonic())
        self.gate.open()
        return self

    def deliver(self, *records: Received) -> None:
        """As the fetcher does."""
        self.part.offsets.deliver(records, self.context.ends)
        self.part.entered(len(records))


def bury(record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
    """Bytes as received to `dead`, with the error's name."""
    return [Output("dead", record.key, record.value, (("error", type(error).__name__.encode()),))]


async def turn(times: int = 8) -> None:
    """Let every task go as far as it can."""
    for _ in range(times):
        await asyncio.sleep(0)


@dataclass
class Copying:
    """A step that writes its record to `topics`. `began` lists the offsets it ran for; `found` what it was told."""

    topics: tuple[str, ...] = ("out",)
    began: list[int] = field(default_factory=list[int])
    found: list[Mapping[str, bytes]] = field(default_factory=list[Mapping[str, bytes]])

    async def __call__(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        self.began.append(record.offset)
        self.found.append(found)
        return [Output(topic, record.key, record.value) for topic in self.topics]
