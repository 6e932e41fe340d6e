"""Records that aiokafka cannot read: read as far as possible, and passed on as damaged instead of stopping their partition.

A header name that is not UTF-8, a checksum that does not fit, an unknown compression: aiokafka raises, for the same offset
for ever. `read_carefully` keeps the bytes of each answer until they are read. Where aiokafka's reader fails, the batch in
question is read once more, by aiokafka's slower Python reader and with any header names. What is still unreadable becomes one
record that holds the batch's bytes, at the last offset it covers.
"""

import logging
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy  # pyright: ignore[reportPrivateUsage] -- see above
from aiokafka.record.memory_records import MemoryRecords

log = logging.getLogger(__name__)

UNREADABLE_HEADER = "unreadable_header"
"""A header name is not UTF-8. Everything else of the record is as it came; such names hold surrogates for their odd bytes."""
UNREADABLE_BATCH = "unreadable_batch"
"""A batch, or what follows an unreadable record in it. The value holds the whole batch as Kafka stores it."""
OFFSETS = "offsets"
"""Header of an unreadable batch: the first and the last offset that are lost with it, `17-23`."""
PATIENCE = 3
"""Times that a batch with a wrong checksum is fetched before it is given up: it may have been damaged on the way."""

_FRAME = struct.Struct(">qiib")
"""Of every batch: its first offset (the last one before version 2), its length after that field, a number, its version."""
_LAST_DELTA, _MAX_TIMESTAMP = (struct.Struct(">i"), 23), (struct.Struct(">q"), 35)
_AFTER_LENGTH = 12
Record = ConsumerRecord[bytes | None, bytes | None]


@dataclass
class DamagedRecord(ConsumerRecord[bytes | None, bytes | None]):
    """A record, or the remains of a batch, that is not as a record must be. `damage` is one of the codes above."""

    damage: str = UNREADABLE_BATCH


def read_carefully(consumer: AIOKafkaConsumer) -> None:
    """Let this consumer pass on what it cannot read. Call it after the consumer has started and before it fetches."""
    fetcher = cast("Any", consumer)._fetcher
    client = cast("Any", consumer)._client
    send = cast("Callable[..., Awaitable[Any]]", client.send)
    fetch = cast("Callable[[Any, int, FetchRequest], Awaitable[bool]]", fetcher._proc_fetch_request)
    tries: dict[TopicPartition, tuple[int, int]] = {}
    answers: dict[int, Any] = {}

    async def keeping(node_id: int, request: object, **options: object) -> Any:
        response = await send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            answers[node_id] = response
        return response

    async def fetched(assignment: Any, node_id: int, request: FetchRequest) -> bool:
        arrived = await fetch(assignment, node_id, request)
        response = answers.pop(node_id, None)
        if arrived and response is not None:  # no await since: nobody has read any of it
            # of each partition: its number, an error, the end of what may be read, ..., the batches
            raw = {TopicPartition(topic, one[0]): one for topic, several in response.topics for one in several}
            for tp, result in fetcher._records.items():
                if tp in raw and isinstance(result, FetchResult):
                    inside = cast("Any", result)
                    if isinstance(inside._partition_records, PartitionRecords):
                        end, batches = raw[tp][2], raw[tp][-1]
                        inside._partition_records = CarefulRecords(tp, inside._partition_records, batches, tries, end)
        return arrived

    client.send, fetcher._proc_fetch_request = keeping, fetched


