"""What can pass is waited for, on a real Kafka: long steps, a topic that is gone. Membership and the other keys go on."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.config import Cluster
from streamguard.intake import Intake, Output, Received, Settings
from streamguard.intake.errors import IntakeError
from tests.support.audit import read_all
from tests.support.kafka import KafkaNode, unique

pytestmark = pytest.mark.slow


class Stage:
    """One stage over topics of its own; records whose value is `hang` wait for `release`."""

    def __init__(self, kafka: KafkaNode, **settings: float) -> None:
        self.kafka, self.source, self.out, self.dead = kafka, unique("in"), unique("out"), unique("dead")
        self.release = asyncio.Event()
        self.intake = Intake(
            Settings(cluster=Cluster(kafka.brokers), group=unique("group"), **settings),  # pyright: ignore[reportArgumentType] -- whole numbers are given as int
            sources=[self.source],
            targets=[self.out, self.dead],
            step=self._step,
            bury=self._bury,
        )

    async def _step(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        if record.key == b"hang":
            await self.release.wait()
        return [Output(self.out, record.key, record.value)]

    def _bury(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(self.dead, record.key, record.value)]

    async def send(self, key: bytes, count: int, partition: int, *, first: int = 0) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.brokers, linger_ms=5)
        await producer.start()
        numbers = range(first, first + count)
        await asyncio.gather(
            *[await producer.send(self.source, b"%d" % one, key=key, partition=partition) for one in numbers]
        )
        await producer.stop()

    async def done(self, count: int, task: "asyncio.Task[None]") -> None:
        async with asyncio.timeout(20):
            while self.intake.statistics.done < count:
                assert not task.done(), repr(task.exception())
                await asyncio.sleep(0.02)


async def test_a_partition_that_is_paused_past_the_session_keeps_its_member_and_holds_up_nothing_else(
    kafka: KafkaNode,
) -> None:
    session = 1.0
    stage = Stage(kafka, session=session, key_queue=2, deadline=60, cap=32)
    await kafka.create([stage.source, stage.out, stage.dead], partitions=2)
    await stage.send(b"hang", 30, 0)
    stop = asyncio.Event()
    task = asyncio.create_task(stage.intake.run(stop))
    for turn in range(4):  # a session each
        await stage.send(b"runs", 20, 1, first=turn * 20)
        await stage.done(turn * 20 + 20, task)
        await asyncio.sleep(session)
    statistics = stage.intake.statistics
    assert statistics.in_flight == 3  # one runs, two wait, and the partition is paused
    assert (statistics.assignments, statistics.refused_commits) == (1, 0)
    stage.release.set()
    await stage.done(110, task)
    stop.set()
    await asyncio.wait_for(task, 20)

    values = [one.value for one in (await read_all(kafka.brokers, [stage.out]))[stage.out] if one.key == b"hang"]
    assert values == [b"%d" % number for number in range(30)]


async def test_an_output_topic_that_is_deleted_ends_the_worker_and_loses_nothing(kafka: KafkaNode) -> None:
    times = {"session": 2.0, "deadline": 1.0, "stall": 2.0, "topics_wait": 0.5}
    stage = Stage(kafka, **times)
    await kafka.create([stage.source, stage.out, stage.dead], partitions=2)
    await stage.send(b"k", 10, 0)
    task = asyncio.create_task(stage.intake.run(asyncio.Event()))
    await stage.done(10, task)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    await admin.delete_topics([stage.out])
    await admin.close()

    await stage.send(b"k", 10, 0, first=10)
    with pytest.raises(IntakeError):  # the watchdog, after a while in which everything waits
        await asyncio.wait_for(task, 20)
    with pytest.raises(IntakeError, match=stage.out):  # and the next start, in so many words
        await asyncio.wait_for(stage.intake.run(asyncio.Event()), 20)
    await kafka.create([stage.out], partitions=2)
    stop = asyncio.Event()
    task = asyncio.create_task(stage.intake.run(stop))
    await stage.done(20, task)
    stop.set()
    await asyncio.wait_for(task, 20)

    entries = await read_all(kafka.brokers, [stage.out, stage.dead])
    assert Counter(one.value for one in entries[stage.out]) == Counter(b"%d" % number for number in range(10, 20))
    assert entries[stage.dead] == []
