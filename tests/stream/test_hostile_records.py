"""What strangers may put on `requests`: every kind ends where it must, in the same process, and the next request is answered."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.events.codec import RECORDS, schema_name
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


async def letters_of(consumer: AIOKafkaConsumer, sent: list[Sent]) -> dict[Sent, Letter]:
    """The dead letter of each record, once all are there."""
    places = {f"{one.topic}/{one.partition}/{one.offset}": one for one in sent}
    found: dict[Sent, Letter] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while len(found) < len(sent):
                for letter in chain.from_iterable((await consumer.getmany(timeout_ms=200)).values()):
                    at = dict(letter.headers)["dlq.at"].decode()
                    if one := places.get(at.rpartition("/")[0]):
                        assert one not in found, f"buried twice: {one.item.kind}"
                        found[one] = letter
    except TimeoutError:
        raise AssertionError(f"not buried: {sorted(one.item.kind for one in set(sent) - set(found))}") from None
    return found


async def answered(line: Line, *, cache: str | None = None) -> None:
    """A good request is; with `cache` some are asked until the cache served one so."""
    async with asyncio.timeout(SECONDS):
        while True:
            name = unique("good")
            messages = [{"role": "user", "content": "Where is my parcel?"}]
            asked = {"request_id": name, "tenant_id": "acme", "user_id": name, "messages": messages}
            response, outcome = await line.ask(asked)
            assert response["status"] == "answered"
            if cache in (None, outcome["cache"]["status"]):
                return


async def test_one_of_each_kind_ends_where_it_must(kafka: KafkaNode, tmp_path: Path) -> None:
    draw = random.Random(4)
    items = garbage(draw, len(KINDS))
    async with Line(kafka.brokers, tmp_path, prefix=unique("hostile") + ".") as line:
        worker = line.pid("worker")
        sent = await send(kafka.brokers, line.topics.full("requests"), items)
        assert {one.item.kind for one in sent if one.offset is None} == {
            kind for kind, (ends, _) in KINDS.items() if ends is Ends.BROKER
        }
        for item in items:
            if item.request_id is not None:
                await line.ended(item.request_id)
        async with dead_letters(line, kafka.brokers) as consumer:
            letters = await letters_of(consumer, [one for one in sent if one.item.ends is Ends.DEAD_LETTER])
        for one, letter in letters.items():
            assert (letter.key, letter.value) == (one.item.key, one.item.value), one.item.kind
            kept = Counter(value for _, value in letter.headers)
            assert not Counter(value for _, value in one.item.raw.headers) - kept, one.item.kind
        await answered(line)
        assert {line.ends(item.request_id) for item in items if item.request_id is not None} == {(1, 1)}
        assert line.pid("worker") == worker


async def test_inside_the_line_they_stop_nobody_either(kafka: KafkaNode, tmp_path: Path) -> None:
    draw = random.Random(6)
    async with Line(kafka.brokers, tmp_path, prefix=unique("inner") + ".") as line:
        worker = line.pid("worker")
        sent: list[Sent] = []
        for topic in ("admitted", "completions", "cache-entries"):
            record = line.topics[topic].record
            assert record is not None
            items = garbage(draw, len(KINDS), schema=schema_name(RECORDS[record]))
            lie = await send(kafka.brokers, line.topics.full(topic), items)
            # the last is no stage's input: what cannot be read there is no entry, and that is all
            sent += [one for one in lie if one.offset is not None and topic != "cache-entries"]
        async with dead_letters(line, kafka.brokers) as consumer:
            assert len(await letters_of(consumer, sent)) == len(sent)
        await answered(line, cache="exact")
        assert line.pid("worker") == worker


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
        worker = line.pid("worker")
        sent = await send(kafka.brokers, line.topics.full("requests"), items)
        async with dead_letters(line, kafka.brokers) as consumer:
            assert len(await letters_of(consumer, sent)) == len(items)
        await answered(line)
        assert line.pid("worker") == worker
