"""What lies on a topic, read from its beginning to the end that it has now."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

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
