"""The embedded broker as Kafka clients see it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import OffsetAndMetadata

from streamguard.dev.broker import EmbeddedBroker

TOPIC = "orders"
GROUP = "clerks"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={TOPIC: 6}, groups=(GROUP,), first_assignment=0.3) as broker:
        yield broker


@asynccontextmanager
async def producer_of(broker: EmbeddedBroker) -> AsyncGenerator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, enable_idempotence=True) as producer:
        yield producer


def new_member(broker: EmbeddedBroker, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=broker.address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        partition_assignment_strategy=[RangePartitionAssignor],
        session_timeout_ms=3000,
        heartbeat_interval_ms=300,
    )


@asynccontextmanager
async def member_of(broker: EmbeddedBroker, group: str) -> AsyncGenerator[AIOKafkaConsumer]:
    consumer = new_member(broker, group)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def read(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    records: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(10):
        while len(records) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
    return records


async def test_topics_named_at_the_start_have_their_partitions_and_others_have_four(broker: EmbeddedBroker) -> None:
    async with producer_of(broker) as producer:
        assert await producer.partitions_for(TOPIC) == set(range(6))
        await producer.send_and_wait("somewhere-else", b"x")
        assert await producer.partitions_for("somewhere-else") == set(range(4))


async def test_an_idempotent_producers_records_come_back_whole(broker: EmbeddedBroker) -> None:
    async with producer_of(broker) as producer:
        for number in range(60):
            sent = await producer.send_and_wait(
                TOPIC, b"v%d" % number, key=b"k%d" % number, partition=number % 6, headers=[("src", b"%d" % number)]
            )
            assert sent.offset == number // 6
    async with member_of(broker, GROUP) as consumer:
        records = await read(consumer, 60)
    assert {(r.key, r.value, r.partition, tuple(r.headers)) for r in records} == {
        (b"k%d" % n, b"v%d" % n, n % 6, (("src", b"%d" % n),)) for n in range(60)
    }


async def test_commits_keep_their_metadata(broker: EmbeddedBroker) -> None:
    partition = TopicPartition(TOPIC, 3)
    async with member_of(broker, GROUP) as consumer:
        await consumer.commit({partition: OffsetAndMetadata(7, "marks:1a.2b")})
        assert await consumer.committed(partition) == 7
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(GROUP, partitions=[partition])  # the mock does not list all
    finally:
        await admin.close()
    assert committed[partition] == OffsetAndMetadata(7, "marks:1a.2b")


async def test_members_that_start_together_share_the_partitions_in_ranges(broker: EmbeddedBroker) -> None:
    members = [new_member(broker, GROUP) for _ in range(3)]
    try:
        async with asyncio.timeout(1.5):  # within the wait for the first assignment, far below the session timeout
            await asyncio.gather(*(member.start() for member in members))
        shares = {frozenset(tp.partition for tp in member.assignment()) for member in members}
    finally:
        await asyncio.gather(*(member.stop() for member in members))
    assert shares == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4, 5})}


@pytest.mark.slow
async def test_a_member_may_join_and_leave_a_group_at_work(broker: EmbeddedBroker) -> None:
    async with asyncio.timeout(20), member_of(broker, GROUP) as first:
        assert len(first.assignment()) == 6
        async with member_of(broker, GROUP) as second:
            while not (len(first.assignment()) == len(second.assignment()) == 3):
                await asyncio.gather(first.getmany(timeout_ms=50), second.getmany(timeout_ms=50))
        while len(first.assignment()) != 6:
            await first.getmany(timeout_ms=50)


async def test_a_group_that_was_not_named_works_with_one_member(broker: EmbeddedBroker) -> None:
    for group in ("visitors-a", "visitors-b", "visitors-c", "visitors-d"):
        async with member_of(broker, group) as consumer:
            assert len(consumer.assignment()) == 6


def test_two_brokers_live_side_by_side_and_closing_twice_is_harmless() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.address != other.address
        other.close()
