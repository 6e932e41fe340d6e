"""A new major version of the records, over real Kafka: a topic set of its own beside the old one, drain, switch."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.stream.flow import FLOW, group_name
from tests.support.audit import read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.line import SECONDS, Line
from tests.support.releases import MAJOR, release

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def request(number: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What does plan {number} cost?"}]
    return {"request_id": f"r-{number}", "tenant_id": f"t-{number % 5}", "user_id": f"u-{number}", "messages": messages}


async def drained(kafka: KafkaNode, line: Line) -> None:
    """Until each stage has committed all of its source, in the order of the flow: then nothing of this set is under way."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    reader = AIOKafkaConsumer(bootstrap_servers=kafka.brokers, enable_auto_commit=False)
    await admin.start()
    await reader.start()
    try:
        async with asyncio.timeout(SECONDS):
            for stage, route in FLOW.items():
                places = [TopicPartition(line.topics.full(route.source), number) for number in range(PARTITIONS)]
                group = group_name(line.topics.prefix, stage)
                while True:
                    ends = await reader.end_offsets(places)
                    done = await admin.list_consumer_group_offsets(group, partitions=places)
                    if all(done[place].offset >= end for place, end in ends.items() if end):
                        break
                    await asyncio.sleep(0.2)
    finally:
        await reader.stop()
        await admin.close()


async def test_a_new_major_version_gets_topics_of_its_own_and_nothing_is_lost_on_the_way(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    next_ = release(tmp_path / "next", MAJOR)
    name = unique("set")
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    old = Line(kafka.brokers, tmp_path / "old", prefix=f"{name}.")
    new = Line(
        kafka.brokers,
        tmp_path / "new",
        prefix=f"{name}.v2.",
        releases={"worker": next_},
        schema="streamguard.request/2",
    )
    async with old:
        await asyncio.gather(*(old.send(request(n)) for n in range(40)))
        async with new:  # both sets live
            for number in range(40, 60):  # a service that has switched, and one that has not
                await (new if number % 2 else old).send(request(number))
            early = await misdirected(kafka, old, request(60))
            await asyncio.gather(*(new.send(request(n)) for n in range(61, 80)))
            await drained(kafka, old)
            await old.stop("worker")
            on_old = [n for n in range(60) if n < 40 or n % 2 == 0]
            on_new = [*range(41, 60, 2), *range(61, 80)]
            for line, numbers in ((old, on_old), (new, on_new)):
                for number in numbers:
                    response, _ = await line.ended(f"r-{number}")
                    assert response["status"] == "answered"
            # what came to the old set too early waits as it came, and is replayed where it can be read
            letters = (await read_all(kafka.brokers, [old.topics.full("dead-letters")]))[
                old.topics.full("dead-letters")
            ]
            assert [(one.value, one.headers["dlq.code"]) for one in letters] == [(early, b"unknown_schema")]
            assert letters[0].headers["schema"] == b"streamguard.request/2"
            await new.send(orjson.loads(letters[0].value or b""))
            response, _ = await new.ended("r-60")
            assert response["status"] == "answered"
            await drained(kafka, new)
            assert {old.ends(f"r-{n}") for n in on_old} == {new.ends(f"r-{n}") for n in [*on_new, 60]} == {(1, 1)}
            assert {new.ends(f"r-{n}") for n in on_old} == {old.ends(f"r-{n}") for n in [*on_new, 60]} == {(0, 0)}
            full = new.topics.full("dead-letters")
            assert (await read_all(kafka.brokers, [full]))[full] == []


async def misdirected(kafka: KafkaNode, line: Line, fields: dict[str, Any]) -> bytes:
    """A request of the next major version on a set that cannot read it."""
    value = orjson.dumps(fields)
    async with AIOKafkaProducer(bootstrap_servers=kafka.brokers) as producer:
        await producer.send_and_wait(
            line.topics.full("requests"),
            value,
            key=fields["tenant_id"].encode(),
            headers=[("schema", b"streamguard.request/2")],
        )
    return value
