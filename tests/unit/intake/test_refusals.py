"""Errors of Kafka: which pass, which concern the record, and which the worker."""

import asyncio
import struct
from types import SimpleNamespace
from typing import Any, cast

import aiokafka.errors
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager

from streamguard.intake.outlet import Fenced, LeaseLapsed
from streamguard.intake.refusals import REFUSALS, Fate, FateUnknown, InvalidRecordError, fate, mend_refusals
from tests.unit.intake.fakes import Bench, Copying, received
from tests.unit.intake.test_publishing import run, topics, turn

PASSES = {
    "UnknownTopicOrPartitionError",
    "LeaderNotAvailableError",
    "NotLeaderForPartitionError",
    "RequestTimedOutError",
    "NotEnoughReplicasError",
    "NotEnoughReplicasAfterAppendError",
    "KafkaStorageError",
}
RECORD = {"MessageSizeTooLargeError", "RecordListTooLargeError", "PolicyViolationError", "InvalidRecordError"}
WORKER = {
    "CorruptRecordException",
    "InvalidTopicError",
    "InvalidRequiredAcksError",
    "TopicAuthorizationFailedError",
    "ClusterAuthorizationFailedError",
    "InvalidTimestampError",
    "UnsupportedVersionError",
    "UnsupportedForMessageFormatError",
    "OutOfOrderSequenceNumber",
    "InvalidProducerEpoch",
    "UnknownProducerId",
    "ProducerFenced",
    "UnknownError",
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [(PASSES, Fate.PASSES), (RECORD, Fate.RECORD), (WORKER, Fate.WORKER)],
    ids=["passes", "record", "worker"],  # processes side by side must name them alike, and sets have no order
)
def test_every_answer_to_an_output_has_one_fate(names: set[str], expected: Fate) -> None:
    kinds = [getattr(aiokafka.errors, name, InvalidRecordError) for name in sorted(names)]
    assert [fate(kind()) for kind in kinds] == [expected] * len(kinds)


def test_what_is_our_own_has_one_too() -> None:
    assert fate(LeaseLapsed()) is Fate.PASSES
    assert fate(ConnectionResetError()) is fate(KafkaTimeoutError()) is Fate.PASSES
    assert fate(Fenced()) is fate(FateUnknown()) is Fate.WORKER


@pytest.mark.parametrize(
    "error", [KafkaTimeoutError(), UnknownTopicOrPartitionError(), KafkaConnectionError()], ids=repr
)
async def test_an_output_that_cannot_be_handed_over_now_is_later(error: KafkaError) -> None:
    bench = await Bench(Copying()).start()
    bench.producer.refuse_at_once["out"] = error
    run(bench, received(0))
    await turn()
    assert bench.producer.sent == []
    assert bench.errors == []
    assert bench.clock.slept
    bench.producer.refuse_at_once.clear()
    await turn()
    assert topics(bench.producer.sent) == ["out"]


async def test_waiting_to_hand_over_ends_when_the_producer_is_broken_off() -> None:
    bench = await Bench(Copying()).start()
    bench.producer.refuse_at_once["out"] = UnknownTopicOrPartitionError()
    run(bench, received(0))
    await turn()
    bench.gate.close()
    bench.outlet.break_off()
    await turn()
    assert bench.gate.inside == 0
    assert bench.statistics.fenced == 1


@pytest.mark.parametrize(("renewed", "expected"), [(True, Fenced), (False, ProducerClosed)])
async def test_a_producer_that_was_replaced_meanwhile_fences(renewed: bool, expected: type[Exception]) -> None:
    bench = await Bench(Copying()).start()

    async def closed(*_: object, **__: object) -> None:
        if renewed:
            bench.producers.append(
                cast("Any", SimpleNamespace(start=turn, stop=turn, client=SimpleNamespace(send=turn, _get_conn=turn)))
            )
            await bench.outlet.renew()
        raise ProducerClosed

    cast("Any", bench.producer).send = closed
    with pytest.raises(expected):
        await bench.outlet.hand("out", b"k", b"v", 0, [])


