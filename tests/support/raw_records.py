"""Records as bytes on the wire, written by ourselves: what no Kafka client agrees to send, because it would be wrong.

Only the batch format of today (magic 2). A broker looks at sizes, checksums and counts; keys, values and headers are to it
what they are here: bytes.
"""

import asyncio
import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint
from aiokafka.structs import TopicPartition

NO_TIMESTAMP = -1
_GZIP = 1
_MAGIC = 2
_SECONDS = 30.0
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Raw:
    """One record, and what is wrong with the batch around it. `timestamp` in milliseconds, -1 is none."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    timestamp: int = NO_TIMESTAMP
    compressed: bool = False
    kept: float = 1.0
    """The share of the compressed bytes that is sent; below 1 nobody can unpack them."""
    checksum: bool = True
    """Whether the batch's checksum is right."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where a record lies. `offset` is None when the broker refused it: then `error` is the name of aiokafka's error."""

    partition: int
    offset: int | None
    error: str | None = None


def batch(record: Raw) -> bytes:
    """A batch of one record."""
    body = bytearray(b"\0")  # attributes of a record: there are none
    _number(body, 0)
    _number(body, 0)
    _bytes(body, record.key)
    _bytes(body, record.value)
    _number(body, len(record.headers))
    for name, value in record.headers:
        _bytes(body, name)
        _bytes(body, value)
    framed = bytearray()
    _number(framed, len(body))
    packed = bytes(framed + body)
    if record.compressed:
        packed = gzip.compress(packed, mtime=0)
        packed = packed[: int(len(packed) * record.kept)]
    at = record.timestamp
    checked = struct.pack(">hiqqqhii", _GZIP if record.compressed else 0, 0, at, at, -1, -1, -1, 1) + packed
    checksum = calc_crc32c(checked) ^ (0 if record.checksum else 1)
    return struct.pack(">qiibI", 0, len(checked) + 9, -1, _MAGIC, checksum) + checked


async def produce(brokers: str, topic: str, records: Sequence[tuple[int, Raw]]) -> list[Written]:
    """Write (partition, record) pairs one after another; partitions count modulo those there are.

    Repeats for half a minute what can pass, and raises `TimeoutError` then; a record that was repeated may lie there twice.
    """
    client = AIOKafkaClient(bootstrap_servers=brokers)
    await client.bootstrap()
    try:
        partitions = 0
        async with asyncio.timeout(_SECONDS):
            while not partitions:
                await client.set_topics([topic])
                partitions = len(client.cluster.partitions_for_topic(topic) or ())
        return [await _one(client, TopicPartition(topic, number % partitions), record) for number, record in records]
    finally:
        await client.close()


async def _one(client: AIOKafkaClient, place: TopicPartition, record: Raw) -> Written:
    written = batch(record)
    async with asyncio.timeout(_SECONDS):
        while True:
            leader = client.cluster.leader_for_partition(place)
            try:
                if leader is None or leader < 0:
                    raise for_code(5)
                request = ProduceRequest(
                    transactional_id=None,
                    required_acks=-1,
                    timeout=10_000,
                    topics=[(place.topic, [(place.partition, written)])],
                )
                answer = cast("Any", await client.send(leader, request))
                _, [(_, code, offset, *_)] = answer.topics[0]
                if code == 0:
                    return Written(place.partition, int(offset))
                raise for_code(code)
            except KafkaError as error:
                if not error.retriable:
                    return Written(place.partition, None, type(error).__name__)
                await asyncio.sleep(_PAUSE)
                await client.force_metadata_update()


def _number(buffer: bytearray, value: int) -> None:
    encode_varint(value, buffer.append)


def _bytes(buffer: bytearray, value: bytes | None) -> None:
    _number(buffer, -1 if value is None else len(value))
    buffer += value or b""
