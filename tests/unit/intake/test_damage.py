"""Bytes that aiokafka cannot read: what is whole around them is read, and they are passed on as damaged."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streamguard.errors import InvalidRecord
from streamguard.intake.clients import received
from streamguard.intake.contract import Received
from streamguard.intake.damage import PATIENCE, UNREADABLE_BATCH, UNREADABLE_HEADER, CarefulRecords
from streamguard.intake.errors import Unreadable
from tests.support.raw_records import Raw, batch
from tests.unit.intake.fakes import Bench, Copying
from tests.unit.intake.test_publishing import run, topics, turn

TP = TopicPartition("in", 0)
ODD = "n\udce4me"
"""A name in Latin-1, as it is told."""


def at(offset: int, raw: bytes) -> bytes:
    """The batch where a broker has stored it."""
    return struct.pack(">q", offset) + raw[8:]


def several(*names: str | None, broken: bool = False) -> bytes:
    """A batch of records with these header names, and the first name made unreadable."""
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 16
    )
    for number, name in enumerate(names):
        builder.append(number, 1000 + number, b"k", b"v%d" % number, [(name, b"x")] if name else [])
    return bytes(builder.build())


def with_checksum(raw: bytes) -> bytes:
    from aiokafka.record.util import calc_crc32c

    return raw[:17] + struct.pack(">I", calc_crc32c(raw[21:])) + raw[21:]


def read(
    raw: bytes, begin: int, tries: dict[TopicPartition, tuple[int, int]] | None = None, end: int = 1 << 40
) -> tuple[list[Received], int]:
    """All records from an offset on, and where the next fetch begins."""
    inner = PartitionRecords(TP, MemoryRecords(raw), None, begin, None, None, True, READ_UNCOMMITTED)
    records = CarefulRecords(TP, inner, raw, {} if tries is None else tries, end)
    return [received(record) for record in records], records.next_fetch_offset


def shown(records: Sequence[Received]) -> list[tuple[int, bytes | None, str]]:
    return [(record.offset, record.value, record.damage) for record in records]


def test_what_can_be_read_is_read_as_ever() -> None:
    records, ahead = read(at(5, several("a", None)) + at(7, several(None)), 6)
    assert shown(records) == [(6, b"v1", ""), (7, b"v0", "")]
    assert ahead == 8


def test_a_header_name_that_is_no_text_damages_its_record_alone() -> None:
    raw = with_checksum(several("a", "name", "b").replace(b"name", b"n\xe4me"))
    records, ahead = read(at(5, raw) + at(8, several(None)), 5)
    assert shown(records) == [(5, b"v0", ""), (6, b"v1", UNREADABLE_HEADER), (7, b"v2", "")]
    assert records[1].headers == ((ODD, b"x"),)
    assert (records[1].key, records[1].timestamp) == (b"k", 1001)
    assert ahead == 8  # and the batch after it is fetched again


def test_a_repeated_fetch_inside_the_batch_gives_the_rest_of_it() -> None:
    raw = at(5, with_checksum(several("name", "a", "name").replace(b"name", b"n\xe4me")))
    assert shown(read(raw, 6)[0]) == [(6, b"v1", ""), (7, b"v2", UNREADABLE_HEADER)]


def test_a_wrong_checksum_is_fetched_again_before_the_batch_is_given_up() -> None:
    raw, tries = at(5, several(None, None)[:-1] + b"!"), dict[TopicPartition, tuple[int, int]]()
    for _ in range(PATIENCE - 1):
        assert read(raw, 5, tries) == ([], 5)
    (record,), ahead = read(raw, 5, tries)
    assert (record.offset, record.value, record.damage) == (6, raw, UNREADABLE_BATCH)
    assert record.headers == (("offsets", b"5-6"),)
    assert record.timestamp == 1001
    assert ahead == 7


@pytest.mark.parametrize("begin", [5, 6, 7, 8])
def test_a_damaged_batch_that_claims_too_many_offsets_skips_no_others(begin: int) -> None:
    claims = at(5, several(None, None)[:23] + struct.pack(">i", 5000) + several(None, None)[27:])
    tries: dict[TopicPartition, tuple[int, int]] = {TP: (begin, PATIENCE)}
    records, ahead = read(claims + at(7, several(None, None)), begin, tries)  # a broker gives it for all that it claims
    if begin < 7:
        assert shown(records) == [(6, claims, UNREADABLE_BATCH)]
        assert ahead == 7
    else:
        assert shown(records) == [(7, b"v0", ""), (8, b"v1", "")][begin - 7 :]
        assert ahead == 9
    (record,), ahead = read(claims, 5, {TP: (5, PATIENCE)}, end=7)  # nothing lies behind it
    assert (record.offset, ahead) == (6, 7)


def damaged_bytes() -> dict[str, bytes]:
    plain = several(None, None)
    unknown = with_checksum(plain[:21] + struct.pack(">h", 7) + plain[23:])
    cut = batch(Raw(b"k", b"v" * 1000, compressed=True, kept=0.5))
    lengths = with_checksum(plain[:61] + b"\x7f" + plain[62:])
    return {"unknown compression": unknown, "cut compression": cut, "wrong lengths": lengths}


@pytest.mark.parametrize("kind", damaged_bytes())
def test_what_cannot_be_unpacked_is_one_damaged_record_with_the_bytes_as_they_came(kind: str) -> None:
    raw = at(5, damaged_bytes()[kind])
    records, ahead = read(raw + at(9, several(None)), 5)
    last = 6 if kind != "cut compression" else 5
    assert shown(records) == [(last, raw, UNREADABLE_BATCH)]
    assert ahead == last + 1


def test_records_before_the_damage_in_a_batch_are_not_lost_with_it() -> None:
    plain = several(None, None, None)
    half = plain.index(b"v1")
    raw = at(5, with_checksum(plain[: half - 1] + b"\x7f" + plain[half:]))  # the length of the second value
    records, ahead = read(raw, 5)
    assert shown(records) == [(5, b"v0", ""), (7, raw, UNREADABLE_BATCH)]
    assert records[1].headers == (("offsets", b"6-7"),)
    assert ahead == 8


async def test_a_damaged_record_is_buried_without_a_step() -> None:
    step = Copying()
    bench = await Bench(step).start()
    run(bench, Received("in", 0, 0, 1000, b"k", b"v", (), UNREADABLE_HEADER))
    await turn()
    assert step.began == []
    assert topics(bench.producer.sent) == ["dead"]
    assert bench.producer.sent[0].headers["error"] == b"Unreadable"


def test_damage_is_an_invalid_record_with_a_code() -> None:
    error: Any = Unreadable(UNREADABLE_HEADER)
    assert isinstance(error, InvalidRecord)
    assert error.code == UNREADABLE_HEADER
