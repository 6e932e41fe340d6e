"""How a worker begins and ends on a real Kafka: what it refuses to start with, and that an orderly end costs nothing."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.support.crew import PARTITIONS, Crew, calls
from tests.support.kafka import KafkaNode, unique
from tests.support.started import Start, ended

pytestmark = pytest.mark.slow


async def test_a_missing_topic_is_named(kafka: KafkaNode, tmp_path: Path, start: Start) -> None:
    async with Crew(kafka, tmp_path) as crew:
        topics = crew.topics.model_copy(update={"also": unique("absent")})
        worker = start(crew.command("a", topics=topics, topics_wait=0.5))
        status, line = await ended(worker)
    assert status == 1
    assert f"TopicsMissing: missing topics after 0.5 s: {topics.also}" in line


async def test_a_missing_topic_is_waited_for(kafka: KafkaNode, tmp_path: Path, start: Start) -> None:
    async with Crew(kafka, tmp_path) as crew:
        topics = crew.topics.model_copy(update={"sources": [unique("late")]})
        worker = start(crew.command("a", topics=topics, topics_wait=20.0))
        await asyncio.sleep(2.0)
        assert worker.poll() is None
        crew.topics = topics
        await kafka.create(topics.sources)
        await crew.send(calls(40, slow=0.0))
        await crew.drained()
        (await crew.audit()).assert_clean()


async def test_sources_of_unequal_partition_counts_are_refused(kafka: KafkaNode, tmp_path: Path, start: Start) -> None:
    async with Crew(kafka, tmp_path) as crew:
        other = unique("narrow")
        await kafka.create([other], partitions=PARTITIONS - 1)
        topics = crew.topics.model_copy(update={"sources": [*crew.topics.sources, other]})
        status, line = await ended(start(crew.command("a", topics=topics)))
    assert status == 2
    assert "TopicsUnequal" in line
    assert other in line


async def test_a_committed_offset_that_is_gone_is_an_error_that_names_it(
    kafka: KafkaNode, tmp_path: Path, start: Start
) -> None:
    async with Crew(kafka, tmp_path) as crew:
        await crew.send(calls(200, slow=0.0))
        crew.start("a")
        await crew.drained()
        await crew.stop("a")
        await crew.send(calls(400, slow=0.0))
        place = TopicPartition(crew.topics.sources[0], 2)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(before_offset=-1)})
        await admin.close()
        status, line = await ended(start(crew.command("a")))
    assert status == 1
    assert f"OffsetGone: {place.topic}/2: offset" in line


async def test_an_orderly_stop_finishes_what_it_began(kafka: KafkaNode, tmp_path: Path, start: Start) -> None:
    async with Crew(kafka, tmp_path) as crew:
        await crew.send(calls(1200))
        for stop in range(3):
            worker = start(crew.command("a"))
            await crew.called(100 + 250 * stop)
            worker.send_signal(signal.SIGTERM)
            assert await ended(worker) == (0, "")
        crew.start("a")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()
    assert report.repeated == 0


async def test_too_many_buried_inputs_stop_the_worker(kafka: KafkaNode, tmp_path: Path, start: Start) -> None:
    async with Crew(kafka, tmp_path) as crew:
        await crew.send([one.model_copy(update={"kind": "raise"}) for one in calls(100)])
        status, line = await ended(start(crew.command("a", buried_limit=20)))
        report = await crew.audit()
    assert status == 1
    assert "TooManyBuried: more than 20 inputs were buried" in line
    assert not report.twice
    assert not report.wrong
