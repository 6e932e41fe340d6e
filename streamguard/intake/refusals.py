"""What a broker can answer to an output that was written, and what follows from it.

| fate   | errors                                                          | what happens                                 |
|--------|-----------------------------------------------------------------|----------------------------------------------|
| passes | all that aiokafka calls retriable: no or another leader, too    | aiokafka repeats the batch for ever, with    |
|        | few replicas, timeouts, lost connections, a topic that is being | its sequence numbers; steps wait, partitions |
|        | created or is gone, a lease that lapsed                         | pause, and in the end the watchdog leaves    |
| record | REFUSALS                                                        | the input is buried, others go on            |
| worker | everything else: authorization, fenced, out of sequence,        | the worker ends, and a restart with its scan |
|        | a damaged batch, an unknown error                               | finds out what is stored                     |

With idempotence aiokafka lets no batch expire, so "gave up, perhaps stored" does not exist. It does not think about
refusals, though: one refused batch leaves the partition's sequence numbers ahead of the broker's, so every later batch would
fail, and it fails all records of the batch for one. `mend_refusals` puts both right.
"""

import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, cast

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    kafka_errors,
)
from aiokafka.producer.message_accumulator import MessageBatch
from aiokafka.record.memory_records import MemoryRecords


class InvalidRecordError(BrokerResponseError):
    """The broker's rules for the topic forbid this record, such as one without a key in a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker failed to validate this record."


class FateUnknown(KafkaError):
    """A batch was refused when it was repeated: whether its first attempt was stored only a scan can tell."""


REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, PolicyViolationError, InvalidRecordError)
"""Kafka will never take this record; others it will. Whoever raises them has not stored it."""

_BASE_SEQUENCE = struct.Struct(">i"), struct.calcsize(">qiibIhiqqqh")
"""Where a batch's first sequence number stands."""


class Fate(Enum):
    """What an error of an output concerns."""

    PASSES = "passes"
    RECORD = "record"
    WORKER = "worker"


def fate(error: BaseException) -> Fate:
    """The table above."""
    if isinstance(error, REFUSALS):
        return Fate.RECORD
    # a KafkaTimeoutError is the client's own: a partition's leader has taken, or told, nothing within the request timeout
    passes = isinstance(error, ConnectionError | KafkaTimeoutError) or (
        isinstance(error, KafkaError) and error.retriable
    )
    return Fate.PASSES if passes else Fate.WORKER


def mend_refusals(producer: AIOKafkaProducer) -> None:
    """Let this producer go on after a refusal, as Kafka's own Java client does. Call it before the producer starts.

    A batch of one that is refused fails, and its sequence number is given to the next one. A larger batch is taken apart, and
    its records are sent again one by one, in place and in order: only the culprit fails. Both are sure because a partition has
    at most one batch under way. A batch that had been sent before raises FateUnknown instead.
    """
    kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)  # aiokafka knows no name for it
    sender = cast("Any", producer)._sender
    send = cast("Callable[[int, Mapping[TopicPartition, MessageBatch]], Awaitable[None]]", sender._send_produce_req)

    async def watched(node_id: int, batches: Mapping[TopicPartition, MessageBatch]) -> None:
        for batch in batches.values():
            cast("Any", batch).failure = partial(_failed, producer, batch)
        await send(node_id, batches)

    sender._send_produce_req = watched


def _failed(producer: AIOKafkaProducer, batch: MessageBatch, exception: Exception) -> None:
    """In the place of `MessageBatch.failure`."""
    if not isinstance(exception, REFUSALS):
        MessageBatch.failure(batch, exception)
    elif batch.retry_count > 1:
        MessageBatch.failure(batch, FateUnknown())
    else:
        layout, at = _BASE_SEQUENCE
        (sequence,) = layout.unpack_from(batch.get_data_buffer(), at)
        cast("Any", producer)._txn_manager._sequence_numbers[batch.tp] = sequence
        if batch.record_count == 1:
            MessageBatch.failure(batch, exception)
        else:
            _take_apart(producer, batch)


def _take_apart(producer: AIOKafkaProducer, batch: MessageBatch) -> None:
    """Put its records, each in a batch of its own, before whatever waits for the same partition."""
    accumulator, inside = cast("Any", producer)._message_accumulator, cast("Any", batch)
    singles: deque[MessageBatch] = deque()
    records = MemoryRecords(bytes(batch.get_data_buffer())).next_batch()
    assert records is not None, "the producer has just built it"
    for (future, _), record in zip(inside._msg_futures, records, strict=True):
        builder = accumulator.create_builder()
        single = MessageBatch(batch.tp, builder, inside._ttl, inside._linger_time)
        metadata = builder.append(
            timestamp=record.timestamp, key=record.key, value=record.value, headers=record.headers
        )
        builder.close()
        cast("Any", single)._msg_futures.append((future, metadata))
        singles.append(single)
    inside._msg_futures = []
    left = {single.future for single in singles}

    def ended(future: Any) -> None:
        """Whoever flushes waits for the whole batch."""
        left.discard(future)
        if not future.cancelled():
            future.exception()  # told to those who wait for the records
        if not left and not batch.future.done():
            batch.future.set_result(None)

    for single in singles:
        single.future.add_done_callback(ended)
    accumulator._batches[batch.tp].extendleft(reversed(singles))
    if not accumulator._waiter_future.done():
        accumulator._waiter_future.set_result(None)
