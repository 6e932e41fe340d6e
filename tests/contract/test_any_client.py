"""Real Kafka, and clients that are not ours: the plain examples, and what is legal for a producer in any language."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import Producer

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.config import Cluster
from streamguard.intake.clients import committed_offsets, make_reader, position, read_from_beginning
from streamguard.intake.settings import Settings
from streamguard.stream.flow import group_name
from tests.support.clients import CLIENTS, all_ask, client
from tests.support.kafka import KafkaNode, unique
from tests.support.line import Line
from tests.support.lying import home, its_record, lying
from tests.support.unavailable import or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

TENANT = "globex"
"""Whose requests librdkafka's own default would put on another partition."""
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
ONE_BATCH = {"linger.ms": 200}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(kafka: KafkaNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Line]:
    async with Line(kafka.brokers, tmp_path_factory.mktemp("any"), prefix=unique("any") + ".") as line:
        yield line


def request(name: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Where is my parcel?"}]
    return {"request_id": name, "tenant_id": TENANT, "user_id": name, "messages": messages}


def produce(producer: Producer, line: Line, *names: str) -> None:
    for name in names:
        producer.produce(line.topics.full("requests"), orjson.dumps(request(name)), TENANT.encode())


@pytest.mark.parametrize("name", CLIENTS)
async def test_an_example_asks_over_real_kafka(name: str, kafka: KafkaNode, line: Line) -> None:
    asker = or_skip(lambda: client(name))
    told = await asker.ask(kafka.brokers, "Where is my parcel?", "--tenant", TENANT, prefix=line.topics.prefix)
    assert (told.status, told.said.get("status"), told.complaint) == (0, "answered", "")
    response, _ = await line.ended(told.said["request"])
    assert told.said["output"] == response["output"]
    record = await its_record(kafka.brokers, line.topics.full("requests"), told.said["request"])
    assert (record.key, record.partition) == (TENANT.encode(), home(TENANT))


async def test_an_example_says_that_topics_are_missing(kafka: KafkaNode) -> None:
    for told in await all_ask(kafka.brokers, "--timeout", "10", prefix=unique("none") + "."):
        assert (told.status, told.said) == (2, {})
        assert told.complaint.startswith("the cluster cannot be used: ")
        assert told.complaint.count("\n") == 1


async def test_batches_of_every_compression_are_answered(kafka: KafkaNode, line: Line) -> None:
    names = {codec: [f"{codec}-{number}" for number in range(5)] for codec in CODECS}
    for codec in CODECS:
        producer = Producer({"bootstrap.servers": kafka.brokers, "compression.type": codec, **ONE_BATCH})
        produce(producer, line, *names[codec])
        assert producer.flush(10) == 0
    ended = await asyncio.gather(*(line.ended(name) for several in names.values() for name in several))
    assert {response["status"] for response, _ in ended} == {"answered"}


async def test_transactions_are_read_without_waiting_for_their_end(kafka: KafkaNode, line: Line) -> None:
    """Those of an aborted one are asked, too; one that stays open holds up nobody; the markers on the topic disturb nobody."""
    told = {"bootstrap.servers": kafka.brokers, "transactional.id": unique("service")}
    producer = Producer(told)
    await asyncio.to_thread(producer.init_transactions, 10)
    producer.begin_transaction()
    produce(producer, line, "committed-1", "committed-2")
    await asyncio.to_thread(producer.commit_transaction, 10)
    producer.begin_transaction()
    produce(producer, line, "aborted")
    producer.flush(10)
    await asyncio.to_thread(producer.abort_transaction, 10)
    await line.send(request("between"))
    producer.begin_transaction()
    produce(producer, line, "open")
    producer.flush(10)
    await line.send(request("behind"))
    for name in ("committed-1", "committed-2", "aborted", "between", "open", "behind"):
        response, _ = await line.ended(name)
        assert (name, response["status"], line.ends(name)) == (name, "answered", (1, 1))
    await asyncio.to_thread(producer.abort_transaction, 10)
    assert not await lying(kafka.brokers, line.topics.full("dead-letters"))
    requests = [TopicPartition(line.topics.full("requests"), number) for number in range(PARTITIONS)]
    marked = await _read_past_markers(kafka.brokers, requests)
    assert marked
    await _committed_to_the_end(kafka.brokers, group_name(line.topics.prefix, "admit"), marked)


async def _committed_to_the_end(brokers: str, group: str, places: list[TopicPartition]) -> None:
    """Until the group's offsets are behind the markers too: Kafka deletes those in time, and an offset that is gone is a loss."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        async with AIOKafkaConsumer(bootstrap_servers=brokers) as consumer:
            ends = await consumer.end_offsets(places)
        async with asyncio.timeout(20):
            while any(at.offset < ends[place] for place, at in (await committed_offsets(admin, group, places)).items()):
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def _read_past_markers(brokers: str, places: list[TopicPartition]) -> list[TopicPartition]:
    """Those of which the last offset is no record's: by `position` a worker knows that nothing waits there either. If it counted
    the markers it would leave, again and again."""
    reader = make_reader(Settings(cluster=Cluster(brokers), group="none"))
    await reader.start()
    try:
        await read_from_beginning(reader, places)
        ends, behind_last = await reader.end_offsets(places), dict.fromkeys(places, 0)
        async with asyncio.timeout(20):
            while any(position(reader, place) < end for place, end in ends.items()):
                for place, records in (await reader.getmany(timeout_ms=100)).items():
                    behind_last[place] = records[-1].offset + 1
        return [place for place, end in ends.items() if behind_last[place] < end]
    finally:
        await reader.stop()
