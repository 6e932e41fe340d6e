"""The driver over a real socket: what it sends arrives where it should, and it notices what the line does wrong."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.partitioner import murmur2

from streamguard.cli.demo.requests import support_requests
from streamguard.config import Cluster
from streamguard.dev.broker import EmbeddedBroker
from streamguard.events.chunk import Chunk
from streamguard.events.codec import encode
from streamguard.stream.planned import Planned
from streamguard.stream.topics import Topics
from streamguard.stream.traffic import Traffic

pytestmark = pytest.mark.slow

PARTITIONS = 4
Line = Callable[[dict[str, Any]], dict[str, int]]
"""How many of each topic a request gets."""


@pytest.fixture(scope="module")
def broker() -> Any:
    names = ("requests", "responses", "outcomes", "dead-letters", "telemetry", "response-chunks", "cancellations")
    topics = {
        f"{prefix}{name}": PARTITIONS for prefix in ("good.", "bad.", "read.", "rate.", "held.") for name in names
    }
    with EmbeddedBroker(topics=topics) as broker:
        yield broker.address


class ToyLine:
    """Answers each readable request once, and buries the rest; `does` may say otherwise for a request."""

    def __init__(self, brokers: str, topics: Topics, does: Line) -> None:
        self.records: list[Any] = []
        self._brokers = brokers
        self._topics = topics
        self._does = does
        self._seen: set[str] = set()

    async def run(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topics.full("requests"), bootstrap_servers=self._brokers, auto_offset_reset="earliest"
        )
        producer = AIOKafkaProducer(bootstrap_servers=self._brokers)
        await consumer.start()
        await producer.start()
        try:
            async for record in consumer:
                self.records.append(record)
                for name, value in self._outputs(record):
                    await producer.send(self._topics.full(name), value)
        finally:
            await consumer.stop()
            await producer.stop()

    def _outputs(self, record: Any) -> list[tuple[str, bytes]]:
        try:
            request = orjson.loads(record.value)
            identity = {"tenant_id": request["tenant_id"], "request_id": request["request_id"]}
        except (ValueError, KeyError):
            return [("dead-letters", record.value)]
        if dict(record.headers)["schema"] != b"streamguard.request/1" or "user_id" not in request:
            return [("dead-letters", record.value)]
        if isinstance(request.get("messages"), str):
            return [("dead-letters", record.value)]
        if request["request_id"] in self._seen:
            return []
        self._seen.add(request["request_id"])
        copies = {"responses": 1, "outcomes": 1, "response-chunks": bool(request.get("stream"))} | self._does(request)
        chunk = Chunk(**identity, stream=1, seq=0, text="Good day.", mark="final")
        values = {
            "responses": orjson.dumps(identity | {"status": "answered", "output": "Good day."}),
            "response-chunks": encode(chunk),
            "outcomes": orjson.dumps({"head": identity, "status": "answered"}),
            "telemetry": b"{}",
        }
        copies["telemetry"] = copies["outcomes"]
        return [(name, values[name]) for name, count in copies.items() for _ in range(count)]


@asynccontextmanager
async def _running(line: ToyLine) -> AsyncGenerator[ToyLine]:
    task = asyncio.create_task(line.run())
    try:
        yield line
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _drive(
    broker: str, prefix: str, planned: list[Planned], does: Line, *, stall: float
) -> tuple[Traffic, ToyLine, bool]:
    topics = Topics.load(prefix)
    async with _running(ToyLine(broker, topics, does)) as line:
        async with Traffic(Cluster(broker), topics, most=50) as traffic:
            await traffic.send(planned)
            whole = await traffic.finish(stall=stall)
        return traffic, line, whole


async def test_everything_sent_is_accounted_for(broker: str) -> None:
    planned = list(support_requests(300, seed=3))
    traffic, line, whole = await _drive(broker, "good.", planned, lambda _: {}, stall=10)
    audit = traffic.tally.audit()
    assert whole
    assert (audit.requests, audit.lost, audit.twice, audit.elsewhere) == (300, 0, 0, 0)
    assert audit.repeated == sum(item.end == "nothing" for item in planned)
    assert audit.dead_letters == sum(item.end == "dead_letter" for item in planned)
    assert audit.responses == audit.outcomes == len(traffic.tally.latencies) == 300 - audit.dead_letters
    misplaced = {item.value for item in planned if item.misplaced}
    assert misplaced
    for record in line.records:
        belongs = (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
        assert (record.partition != belongs) == (record.value in misplaced)


async def test_it_names_what_the_line_lost_and_what_it_did_twice(broker: str) -> None:
    planned = [item for item in support_requests(60, seed=4) if item.end == "outcome"]
    first, second, third = (item.identity.request_id for item in planned[:3] if item.identity)
    wrong = {first: {"responses": 0}, second: {"outcomes": 0, "telemetry": 0}, third: {"outcomes": 2}}
    traffic, _, whole = await _drive(
        broker, "bad.", planned, lambda request: wrong.get(request["request_id"], {}), stall=1
    )
    audit = traffic.tally.audit()
    assert not whole
    assert (audit.lost, audit.twice) == (2, 1)
    assert {item.identity.request_id for item in traffic.tally.missing() if item.identity} == {first, second}


async def test_it_names_whose_readers_hold_something_else_and_tells_of_whom_nobody_waits_for(broker: str) -> None:
    planned = [item for item in support_requests(200, seed=4) if item.end == "outcome"]
    streamed = [item.identity for item in planned if item.streamed and item.identity is not None]
    silent = streamed[0].request_id
    traffic, _, whole = await _drive(
        broker, "read.", planned, lambda one: {"response-chunks": 0} if one["request_id"] == silent else {}, stall=2
    )
    assert not whole
    assert traffic.audiences.unlike() == [streamed[0][:2]]
    assert traffic.audiences.shown == len(streamed) - 1
    told = [
        f"{item.identity.tenant_id}/{item.identity.request_id}"
        for item in planned
        if item.cancel_after is not None and item.identity
    ]
    async with asyncio.timeout(10):
        assert sorted(await _keys(broker, "read.cancellations", len(told))) == sorted(told)


async def _keys(broker: str, topic: str, count: int) -> list[str]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [((await consumer.getone()).key or b"").decode() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_rate_is_kept(broker: str) -> None:
    planned = [item for item in support_requests(40, seed=5) if item.end == "outcome"][:30]
    begun = asyncio.get_running_loop().time()
    topics = Topics.load("rate.")
    async with _running(ToyLine(broker, topics, lambda _: {})), Traffic(Cluster(broker), topics) as traffic:
        await traffic.send(planned, per_second=50)
        assert await traffic.finish(stall=10)
    assert asyncio.get_running_loop().time() - begun >= 29 / 50
    assert traffic.tally.audit().lost == 0


async def test_nothing_is_sent_while_it_is_held(broker: str) -> None:
    planned = [item for item in support_requests(40, seed=6) if item.end == "outcome"][:20]
    topics = Topics.load("held.")
    async with _running(ToyLine(broker, topics, lambda _: {})), Traffic(Cluster(broker), topics) as traffic:
        traffic.held = True
        sending = asyncio.create_task(traffic.send(planned))
        await asyncio.sleep(0.5)
        assert traffic.sends == 0
        traffic.held = False
        await sending
        assert await traffic.finish(stall=10)
    assert traffic.tally.audit().responses == 20
