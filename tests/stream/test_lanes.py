"""The two lanes over the running line: no interactive request stands behind batch ones, and these go on beside it."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.dev.broker import EmbeddedBroker
from tests.support.line import SECONDS, Line, broker_with_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

BATCH = 200
LATENCY_MS = 200.0
IN_FLIGHT = 4
"""The batch takes at least 200 / 4 times 0.2 s: its requests come faster than they are answered, also on a busy machine."""
BACKLOG = 80


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with broker_with_lines("lanes.") as broker:
        yield broker


def request(name: str, **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What does plan {name} cost?"}]
    fields = {"request_id": name, "tenant_id": "acme", "user_id": f"u-{name}", "messages": messages, "cache": "off"}
    return fields | changes


async def held(broker: EmbeddedBroker, topic: str) -> int:
    """How many records a topic has."""
    reader = AIOKafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False)
    await reader.start()
    try:
        return sum((await reader.end_offsets([TopicPartition(topic, n) for n in range(PARTITIONS)])).values())
    finally:
        await reader.stop()


async def test_an_interactive_request_overtakes_a_batch_and_the_batch_goes_on_beside_interactive_ones(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = {"invoke.batch": {"in_flight": IN_FLIGHT}}
    async with Line(
        broker.address, tmp_path, prefix="lanes.", settings=settings, embedded=True, latency_ms=LATENCY_MS
    ) as line:
        names = [f"b-{number}" for number in range(BATCH)]

        def done() -> int:
            return sum(line.ends(name) == (1, 1) for name in names)

        await asyncio.gather(*(line.send(request(name, lane="batch")) for name in names))
        async with asyncio.timeout(SECONDS):
            while (waiting := await held(broker, "lanes.invocations-batch")) - done() < BACKLOG:
                await asyncio.sleep(0.05)

        response, outcome = await line.ask(request("urgent"))
        assert (response["status"], outcome["source"]) == ("answered", "model"), outcome["calls"]
        overtaken = waiting - done()
        assert overtaken > BACKLOG / 2, f"only {overtaken} that waited before it were still to be answered"

        beside = 0
        async with asyncio.timeout(SECONDS):
            for number in count():
                if done() == BATCH:
                    break
                await line.ask(request(f"i-{number}"))
                beside += 1
        assert beside >= 5
        assert await held(broker, "lanes.invocations-batch") == BATCH
        assert await held(broker, "lanes.invocations") == 1 + beside
        _, outcome = await line.ended("b-0")
        assert [entry["stage"] for entry in outcome["trail"]] == ["admit", "guard", "lookup", "invoke", "verify"]
        assert outcome["head"]["lane"] == "batch"
