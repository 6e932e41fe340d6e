"""The measure to compare with: records over the same number of hops with bare aiokafka, and nothing done to them."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from uuid import uuid4

import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.line import Sent
from streamguard.processes import die_with_parent
from streamguard.stream.planned import Planned

Create = Callable[[Sequence[str]], Awaitable[None]]


async def hop(brokers: str, source: str, target: str) -> None:
    """Batches in, batches out, acknowledged; no keys' order, no offsets."""
    consumer = AIOKafkaConsumer(source, bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True, linger_ms=0)
    await consumer.start()
    await producer.start()
    while True:
        for batch in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
            sent = [
                await producer.send(target, record.value, key=record.key, partition=record.partition)
                for record in batch
            ]
            await asyncio.gather(*sent)


async def measure(
    brokers: str,
    hops: int,
    planned: Sequence[Planned],
    *,
    create: Create | None = None,
    most: int = 200,
    per_second: float | None = None,
) -> Sent:
    """Send the records through a relay in a process of its own; `added` is the whole latency.

    `create` makes the topics where their first use does not.
    """
    prefix = f"relay-{uuid4().hex[:8]}"
    names = [f"{prefix}-{number}" for number in range(hops + 1)]
    if create is not None:
        await create(names)
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await producer.start()
    await consumer.start()
    for name in names:
        await producer.partitions_for(name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.relay", brokers, *names, preexec_fn=die_with_parent()
    )
    try:
        places = [TopicPartition(names[-1], number) for number in await producer.partitions_for(names[-1])]
        consumer.assign(places)
        driver = _Driver(producer, consumer, names[0], most)
        await driver.run(planned[:20], None)  # until everything is connected
        clock = psutil.Process(process.pid)
        before, begun = clock.cpu_times(), time.perf_counter()
        latencies = await driver.run(planned, per_second)
        seconds, after = time.perf_counter() - begun, clock.cpu_times()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await consumer.stop()
        await producer.stop()
    cpu = after.user + after.system - before.user - before.system
    return Sent(len(planned), seconds, {"relay": cpu}, latencies)


class _Driver:
    """Sends with a bounded number on the way, as the line's driver does; records are known by a key of their own."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, topic: str, most: int) -> None:
        self._producer = producer
        self._consumer = consumer
        self._topic = topic
        self._most = most

    async def run(self, planned: Sequence[Planned], per_second: float | None) -> list[float]:
        sent_at: dict[bytes, float] = {}
        latencies: list[float] = []
        moved = asyncio.Event()

        async def read() -> None:
            while len(latencies) < len(planned):
                for batch in (await self._consumer.getmany(timeout_ms=200)).values():
                    now = time.perf_counter()
                    latencies.extend(now - sent_at.pop(record.key) for record in batch if record.key in sent_at)
                    moved.set()

        reading = asyncio.create_task(read())
        begun = time.perf_counter()
        for number, item in enumerate(planned):
            if per_second is not None:
                await asyncio.sleep(begun + number / per_second - time.perf_counter())
            while len(sent_at) >= self._most:
                moved.clear()
                await moved.wait()
            key = uuid4().bytes
            sent_at[key] = time.perf_counter()
            await self._producer.send(self._topic, item.value, key=key)
        await asyncio.wait_for(reading, 60)
        return latencies


async def _relay(brokers: str, names: Sequence[str]) -> None:
    await asyncio.gather(*(hop(brokers, source, target) for source, target in pairwise(names)))


def main() -> None:
    """Run the hops until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("brokers")
    parser.add_argument("topics", nargs="+")
    given = parser.parse_args()
    uvloop.run(_relay(given.brokers, given.topics))


if __name__ == "__main__":
    main()
