"""Outputs that the broker refuses, on a real Kafka: the culprits are buried, and nobody else notices."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import pytest
from aiokafka import AIOKafkaProducer

from streamguard.config import Cluster
from streamguard.intake import Intake, Output, Received, Settings
from tests.support.audit import read_all
from tests.support.kafka import KafkaNode, unique

pytestmark = pytest.mark.slow

LIMIT = 3000
"""Bytes that the broker takes in one batch of the topic `out`: less than the producer puts together under load, so it
refuses batches of good records too."""
COUNT, EVERY = 2000, 10


def bury_to(topic: str):
    def bury(record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(topic, record.key, record.value, (("code", type(error).__name__.encode()),))]

    return bury


async def produce(kafka: KafkaNode, topic: str, values: Sequence[bytes], *, keys: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.brokers, linger_ms=5)
    await producer.start()
    sent = [await producer.send(topic, one, key=b"k%d" % (at % keys)) for at, one in enumerate(values)]
    await asyncio.gather(*sent)
    await producer.stop()


async def finish(intake: Intake, count: int) -> None:
    """Run it until `count` inputs are done. Fails with what ends it before."""
    stop = asyncio.Event()
    task = asyncio.create_task(intake.run(stop))
    async with asyncio.timeout(40):
        while intake.statistics.done < count:
            assert not task.done(), repr(task.exception())
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.wait_for(task, 20)


@pytest.mark.parametrize("pipelined", [False, True], ids=["serial", "pipelined"])
async def test_what_the_broker_refuses_is_buried_and_the_others_go_on(kafka: KafkaNode, pipelined: bool) -> None:
    source, out, dead = unique("in"), unique("out"), unique("dead")
    await kafka.create([source, dead])
    await kafka.create([out], configs={"max.message.bytes": str(LIMIT)})
    await produce(kafka, source, [b"%d" % number for number in range(COUNT)], keys=50)

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        number = int(record.value or b"")
        return [Output(out, record.key, b"%d%s" % (number, b" " * LIMIT if number % EVERY == 0 else b""))]

    intake = Intake(
        Settings(cluster=Cluster(kafka.brokers), group=unique("group"), session=6.0, buried_limit=COUNT),
        sources=[source],
        targets=[out, dead],
        step=step,
        bury=bury_to(dead),
        pipelined=pipelined,
    )
    await finish(intake, COUNT)

    entries = await read_all(kafka.brokers, [out, dead])
    good = Counter(int(one.value or b"") for one in entries[out])
    buried = Counter(int(one.value or b"") for one in entries[dead])
    assert good == Counter(number for number in range(COUNT) if number % EVERY)
    assert buried == Counter(range(0, COUNT, EVERY))
    lanes = defaultdict[object, list[int]](list)
    for one in entries[out]:
        lanes[one.key].append(int(one.value or b""))
    assert all(numbers == sorted(numbers) for numbers in lanes.values())
    assert intake.statistics.buried == COUNT // EVERY
    assert intake.statistics.fenced == 0


async def test_a_record_that_breaks_the_rules_of_its_topic_concerns_nobody_else(kafka: KafkaNode) -> None:
    """A compacted topic takes no record without a key; aiokafka has no name for that answer."""
    source, out, dead = unique("in"), unique("out"), unique("dead")
    await kafka.create([source, dead])
    await kafka.create([out], configs={"cleanup.policy": "compact"})
    await produce(kafka, source, [b"%d" % number for number in range(100)], keys=50)

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(out, None if record.value == b"30" else record.key, record.value)]

    intake = Intake(
        Settings(cluster=Cluster(kafka.brokers), group=unique("group"), session=6.0),
        sources=[source],
        targets=[out, dead],
        step=step,
        bury=bury_to(dead),
    )
    await finish(intake, 100)

    entries = await read_all(kafka.brokers, [out, dead])
    assert [(one.value, dict(one.headers)["code"]) for one in entries[dead]] == [(b"30", b"InvalidRecordError")]
    assert Counter(one.value for one in entries[out]) == Counter(
        b"%d" % number for number in range(100) if number != 30
    )
