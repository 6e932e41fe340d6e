"""The client over a broker: a tiny responder stands for the line, so what is seen here is the client's alone."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from streamguard.client import Client, ClientError, NotSent, Request, Response, Told, Unreachable, answered
from streamguard.client.kafka_wire import KafkaWire
from streamguard.client.wire import Received
from streamguard.clock import SystemClock
from streamguard.dev.broker import EmbeddedBroker
from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode, encode, schema_name
from streamguard.places import key_partition

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

PARTITIONS = 4
TOPICS = ("requests", "cancellations", "responses", "response-chunks")
PREFIXES = ("asked.", "again.", "streams.", "blocks.", "grown.", "dies.")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={prefix + topic: PARTITIONS for prefix in PREFIXES for topic in TOPICS}) as broker:
        yield broker


class Line:
    """Answers each id once, where and as the stages would: keyed by conversation. `requests` are all that it read."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self.requests: list[ConsumerRecord[bytes | None, bytes | None]] = []
        self.cancelled: list[str] = []
        self.answering = True
        self._prefix = prefix
        self._seen: set[tuple[str, str]] = set()
        self.producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all")
        self._consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_wait_ms=20)

    @classmethod
    @asynccontextmanager
    async def answering_on(cls, broker: EmbeddedBroker, prefix: str) -> AsyncGenerator["Line"]:
        line = cls(broker.address, prefix)
        await line.producer.start()
        await line._consumer.start()
        topics = [f"{prefix}requests", f"{prefix}cancellations"]
        line._consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        reading = asyncio.create_task(line._read())
        try:
            yield line
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await line._consumer.stop()
            await line.producer.stop()

    async def say(self, request: Request, *records: Response | Chunk) -> None:
        for record in records:
            topic = "response-chunks" if isinstance(record, Chunk) else "responses"
            headers = [("schema", schema_name(type(record)).encode())]
            key = request.conversation_key.encode()
            await self.producer.send_and_wait(self._prefix + topic, encode(record), key=key, headers=headers)

    async def until(self, requests: int) -> None:
        async with asyncio.timeout(10):
            while len(self.requests) < requests:
                await asyncio.sleep(0.01)

    async def _read(self) -> None:
        async for record in self._consumer:
            if record.topic.endswith("cancellations"):
                self.cancelled.append((record.key or b"").decode())
                continue
            self.requests.append(record)
            request = decode(Request, record.value, dict(record.headers)["schema"].decode())
            name = (request.tenant_id, request.request_id)
            if not self.answering or name in self._seen:
                continue
            self._seen.add(name)
            pieces = [piece(request, 0, "He"), piece(request, 1, "llo", mark="final")] if request.stream else []
            await self.say(request, *pieces, answered(request, "Hello"))


def piece(request: Request, seq: int, text: str, mark: Any = None) -> Chunk:
    return Chunk(request_id=request.request_id, tenant_id=request.tenant_id, stream=1, seq=seq, text=text, mark=mark)


async def test_each_request_lies_where_its_tenant_belongs_and_each_is_answered(broker: EmbeddedBroker) -> None:
    async with Line.answering_on(broker, "asked.") as line, Client(broker.address, prefix="asked.") as client:
        requests = [
            client.request(tenant_id=f"tenant-{n % 9}", user_id="u", messages="x", conversation_id=conversation)
            for n in range(100)
            for conversation in (None, f"c-{n % 5}")
        ]
        responses = await asyncio.gather(*map(client.ask, requests))
        assert [one.request_id for one in responses] == [one.request_id for one in requests]
        assert len(line.requests) == 200
        for record in line.requests:
            assert record.partition == key_partition(record.key or b"", PARTITIONS)
            assert decode(Request, record.value).tenant_id.encode() == record.key
        assert len({record.partition for record in line.requests}) > 1


