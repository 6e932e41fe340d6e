"""Dead letters of a running line over a real Kafka: what failed under run 1 is answered under run 2 once its cause is gone."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streamguard.cli.embedded_line.settings import PARTITIONS
from tests.chaos.audit import examine
from tests.chaos.audit_reading import gather
from tests.support.audit import Entry, read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.letters import Said, dlq
from tests.support.line import Line

pytestmark = pytest.mark.slow

SMALL = 6000
"""Bytes that `guarded` takes at first: less than guard makes of a long question."""
LONG, SHORT = 6, 4


def request(number: int, text: str) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "tenant_id": "acme",
        "user_id": f"u{number}",
        "messages": [{"role": "user", "content": f"{number}: {text}"}],
    }


async def allow_large_records(kafka: KafkaNode, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    try:
        wanted = {"max.message.bytes": "1048588", "message.timestamp.type": "LogAppendTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
    finally:
        await admin.close()


def runs(entries: list[Entry], *fields: str) -> Counter[tuple[Any, ...]]:
    """How many records there are of each id and run, with these fields."""
    records: list[Mapping[str, Any]] = [orjson.loads(entry.value or b"{}") for entry in entries]
    return Counter(
        (one.get("head", one)["request_id"], one["run"], *(one.get(field) for field in fields)) for one in records
    )


async def test_what_failed_is_answered_as_its_next_run_and_nothing_comes_twice(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    line = Line(kafka.brokers, tmp_path, prefix=f"{unique('p')}.")
    ends, booked = (
        [line.topics.full(name) for name in two] for two in (("outcomes", "responses"), ("telemetry", "settlements"))
    )
    await kafka.create([line.topics.full("guarded")], partitions=PARTITIONS, configs={"max.message.bytes": str(SMALL)})

    async def say(*arguments: str) -> Said:
        return await dlq(tmp_path / "streamguard.toml", *arguments)

    async with line:
        await line.send({"tenant_id": "acme", "request_id": "no request"})
        for number in range(LONG + SHORT):
            await line.send(request(number, "Where is my parcel? " * (400 if number < LONG else 1)))
        for number in range(LONG + SHORT):
            await line.ended(f"r{number}")
        calls = await line.calls()
        listed = (await say("list", "--stage", "guard", "--json")).letters
        assert [(one["code"], one["tenant"], one["run"]) for one in listed] == [
            ("MessageSizeTooLargeError", "acme", 2)
        ] * LONG
        assert len((await say("list", "--stage", "admit", "--json")).letters) == 1

        await allow_large_records(kafka, line.topics.full("guarded"))
        replayed = await say("replay", "--stage", "guard", "--yes")
        again = await say("replay", "--stage", "guard", "--yes")
        async with asyncio.timeout(30):
            while any(line.ends(f"r{number}") != (2, 2) for number in range(LONG)):
                await asyncio.sleep(0.05)
            while sum(map(len, (await read_all(kafka.brokers, booked)).values())) < 2 * (2 * LONG + SHORT):
                await asyncio.sleep(0.2)
        await say("drop", "--stage", "admit", "--yes")
        nothing = await say("list")
        assert await line.calls() == calls + LONG
    findings = examine(await gather(kafka.brokers, line.topics, []))
    entries = await read_all(kafka.brokers, [*ends, *booked])

    assert (replayed.status, replayed.out, again.out, nothing.out) == (0, b"replayed %d\n" % LONG, b"", b"")
    failed = {(f"r{number}", 1, "failed"): 1 for number in range(LONG)}
    answered = {(f"r{number}", 2 if number < LONG else 1, "answered"): 1 for number in range(LONG + SHORT)}
    for topic in (*ends, *booked):
        assert runs(entries[topic], "status") == {**failed, **answered}, topic
    assert (findings.requests, findings.outcomes, findings.dead_letters) == (LONG + SHORT, 2 * LONG + SHORT, LONG + 1)
    assert findings.lost + findings.twice + findings.order + findings.wrong == []
