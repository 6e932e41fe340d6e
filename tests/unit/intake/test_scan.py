"""Which records of an output partition count as outputs of which inputs."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamguard.intake.errors import Stalled
from streamguard.intake.marks import Place
from streamguard.intake.scan import Scanned, Scanner
from tests.unit.intake.fakes import received
from tests.unit.intake.group import FakeGroup

PLACE, OUT = Place("in", 0), Place("out", 0)


def scanner(group: FakeGroup, stall: float = 5) -> Scanner:
    return Scanner(cast("AIOKafkaConsumer", cast("Any", group)), stall)


async def scan(group: FakeGroup, committed: int = 3) -> Scanned:
    return await scanner(group).scan({PLACE: committed}, {OUT: 0}, None)


async def test_outputs_of_committed_inputs_and_of_other_partitions_do_not_count() -> None:
    group = FakeGroup()
    for number in (2, 3, 4):
        group.output("out", received(number).src, "out,re", value=b"%d" % number)
    group.output("out", "in/1/3/1003", "out")
    group.output("out", "other/0/3/1003", "out")
    scanned = await scan(group)
    assert scanned.records == 5
    assert scanned.ends == {OUT: 5}
    assert set(scanned.existing) == {PLACE}
    assert set(scanned.existing[PLACE]) == {(3, 1003), (4, 1004)}
    assert scanned.existing[PLACE][3, 1003].at == {OUT: 1}
    assert scanned.existing[PLACE][3, 1003].values == {"out": b"3"}
    assert not scanned.existing[PLACE][3, 1003].complete


async def test_records_of_others_are_passed_over() -> None:
    group = FakeGroup()
    for headers in ((), (("src", b"\xff"),), (("of", b"out"),), cast("Any", (("src", None), ("of", None)))):
        log = group.logs.setdefault(TopicPartition("out", 0), [])
        log.append(ConsumerRecord("out", 0, len(log), 0, 0, b"", b"", None, 0, 0, headers))
    assert (await scan(group)).existing == {PLACE: {}}


async def test_an_output_whose_other_topics_are_not_told_stands_alone() -> None:
    group = FakeGroup()
    headers = cast("Any", (("src", received(3).src.encode()), ("of", None)))
    group.logs[TopicPartition("out", 0)] = [ConsumerRecord("out", 0, 0, 0, 0, b"", b"", None, 0, 0, headers)]
    assert (await scan(group)).existing[PLACE][3, 1003].complete


async def test_headers_that_a_stage_passes_on_do_not_hide_our_own() -> None:
    group = FakeGroup()
    headers = (("src", received(3).src.encode()), ("of", b"out"), ("src", b"in/0/99/7"), ("of", b"out,re"))
    group.logs[TopicPartition("out", 0)] = [ConsumerRecord("out", 0, 0, 0, 0, b"", b"", None, 0, 0, headers)]
    found = (await scan(group)).existing[PLACE]
    assert list(found) == [(3, 1003)]
    assert found[3, 1003].complete


async def test_a_void_output_does_not_exist() -> None:
    group = FakeGroup()
    group.output("out", received(3).src, "out")
    group.output("out", received(4).src, "out")
    scanned = await scanner(group).scan({PLACE: 3}, {OUT: 0}, lambda topic, partition, offset, headers: offset == 0)
    assert set(scanned.existing[PLACE]) == {(4, 1004)}


async def test_nothing_to_read_is_no_work() -> None:
    group = FakeGroup()
    assert (await scan(group)).records == 0
    assert (await scanner(group).scan({}, {}, None)).ends == {}
    assert group.reads == []


async def test_a_scan_that_stands_still_is_stalled() -> None:
    class Silent(FakeGroup):
        async def getmany(self, *tps: TopicPartition, timeout_ms: int) -> Any:
            await asyncio.sleep(0.005)
            return {}

    group = Silent()
    group.output("out", received(3).src, "out")
    with pytest.raises(Stalled, match="no progress"):
        await scanner(group, stall=0.05).scan({PLACE: 3}, {OUT: 0}, None)
