"""What strangers may put on `requests`: every kind ends where it must, in the same process, and the next request is answered."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamguard.cli.demo.settings import PARTITIONS
from tests.support.garbage import Garbage, Sent, garbage, make, send
from tests.support.garbage_kinds import KINDS, Ends
from tests.support.kafka import KafkaNode, unique
from tests.support.line import SECONDS, Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Letter = Any


@asynccontextmanager
async def dead_letters(line: Line, brokers: str) -> AsyncGenerator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(line.topics.full("dead-letters"), number) for number in range(PARTITIONS)])
    try:
        yield consumer
    finally:
        await consumer.stop()


async def letters_of(consumer: AIOKafkaConsumer, sent: list[Sent]) -> dict[str, Letter]:
    """The dead letter of each record, by its kind, once all are there."""
    kinds = {(one.partition, one.offset): one.item.kind for one in sent}
    found: dict[str, Letter] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while len(found) < len(kinds):
                for letter in [
                    letter for several in (await consumer.getmany(timeout_ms=200)).values() for letter in several
                ]:
                    at = dict(letter.headers)["dlq.at"].decode().split("/")
                    if kind := kinds.get((int(at[1]), int(at[2]))):
                        assert kind not in found, f"buried twice: {kind}"
                        found[kind] = letter
    except TimeoutError:
        raise AssertionError(f"not buried: {sorted(set(kinds.values()) - set(found))}") from None
    return found


def started(line: Line) -> int:
    """How often the worker has been started so far."""
    return line.log("worker").read_text().count('"metrics served"')


async def answered(line: Line) -> None:
    name = unique("good")
    messages = [{"role": "user", "content": "Where is my parcel?"}]
    response, _ = await line.ask({"request_id": name, "tenant_id": "acme", "user_id": name, "messages": messages})
    assert response["status"] == "answered"


async def test_one_of_each_kind_ends_where_it_must(kafka: KafkaNode, tmp_path: Path) -> None:
    draw = random.Random(4)
    items = garbage(draw, len(KINDS))
    async with Line(kafka.brokers, tmp_path, prefix=unique("hostile") + ".") as line:
        sent = await send(kafka.brokers, line.topics.full("requests"), items)
        assert {one.item.kind for one in sent if one.offset is None} == {
            kind for kind, (ends, _) in KINDS.items() if ends is Ends.BROKER
        }
        missing: list[str] = []
        for item in items:
            if item.request_id is not None:
                try:
                    await line.ended(item.request_id)
                except TimeoutError:
                    missing.append(item.kind)
                    break
        assert not missing
        async with dead_letters(line, kafka.brokers) as consumer:
            letters = await letters_of(consumer, [one for one in sent if one.item.ends is Ends.DEAD_LETTER])
        for item in items:
            if item.ends is Ends.DEAD_LETTER:
                letter = letters[item.kind]
                assert (letter.key, letter.value) == (item.key, item.value), item.kind
                kept = Counter(value for _, value in letter.headers)
                assert not Counter(value for _, value in item.raw.headers) - kept, item.kind
        await answered(line)
        assert {line.ends(item.request_id) for item in items if item.request_id is not None} == {(1, 1)}
        assert started(line) == 1


async def test_many_that_cannot_be_read_within_a_minute_stop_nobody(kafka: KafkaNode, tmp_path: Path) -> None:
    draw = random.Random(5)
    kinds = [
        "no value",
        "noise",
        "cut JSON",
        "another major version",
        "fields missing",
        "header name that is not UTF-8",
    ]
    items: list[Garbage] = [make(draw.choice(kinds), draw) for _ in range(300)]
    async with Line(kafka.brokers, tmp_path, prefix=unique("flood") + ".") as line:
        await send(kafka.brokers, line.topics.full("requests"), items)
        await answered(line)
        async with dead_letters(line, kafka.brokers) as consumer:
            places: set[bytes] = set()
            async with asyncio.timeout(SECONDS):
                while len(places) < len(items):
                    for several in (await consumer.getmany(timeout_ms=200)).values():
                        places |= {dict(letter.headers)["dlq.at"] or b"" for letter in several}
        assert started(line) == 1
