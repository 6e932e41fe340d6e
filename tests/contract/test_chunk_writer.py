"""Chunks on their way to a broker: where they go, in which order, and what happens when it is away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import OutOfOrderSequenceNumber

from streamguard.clock import SystemClock
from streamguard.config import Cluster
from streamguard.dev.broker import EmbeddedBroker
from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode
from streamguard.intake.clients import give_up
from streamguard.stages.chunks import ChunkLost
from streamguard.stages.contract import Event
from streamguard.stream.chunk_writer import KafkaChunks, chunk_producer
from tests.unit.stages.examples import event, guarded

TOPIC, PARTITIONS, SECONDS = "response-chunks", 4, 20.0
TRACE = "ab" * 16


def chunk(seq: int, text: str = "word ") -> Chunk:
    return Chunk(request_id="r1", tenant_id="acme", stream=7, seq=seq, text=text)


def of(partition: int = 3, *, trace: str | None = TRACE) -> Event[object]:  # pyright: ignore[reportInvalidTypeArguments]  # any record will do
    return event(guarded(), partition=partition, trace_id=trace)


@asynccontextmanager
async def running(writer: KafkaChunks) -> AsyncGenerator[None]:
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(writer(ready, stop))
    async with asyncio.timeout(SECONDS):
        await ready.wait()
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(SECONDS):
            await task


async def stored(brokers: str, partition: int) -> list["ConsumerRecord[bytes | None, bytes | None]"]:
    place = TopicPartition(TOPIC, partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, 0)
        end = (await consumer.end_offsets([place]))[place]
        records: list[ConsumerRecord[bytes | None, bytes | None]] = []
        async with asyncio.timeout(SECONDS):
            while len(records) < end:
                records += [one for batch in (await consumer.getmany(timeout_ms=200)).values() for one in batch]
        return records
    finally:
        await consumer.stop()


@pytest.fixture
def broker() -> EmbeddedBroker:
    return EmbeddedBroker(topics={TOPIC: PARTITIONS})


async def test_chunks_lie_in_order_where_their_request_lay_with_its_key_and_trace(broker: EmbeddedBroker) -> None:
    with broker:
        writer = KafkaChunks(Cluster(broker.address), TOPIC, SystemClock())
        async with running(writer):
            waits = [await writer.write(of(), chunk(seq)) for seq in range(300)]
            other = await writer.write(of(1, trace=None), chunk(0))
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*waits, other)
        records, strangers = await stored(broker.address, 3), await stored(broker.address, 1)

    assert [decode(Chunk, record.value, dict(record.headers)["schema"].decode()).seq for record in records] == list(
        range(300)
    )
    assert {record.key for record in records} == {b"acme/r1"}
    traces = {dict(record.headers)["traceparent"].split(b"-")[1] for record in records}
    assert traces == {TRACE.encode()}
    assert len(strangers) == 1
    assert dict(strangers[0].headers)["traceparent"].count(b"-") == 3


async def test_a_broker_that_is_away_holds_nobody_up_and_does_not_keep_the_worker(broker: EmbeddedBroker) -> None:
    with broker:
        writer = KafkaChunks(Cluster(broker.address), TOPIC, SystemClock(), room=2_000, wait=0.05)
        async with running(writer):
            await (await writer.write(of(), chunk(0)))
            broker.close()
            waits = [await writer.write(of(), chunk(seq, "word " * 100)) for seq in range(1, 5)]
            with pytest.raises(ChunkLost):
                async with asyncio.timeout(SECONDS):
                    await writer.write(of(), chunk(5))
            assert not any(wait.done() for wait in waits)
        assert all(wait.done() for wait in waits)


async def test_a_producer_that_can_go_on_no_more_is_replaced(broker: EmbeddedBroker) -> None:
    made: list[AIOKafkaProducer] = []

    def make(cluster: Cluster) -> AIOKafkaProducer:
        made.append(chunk_producer(cluster))
        return made[-1]

    with broker:
        writer = KafkaChunks(Cluster(broker.address), TOPIC, SystemClock(), make=make)
        async with running(writer):
            await (await writer.write(of(), chunk(0)))
            lost = await writer.write(of(), chunk(1))
            give_up(made[0], OutOfOrderSequenceNumber())
            with pytest.raises(OutOfOrderSequenceNumber):
                await lost
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        await (await writer.write(of(), chunk(2)))
                        break
                    except ChunkLost:
                        await asyncio.sleep(0.01)
        assert len(made) == 2


async def test_nobody_writes_before_it_is_connected() -> None:
    with pytest.raises(ChunkLost):
        await KafkaChunks(Cluster("127.0.0.1:1"), TOPIC, SystemClock()).write(of(), chunk(0))


async def test_a_partition_that_is_not_there_is_a_lost_chunk(broker: EmbeddedBroker) -> None:
    with broker:
        writer = KafkaChunks(Cluster(broker.address), TOPIC, SystemClock())
        async with running(writer):
            with pytest.raises(ChunkLost):
                await writer.write(of(PARTITIONS), chunk(0))
            await (await writer.write(of(), chunk(0)))