async def test_a_new_client_finds_the_answer_that_came_when_nobody_listened(broker: EmbeddedBroker) -> None:
    async with Line.answering_on(broker, "again.") as line:
        async with Client(broker.address, prefix="again.") as first:
            request = first.request(tenant_id="acme", user_id="u", messages="x", conversation_id="c")
            await first.send(request)
        await line.until(1)
        # others' answers in the same partition come behind it: more than one block's worth
        other = first.request(tenant_id="acme", user_id="u", messages="x", conversation_id="c")
        for _ in range(700):
            await line.producer.send("again.responses", encode(answered(other, "x")), key=b"acme/c")
        await line.producer.flush()
        async with Client(broker.address, prefix="again.") as second:
            assert (await second.ask(request)).output == "Hello"
            assert (await second.response("acme", request.request_id)).output == "Hello"
            assert (await second.response("acme", request.request_id, conversation_id="c")).output == "Hello"
        await line.until(2)
        assert len(line.requests) == 2


async def test_streams_follow_one_another(broker: EmbeddedBroker) -> None:
    async with Line.answering_on(broker, "streams.") as line, Client(broker.address, prefix="streams.") as client:
        for _ in range(3):
            request = client.request(tenant_id="acme", user_id="u", messages="x")
            events = [event async for event in client.stream(request)]
            told = [event for event in events if isinstance(event, Told)]
            assert "".join(one.text for one in told) == "Hello"
            assert told[-1] == Told("final")
            assert isinstance(events[-1], Response)
        both = [client.request(tenant_id="acme", user_id="u", messages="x") for _ in range(2)]
        ends = await asyncio.gather(*(_last(client, one) for one in both))
        assert [one.request_id for one in ends] == [one.request_id for one in both]

        line.answering = False
        begun = client.request(tenant_id="acme", user_id="u", messages="x")
        async with aclosing(client.stream(begun)) as pieces:
            first = asyncio.ensure_future(anext(pieces))
            await line.until(6)
            await line.say(begun, piece(begun, 0, "He"))
            assert await first == Told("text", "He")
        async with asyncio.timeout(10):
            while line.cancelled != [f"acme/{begun.request_id}"]:
                await asyncio.sleep(0.01)


async def test_what_comes_while_nobody_follows_chunks_is_passed_over(broker: EmbeddedBroker) -> None:
    seen: list[bytes] = []
    wire = KafkaWire({"bootstrap_servers": broker.address}, SystemClock(), prefix="blocks.", fetch_wait=0.02)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()

    async def until(value: bytes) -> None:
        async with asyncio.timeout(10):
            while value not in seen:
                await asyncio.sleep(0.01)

    await wire.open(lambda record: seen.append(record.value), ignore)
    try:
        for value in (b"first", b"unheard", b"second"):
            if value != b"unheard":
                await wire.follow_chunks()
            await producer.send_and_wait("blocks.response-chunks", value, key=b"k")
            if value == b"unheard":
                await asyncio.sleep(0.1)  # a fetch that was under way has ended by now
            else:
                await until(value)
                wire.leave_chunks()
                await asyncio.sleep(0.1)
        assert seen == [b"first", b"second"]
    finally:
        await wire.close()
        await producer.stop()


async def _last(client: Client, request: Request) -> Response:
    last: Told | Response | None = None
    async for event in client.stream(request):
        last = event
    assert isinstance(last, Response)
    return last


