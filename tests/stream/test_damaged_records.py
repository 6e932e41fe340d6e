"""Records that no client can read, on a real Kafka: buried with their bytes, and those around them done."""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from streamguard.config import Cluster
from streamguard.intake import Intake, Output, Received, Settings
from streamguard.intake.damage import UNREADABLE_BATCH, UNREADABLE_HEADER
from streamguard.intake.errors import Unreadable
from streamguard.stream.stage_step import dead_letter
from streamguard.stream.topics import Topics
from tests.support.audit import read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.raw_records import Raw, produce

pytestmark = pytest.mark.slow

GOOD = Raw(b"k", b"good")
ODD = Raw(b"k", b"value", ((b"n\xe4me", b"x"), (b"plain", b"y")))


class Line:
    """One stage over topics of its own, which passes on what it gets."""

    def __init__(self, kafka: KafkaNode) -> None:
        self._kafka, self.topics = kafka, Topics.load(f"{unique('p')}.")
        self.source, self.out = self.topics.full("admitted"), self.topics.full("guarded")
        self.dead = self.topics.full("dead-letters")
        self.group = unique("group")

    async def create(self) -> "Line":
        await self._kafka.create([self.source, self.out, self.dead], partitions=2)
        return self

    def _bury(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        code = error.code if isinstance(error, Unreadable) else type(error).__name__
        return [dead_letter(self.topics, "guard", record, code)]

    async def _step(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        if record.value is None:
            raise LookupError
        return [Output(self.out, record.key, record.value)]

    async def work(self, count: int) -> Intake:
        """Until this many inputs are done; fails with what ends it before."""
        intake = Intake(
            Settings(cluster=Cluster(self._kafka.brokers), group=self.group, session=6.0),
            sources=[self.source],
            targets=[self.out, self.dead],
            step=self._step,
            bury=self._bury,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(intake.run(stop))
        async with asyncio.timeout(20):
            while intake.statistics.done < count:
                assert not task.done(), repr(task.exception())
                await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(task, 20)
        return intake


async def test_header_names_that_are_no_text_are_buried_as_they_came_once(kafka: KafkaNode) -> None:
    line = await Line(kafka).create()
    written = await produce(kafka.brokers, line.source, [(0, GOOD), (0, ODD), (1, GOOD), (0, GOOD), (0, ODD)])
    assert [one.offset for one in written] == [0, 1, 0, 2, 3]

    await line.work(5)
    line.group = unique("group")  # without commits: everything is read once more
    again = await line.work(5)

    entries = await read_all(kafka.brokers, [line.out, line.dead])
    assert [one.value for one in entries[line.out]] == [b"good"] * 3
    assert [one.value for one in entries[line.dead]] == [b"value"] * 2
    headers = entries[line.dead][0].headers
    assert headers["dlq.code"] == UNREADABLE_HEADER.encode()
    assert headers["dlq.hex.6ee46d65"] == b"x"
    assert headers["plain"] == b"y"
    assert again.statistics.suppressed == 5


async def test_a_record_with_neither_key_nor_value_can_be_buried(kafka: KafkaNode) -> None:
    line = await Line(kafka).create()
    await produce(kafka.brokers, line.source, [(0, Raw(None, None)), (0, GOOD)])

    await line.work(2)

    (letter,) = (await read_all(kafka.brokers, [line.dead]))[line.dead]
    assert (letter.key, letter.value) == (None, None)
    assert letter.headers["dlq.code"] == b"LookupError"


async def test_a_batch_that_the_disk_damaged_is_buried_whole(kafka: KafkaNode) -> None:
    line = await Line(kafka).create()
    await produce(kafka.brokers, line.source, [(0, GOOD), (0, Raw(b"k", b"to be damaged")), (0, GOOD)])
    config = Path(psutil.Process(kafka.pid).cmdline()[-1])
    (log,) = config.parent.glob(f"log*/{line.source}-0/00000000000000000000.log")
    before = log.read_bytes()
    at = before.index(b"to be damaged")
    with log.open("r+b") as file:
        file.seek(at)
        file.write(b"damaged")

    await line.work(3)

    entries = await read_all(kafka.brokers, [line.out, line.dead])
    assert [one.value for one in entries[line.out]] == [b"good"] * 2
    (letter,) = entries[line.dead]
    value = letter.value or b""
    assert b"damagedamaged" in value
    assert struct.unpack(">q", value[:8]) == (1,)
    assert letter.headers["dlq.code"] == UNREADABLE_BATCH.encode()
    assert letter.headers["offsets"] == b"1-1"
