"""The broker that the other tests rely on: it starts, loses nothing when killed, and leaves nothing behind."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.support.kafka import ROOT, KafkaNode, unique

pytestmark = pytest.mark.slow


async def test_records_survive_a_kill_and_bear_the_brokers_time(kafka: KafkaNode) -> None:
    topic = unique("survives")
    await kafka.create([topic], partitions=2)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.brokers)
    await producer.start()
    await producer.send_and_wait(topic, b"v", partition=1, timestamp_ms=1000)
    await producer.stop()

    kafka.kill()
    kafka.start()

    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.brokers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 1)])
    record = await consumer.getone()
    await consumer.stop()
    assert record.value == b"v"
    assert record.timestamp > 1_000_000


def test_the_broker_dies_with_the_process_that_started_it(tmp_path: Path, kafka: KafkaNode) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tests.support.kafka import KafkaNode;"
        "n = KafkaNode(Path(sys.argv[1])); n.start(); print(n.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout as lines:
        broker = psutil.Process(int(lines.readline()))
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while broker.is_running() and broker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.02)