async def test_partitions_are_read_backwards_in_blocks_as_far_as_is_asked(broker: EmbeddedBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    for number in range(2_000):
        await producer.send("blocks.responses", b"%d" % number, key=b"k", partition=2, timestamp_ms=1_000 + number)
    await producer.stop()
    wire = KafkaWire({"bootstrap_servers": broker.address}, SystemClock(), prefix="blocks.")
    await wire.open(ignore, ignore)
    try:
        assert wire.places == PARTITIONS

        async def read(since_ms: int) -> list[list[int]]:
            return [[int(one.value) for one in block] async for block in wire.backwards(2, since_ms * 1000)]

        assert await read(0) == [list(range(1500, 2000)), list(range(500, 1500)), list(range(500))]
        assert await read(1_000 + 600) == [list(range(1500, 2000)), list(range(500, 1500))]
        assert [block async for block in wire.backwards(1, 0)] == []
    finally:
        await wire.close()


def ignore(_: Received | Exception) -> None:
    return None


async def test_a_line_that_has_grown_is_told_its_old_count(broker: EmbeddedBroker) -> None:
    async with Line.answering_on(broker, "grown.") as line:
        async with Client(broker.address, prefix="grown.", partitions=3) as client:
            for number in range(20):
                await client.send(client.request(tenant_id=f"tenant-{number}", user_id="u", messages="x"))
        await line.until(20)
        assert all(record.partition == key_partition(record.key or b"", 3) for record in line.requests)


async def test_more_partitions_than_there_are_is_told_before_anything_is_asked(broker: EmbeddedBroker) -> None:
    with pytest.raises(Unreachable, match=r"grown\.responses has \d+ partitions, and not 12 as kafka\.partitions says"):
        async with Client(broker.address, prefix="grown.", partitions=12):
            pass


async def test_what_is_too_large_is_not_sent_and_the_client_goes_on(broker: EmbeddedBroker) -> None:
    async with Line.answering_on(broker, "dies."), Client(broker.address, prefix="dies.") as client:
        busy = len(asyncio.all_tasks())
        for _ in range(5):
            with pytest.raises(NotSent, match="MessageSizeTooLarge"):
                await client.ask(client.request(tenant_id="acme", user_id="u", messages="x" * 1_100_000))
            assert (await client.ask(client.request(tenant_id="acme", user_id="u", messages="x"))).output == "Hello"
        assert (
            len(asyncio.all_tasks()) < busy + 5
        )  # each producer has several of its own, and a connection to each broker


async def test_without_a_broker_the_start_fails_with_one_clear_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(Unreachable, match=r"no broker takes us at 127\.0\.0\.1:1 \(KafkaConnectionError\)"):
        async with Client("127.0.0.1:1"):
            pass


async def test_without_its_topics_the_line_is_not_there(broker: EmbeddedBroker) -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.responses"):
        async with Client(broker.address, prefix="nowhere."):
            pass


async def test_who_is_called_off_while_chunks_are_resumed_leaves_that_to_the_next() -> None:
    broker = EmbeddedBroker(topics=dict.fromkeys(TOPICS, 1))
    broker.start()
    wire = KafkaWire({"bootstrap_servers": broker.address}, SystemClock())
    try:
        await wire.open(lambda _: None, lambda _: None)
        await wire.follow_chunks()
        wire.leave_chunks()
        broker.close()
        streams = [asyncio.create_task(wire.follow_chunks()) for _ in range(3)]
        await asyncio.sleep(0.1)
        streams[0].cancel()
        done, _ = await asyncio.wait(streams[1:], timeout=0.5)
        assert not done  # they wait for the broker, and do not take the pause for an end
        for one in streams:
            one.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    finally:
        await wire.close()
        broker.close()


async def test_when_the_broker_dies_asks_end_in_time_and_so_does_closing() -> None:
    broker = EmbeddedBroker(topics=dict.fromkeys(TOPICS, 2))
    broker.start()
    loop = asyncio.get_running_loop()
    try:
        async with Client(broker.address) as client:
            waiting = asyncio.create_task(
                client.ask(client.request(tenant_id="acme", user_id="u", messages="x"), timeout=1)
            )
            await asyncio.sleep(0.2)
            broker.close()
            with pytest.raises(ClientError):
                await client.ask(client.request(tenant_id="acme", user_id="u", messages="x"), timeout=0.5)
            with pytest.raises(ClientError):
                await waiting
            began = loop.time()
        assert loop.time() - began < 8
    finally:
        broker.close()