async def test_an_error_that_only_an_operator_mends_ends_the_worker() -> None:
    bench = await Bench(Copying()).start()
    bench.producer.refuse_at_once["out"] = TopicAuthorizationFailedError("out")
    run(bench, received(0))
    await turn()
    assert [type(error) for error in bench.errors] == [TopicAuthorizationFailedError]


class Partition:
    """aiokafka's accumulator and sequence numbers for one partition, with the test as the broker."""

    def __init__(self) -> None:
        self.tp = TopicPartition("out", 0)
        cluster = cast("Any", ClusterMetadata())
        cluster.leader_for_partition = self._leader
        numbers = self.numbers = cast("Any", TransactionManager(None, 1000))
        numbers.set_pid_and_epoch(7, 0)
        self.accumulator = cast("Any", MessageAccumulator(cluster, 1 << 16, 0, 30, txn_manager=numbers))
        self.sender = SimpleNamespace(_send_produce_req=self._sent)
        producer = SimpleNamespace(_sender=self.sender, _txn_manager=numbers, _message_accumulator=self.accumulator)
        mend_refusals(cast("AIOKafkaProducer", producer))
        self.error: Exception | None = None

    @staticmethod
    def _leader(_: TopicPartition) -> int:
        return 1

    async def _sent(self, node_id: int, batches: dict[TopicPartition, MessageBatch]) -> None:
        for batch in batches.values():
            batch.failure(self.error) if self.error else batch.done(0)

    async def put(self, *values: bytes) -> "list[asyncio.Future[Any]]":
        return [await self.accumulator.add_message(self.tp, b"k", value, 1) for value in values]

    async def send(self, error: Exception | None, *, attempts: int = 1) -> tuple[int, int]:
        """Send what is next; returns its first sequence number and its count of records."""
        batch: Any = None
        for attempt in range(attempts):
            if attempt:
                self.accumulator.reenqueue(batch)
            batch = self.accumulator.drain_by_nodes([])[0][1][self.tp]
        self.error = error
        await self.sender._send_produce_req(1, {self.tp: batch})
        return struct.unpack_from(">i", batch.get_data_buffer(), 53)[0], batch.record_count


@pytest.mark.parametrize("error", [kind() for kind in REFUSALS], ids=repr)
async def test_a_refused_batch_is_taken_apart_in_place_and_its_numbers_are_given_again(error: KafkaError) -> None:
    part = Partition()
    await part.put(b"a", b"b")
    assert await part.send(None) == (0, 2)
    futures = await part.put(b"c", b"d", b"e")
    assert await part.send(error) == (2, 3)
    assert not any(future.done() for future in futures)
    later = asyncio.ensure_future(part.put(b"f"))  # waits for its turn
    assert await part.send(None) == (2, 1)
    assert await part.send(error) == (3, 1)
    assert await part.send(None) == (3, 1)
    last = await later
    assert await part.send(None) == (4, 1)
    assert [type(future.exception()) for future in (*futures, *last)] == [
        type(None),
        type(error),
        type(None),
        type(None),
    ]


async def test_whoever_flushes_waits_for_all_parts() -> None:
    part = Partition()
    await part.put(b"a", b"b")
    await part.send(MessageSizeTooLargeError())
    flushed = asyncio.ensure_future(part.accumulator.flush())
    await part.send(None)
    await turn()
    assert not flushed.done()
    await part.send(MessageSizeTooLargeError())
    await turn()
    assert flushed.done()


async def test_a_batch_that_was_sent_before_is_no_plain_refusal() -> None:
    part = Partition()
    futures = await part.put(b"a", b"b")
    await part.send(MessageSizeTooLargeError(), attempts=2)
    assert [type(future.exception()) for future in futures] == [FateUnknown, FateUnknown]


async def test_other_errors_are_left_as_they_are() -> None:
    part = Partition()
    (future,) = await part.put(b"a")
    await part.send(TopicAuthorizationFailedError())
    assert isinstance(future.exception(), TopicAuthorizationFailedError)
    await part.put(b"b")
    assert await part.send(None) == (1, 1)


async def test_an_answer_that_the_client_has_no_name_for_gets_one() -> None:
    Partition()
    assert issubclass(InvalidRecordError, BrokerResponseError)
    assert for_code(87) is InvalidRecordError
