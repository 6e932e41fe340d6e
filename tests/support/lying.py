"""What lies on a topic, read from its beginning to the end that it has now."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2

from streamguard.cli.embedded_line.settings import PARTITIONS

SECONDS = 40.0
Lying = ConsumerRecord[Any, Any]


async def lying(brokers: str, topic: str, *, partitions: int = PARTITIONS) -> list[Lying]:
    """All records there, partition by partition in order. Raises `TimeoutError` when they cannot be read for long."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, fetch_max_wait_ms=20)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Lying] = []
        async with asyncio.timeout(SECONDS):
            # by position, not by count: offsets have gaps where transactions ended
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += batch
        return found
    finally:
        await consumer.stop()


async def its_record(brokers: str, topic: str, request_id: str) -> Lying:
    """The only record of a request on `requests`. One on another partition than its tenant's would be there twice: admit sends
    it on."""
    of_it = [one for one in await lying(brokers, topic) if one.value and f'"{request_id}"'.encode() in one.value]
    assert len(of_it) == 1
    return of_it[0]


def home(tenant: str) -> int:
    """The partition of a tenant's requests."""
    return (murmur2(tenant.encode()) & 0x7FFFFFFF) % PARTITIONS