class CarefulRecords:
    """In the place of aiokafka's `PartitionRecords`: the same records, but it does not raise. Ends after a damaged batch."""

    def __init__(
        self,
        tp: TopicPartition,
        records: PartitionRecords,
        raw: bytes,
        tries: dict[TopicPartition, tuple[int, int]],
        end: int,
    ) -> None:
        """`end` is the offset after the last one that the answer could have held."""
        self._tp, self._records, self._raw, self._tries = tp, cast("Any", records), raw, tries
        self._end = end
        self._next: Callable[[], Record] = self._records._records_iterator.__next__
        self._offset: int | None = None

    @property
    def next_fetch_offset(self) -> int:
        """The offset after the last record given out."""
        return self._records.next_fetch_offset if self._offset is None else self._offset

    def __iter__(self) -> "CarefulRecords":
        return self

    def __next__(self) -> Record:
        try:
            return self._next()
        except StopIteration:
            raise
        except Exception as exc:  # aiokafka raises what its parts raise: Unicode, index, codec errors
            if self._offset is not None:
                raise
            at = self._offset = self._records.next_fetch_offset
            log.warning("%s/%d: offset %d cannot be read: %s", *self._tp, at, type(exc).__name__)
            self._next = self._reread(at).__next__
        return self._next()

    def _reread(self, at: int) -> Iterator[Record]:
        """What can be read of the batch at this offset, and then what cannot. Moves `next_fetch_offset`."""
        whole = list(frames(self._raw))
        for frame, following in zip_longest(whole, whole[1:]):
            last, fits = _last_offset(frame), _checksum_fits(frame)
            if not fits:  # then this number may be what is damaged, and what it skips would be lost
                last = min(last, self._end - 1, _FRAME.unpack_from(following)[0] - 1 if following else last)
            if last < at:
                continue
            if not fits:
                offset, count = self._tries.get(self._tp, (at, 0))
                count = count + 1 if offset == at else 1
                self._tries[self._tp] = (at, count)
                if count < PATIENCE:
                    return
            for record in _records(self._tp, frame, at, last):
                self._offset = record.offset + 1
                yield record
            self._offset = max(at, last + 1)
            return
        self._offset = at + 1  # not even the frame can be trusted: go on one offset at a time
        yield _damaged(self._tp, at, at, 0, self._raw)


def frames(raw: bytes) -> Iterator[bytes]:
    """The whole batches in an answer, as they came."""
    at = 0
    while at + _FRAME.size <= len(raw):
        length = _FRAME.unpack_from(raw, at)[1]
        end = at + _AFTER_LENGTH + length
        if length < _FRAME.size - _AFTER_LENGTH or end > len(raw):
            return
        yield raw[at:end]
        at = end


def _last_offset(frame: bytes) -> int:
    first, _, _, version = _FRAME.unpack_from(frame)
    layout, at = _LAST_DELTA
    if version < 2 or len(frame) < at + layout.size:
        return first
    return first + max(0, layout.unpack_from(frame, at)[0])


def _checksum_fits(frame: bytes) -> bool:
    try:
        batch = MemoryRecords(frame).next_batch()
        return batch is not None and batch.validate_crc()
    except Exception:  # noqa: BLE001 -- too short for its version, or no such version: no checksum to speak of
        return False


def _records(tp: TopicPartition, frame: bytes, at: int, last: int) -> Iterator[Record]:
    """The records of a batch from `at` to `last`, and one for the rest of it that cannot be read."""
    offset = at
    try:
        if _checksum_fits(frame):
            for record in _lenient(frame):
                if record.offset < at:
                    continue
                offset = record.offset + 1
                kind = DamagedRecord if any(not is_text(name) for name, _ in record.headers) else ConsumerRecord
                key, value = record.key, record.value
                sizes = [-1 if part is None else len(part) for part in (key, value)]
                made = kind(
                    *tp, record.offset, record.timestamp, record.timestamp_type, key, value, None, *sizes,
                    headers=tuple(record.headers), **({"damage": UNREADABLE_HEADER} if kind is DamagedRecord else {}),
                )  # fmt: skip
                yield made
            return
    except Exception as exc:  # noqa: BLE001 -- as above
        log.warning("%s/%d: offset %d cannot be read at all: %s", *tp, offset, type(exc).__name__)
    layout, where = _MAX_TIMESTAMP
    timestamp = layout.unpack_from(frame, where)[0] if len(frame) >= where + layout.size else 0
    yield _damaged(tp, offset, max(offset, last), timestamp, frame)


def _damaged(tp: TopicPartition, first: int, last: int, timestamp: int, raw: bytes) -> DamagedRecord:
    headers = ((OFFSETS, f"{first}-{last}".encode()),)
    return DamagedRecord(*tp, last, timestamp, 0, None, raw, None, -1, len(raw), headers=headers)


def is_text(name: str) -> bool:
    """Whether a header name can be written again: False when it holds the surrogates of bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _AnyName(bytearray):
    """A piece of a batch that is text whatever it holds."""

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return bytes(self).decode("utf-8", "surrogateescape")


class _AnyNames(bytearray):
    """A batch whose pieces are."""

    def __getitem__(self, index: Any) -> Any:
        piece = super().__getitem__(index)
        return _AnyName(piece) if isinstance(index, slice) else piece


def _lenient(frame: bytes) -> Any:
    """aiokafka's Python reader of a batch; it decodes header names where it finds them."""
    batch = cast("Any", _DefaultRecordBatchPy(frame))
    batch._maybe_uncompress()
    batch._buffer = _AnyNames(batch._buffer)
    return batch
