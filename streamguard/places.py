"""Where records lie: the partition of a key, and how a reader without a group stands at the end of topics.

Whoever sends to the line and whoever reads from it must agree on both, so they are written once, for clients and stages.
"""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.partitioner import murmur2


def key_partition(key: bytes, count: int) -> int:
    """The partition of a key among `count`: murmur2, as Kafka's own clients do."""
    return (murmur2(key) & 0x7FFFFFFF) % count


async def partitions_of(consumer: AIOKafkaConsumer, *topics: str) -> list[TopicPartition]:
    """All partitions of these topics, in order. Creates none. The consumer has been started.

    Raises UnknownTopicOrPartitionError naming the topic that is not there, and other errors of Kafka.
    """
    there = await consumer.topics()  # unlike a look at one topic this creates none
    for topic in topics:
        if topic not in there:
            raise UnknownTopicOrPartitionError(topic)
    await consumer.end_offsets([TopicPartition(topic, 0) for topic in topics])  # makes the client learn the topics
    return [TopicPartition(topic, n) for topic in topics for n in sorted(consumer.partitions_for_topic(topic) or ())]


async def stand_at_the_end(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
    """Give the consumer these partitions, and everything in them from now on. Raises errors of Kafka.

    aiokafka's own `seek_to_end` goes on asking a broker that leads a partition no longer; this asks the new one.
    """
    ends = await consumer.end_offsets(places)
    if consumer.assignment() != set(places):
        consumer.assign(places)
    for place, end in ends.items():
        consumer.seek(place, end)
