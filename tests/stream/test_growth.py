"""Topics that grow on a real Kafka: refused while workers run and when they start, and drained without loss by the way that
the refusal names."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from streamguard.cli.embedded_line.settings import PARTITIONS
from tests.support.crew import Crew, calls
from tests.support.kafka import KafkaNode, unique
from tests.support.line import SECONDS, Line
from tests.support.started import Start, ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WIDER = PARTITIONS + 3


async def grow(kafka: KafkaNode, topics: Collection[str]) -> None:
    """As `kafka-topics --alter --partitions` does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(total_count=WIDER) for topic in topics})
    finally:
        await admin.close()


@pytest.mark.parametrize("which", ["sources", "outputs"])
async def test_workers_that_run_stop_when_a_topic_grows_and_touch_nothing_beyond(
    kafka: KafkaNode, tmp_path: Path, start: Start, which: str
) -> None:
    async with Crew(kafka, tmp_path, metadata_age=1.0, partitions=PARTITIONS) as crew:
        topics = crew.topics.sources if which == "sources" else [crew.topics.rekeyed]
        working = asyncio.ensure_future(ended(start(crew.command("a")), 60.0))
        await crew.send(calls(200, slow=0.0))
        await crew.called(50)
        await grow(kafka, topics)
        await crew.send(calls(1500, slow=0.0))  # by a client that knows of the new partitions
        status, line = await working
        assert status == 2
        assert f"TopicsGrown: {topics[0]} has {WIDER} partitions and was worked on with {PARTITIONS}" in line
        assert f"set kafka.partitions = {PARTITIONS}" in line
        assert len(crew.calls) > 50
        assert {int(src.split("/")[1]) for src, _ in crew.calls} <= set(range(PARTITIONS))
        report = await crew.audit()
        assert not report.twice
        assert [one for one in report.wrong if "rekeyed" in one or "order" in one] == []


def request(name: str, tenant: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Where is my parcel?"}]
    return {"request_id": name, "tenant_id": tenant, "user_id": f"{tenant}-{name}", "messages": messages}


async def ready(line: Line) -> bool:
    """Whether the worker says so; it has taken all partitions when the line is there."""
    entries = [orjson.loads(text) for text in line.log("worker").read_text().splitlines()]
    address = next(entry["address"] for entry in entries if entry["message"] == "metrics served")
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        return [(await client.get(path)).text for path in ("/ready", "/live")] == ["ready\n", "alive\n"]


async def refused(line: Line, says: Callable[[str], bool]) -> None:
    """Until the worker has refused to run with a last line that fits."""
    async with asyncio.timeout(SECONDS):
        while True:
            entries = [orjson.loads(text) for text in line.log("worker").read_text().splitlines()]
            if any(entry["level"] == "critical" and says(entry["message"]) for entry in entries):
                break
            await asyncio.sleep(0.1)
    await line.stop("worker")


async def test_a_grown_set_is_refused_at_the_start_and_runs_empty_with_the_count_it_was_made_with(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    async with Line(kafka.brokers, tmp_path, prefix=unique("grown") + ".") as line:
        tenants = [f"tenant-{n}" for n in range(8)]
        before = [request(f"before-{tenant}", tenant) for tenant in tenants]
        for one in before:
            await line.ask(one)
        assert await ready(line)
        await line.stop("worker")
        for one in before:
            await line.send({**one, "request_id": f"waits-{one['tenant_id']}"})

        await grow(kafka, [line.topics.full("requests")])
        line.start("worker")
        await refused(line, lambda why: f"{line.topics.full('requests')} with {WIDER};" in why and "SetUnequal" in why)

        await grow(kafka, [line.topics.full(topic.name) for topic in line.topics if topic.name != "requests"])
        producer = AIOKafkaProducer(bootstrap_servers=kafka.brokers)
        await producer.start()
        after = [request(f"after-{number}-{tenant}", tenant) for tenant in tenants for number in range(2)]
        for number, one in enumerate((*after, *before)):  # the last are repeats, where nobody has seen them
            place = PARTITIONS + number % (WIDER - PARTITIONS)
            value, key = orjson.dumps(one), str(one["tenant_id"]).encode()
            await producer.send_and_wait(line.topics.full("requests"), value, key=key, partition=place)
        await producer.stop()
        line.start("worker")
        made_with = f"has {WIDER} partitions and was worked on with {PARTITIONS}"
        await refused(line, lambda why: made_with in why and "TopicsGrown" in why)
        assert {line.ends(str(one["request_id"])) for one in after} == {(0, 0)}

        line.configure(kafka={"partitions": PARTITIONS})
        line.start("worker")
        names = [f"waits-{tenant}" for tenant in tenants] + [str(one["request_id"]) for one in after]
        for name in names:
            await line.ended(name)
        await line.ask(request("last", tenants[0]))
        await asyncio.sleep(1.0)
        everything = [*names, *(str(one["request_id"]) for one in before)]
        assert {name: line.ends(name) for name in everything} == dict.fromkeys(everything, (1, 1))
