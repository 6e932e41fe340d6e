"""Services may compress what they produce in any of Kafka's ways."""

import pytest

confluent_kafka = pytest.importorskip("confluent_kafka")

from aiokafka import AIOKafkaConsumer, TopicPartition  # noqa: E402 - after the extra is known to be there

from streamguard.dev.broker import EmbeddedBroker  # noqa: E402 - as above


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_compressed_batch_is_read(codec: str) -> None:
    with EmbeddedBroker(topics={"requests": 1}) as broker:
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": broker.address, "compression.type": codec, "linger.ms": 20}
        )
        for _ in range(50):
            producer.produce("requests", b"where is my parcel? " * 20, b"acme")
        producer.flush(10)
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False, fetch_max_wait_ms=50)
        await consumer.start()
        try:
            place = TopicPartition("requests", 0)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            read = 0
            while read < 50:
                read += sum(map(len, (await consumer.getmany(timeout_ms=5000)).values()))
        finally:
            await consumer.stop()
    assert read == 50
