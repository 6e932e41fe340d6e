"""What is read of Kafka's segments, of segments that aiokafka's own builder makes."""

from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from benchmarks.sizing_disk import batches, log_of

ZSTD = 4
VALUES = [b'{"tenant_id":"acme","status":"answered","number":%d}' % number for number in range(40)]


def batch(values: list[bytes], compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=1,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1 << 20,
    )
    for offset, value in enumerate(values):
        assert builder.append(offset, 1_000, b"key", value, [("schema", b"streamguard.response/1")])
    return bytes(builder.build())


def segment(folder: Path, partition: str, *parts: bytes) -> None:
    (folder / partition).mkdir(exist_ok=True)
    (folder / partition / f"{len(list((folder / partition).iterdir())):020}.log").write_bytes(b"".join(parts))


def test_all_segments_of_a_topic_and_of_no_other_are_counted(tmp_path: Path) -> None:
    one, two, three = batch(VALUES[:1]), batch(VALUES[1:4]), batch(VALUES[4:9])
    segment(tmp_path, "invocations-0", one, two)
    segment(tmp_path, "invocations-0", three)
    segment(tmp_path, "invocations-11", one)
    segment(tmp_path, "invocations-batch-0", three)
    found = log_of(tmp_path, "invocations")
    assert (found.records, found.batches, found.bytes) == (10, 4, 2 * len(one) + len(two) + len(three))
    assert log_of(tmp_path, "outcomes").bytes == 0


def test_a_batch_that_is_still_being_written_is_left_out() -> None:
    whole = batch(VALUES[:3])
    assert [count for count, _ in batches(whole + batch(VALUES)[:-1])] == [3]
    assert [count for count, _ in batches(whole + whole[:30])] == [3]


@pytest.mark.parametrize("count", [2, 5, 40])
def test_compression_is_reckoned_as_kafka_s_clients_do_it(tmp_path: Path, count: int) -> None:
    segment(tmp_path, "responses-0", batch(VALUES[:count]))
    assert log_of(tmp_path, "responses").zstd_bytes == pytest.approx(len(batch(VALUES[:count], ZSTD)), rel=0.03)


def test_what_compression_would_make_larger_counts_as_it_is(tmp_path: Path) -> None:
    tiny = batch([b""])
    segment(tmp_path, "breakers-0", tiny)
    assert log_of(tmp_path, "breakers").zstd_bytes <= len(tiny)
