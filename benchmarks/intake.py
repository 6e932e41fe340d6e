"""How fast an intake passes records through, next to bare aiokafka, and how long a hop takes at low load.

`python -m benchmarks.intake [--json] [--records N]` starts a Kafka of its own through the tests' harness. One process, four
partitions, one output an input unless the row says otherwise.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streamguard.config import Cluster
from streamguard.intake import Intake, Output, Received, Settings
from tests.support.kafka import KafkaNode, unique

PARTITIONS = 4
KEYS = 500


class Row(NamedTuple):
    """Inputs a second, and CPU-microseconds an input of this process."""

    name: str
    rate: float
    cpu_us: float


def bury(record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
    """Nothing in a benchmark may fail."""
    raise AssertionError(type(error).__name__)


async def timed(name: str, count: int, work: Callable[[], Awaitable[None]]) -> Row:
    """Run `work`, which handles `count` inputs."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Row(name, count / wall, cpu / count * 1e6)


async def bare(brokers: str, source: str, target: str, count: int) -> None:
    """A relay without any promise: batches in, batches out, no keys' order, no offsets."""
    consumer = AIOKafkaConsumer(source, bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=65536
    )
    await consumer.start()
    await producer.start()
    done = 0
    while done < count:
        batch = await consumer.getmany(timeout_ms=200, max_records=500)
        sent = [
            await producer.send(target, record.value, key=record.key, partition=record.partition)
            for records in batch.values()
            for record in records
        ]
        if sent:
            await asyncio.gather(*sent)
        done += len(sent)
    await consumer.stop()
    await producer.stop()


async def through(
    brokers: str, source: str, targets: Sequence[str], rekeyed: Sequence[str], count: int, *, pipelined: bool = False
) -> None:
    """The intake with a step that does nothing but copy."""

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(topic, record.key, record.value) for topic in (*targets, *rekeyed)]

    intake = Intake(
        Settings(cluster=Cluster(brokers), group=unique("bench"), cap=512, span=20_000),
        sources=[source],
        targets=targets,
        rekeyed=rekeyed,
        step=step,
        bury=bury,
        pipelined=pipelined,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(intake.run(stop))
    while intake.statistics.done < count and not running.done():
        await asyncio.sleep(0.01)
    stop.set()
    await running


async def latencies(brokers: str, source: str, target: str, rate: int, count: int) -> list[float]:
    """Milliseconds from send to the consumer of the output, one hop, `rate` a second."""

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(target, record.key, record.value)]

    settings = Settings(cluster=Cluster(brokers), group=unique("bench"))
    intake = Intake(settings, sources=[source], targets=[target], step=step, bury=bury)
    stop = asyncio.Event()
    running = asyncio.create_task(intake.run(stop))
    consumer = AIOKafkaConsumer(target, bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=0)
    await consumer.start()
    await producer.start()
    seen: list[float] = []

    async def collect() -> None:
        async for record in consumer:
            seen.append((time.perf_counter() - float(record.value or 0)) * 1000)
            if len(seen) == count:
                return

    collecting = asyncio.create_task(collect())
    for number in range(count):
        await producer.send(source, repr(time.perf_counter()).encode(), key=b"k%d" % (number % KEYS))
        await asyncio.sleep(1 / rate)
    await asyncio.wait_for(collecting, 30)
    stop.set()
    await running
    await consumer.stop()
    await producer.stop()
    return sorted(seen[count // 10 :])  # without the first assignment


async def fill(brokers: str, topic: str, count: int, keys: int) -> None:
    """Write `count` inputs of 200 bytes."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=5, max_batch_size=65536)
    await producer.start()
    for number in range(count):
        await producer.send(topic, b"v" * 200, key=b"k%d" % (number % keys))
    await producer.flush()
    await producer.stop()


async def run(brokers: str, create: Callable[[Sequence[str]], Awaitable[None]], count: int) -> dict[str, object]:
    """All rows on one broker, one after another."""
    names = {name: unique(name) for name in ("in", "one", "a", "b", "c", "d", "e", "f", "low-in", "low-out")}
    await create(list(names.values()))
    source = names["in"]
    await fill(brokers, source, count, KEYS)
    await fill(brokers, names["one"], count // 4, 1)

    async def three() -> None:
        await through(brokers, source, [names["c"], names["d"]], [names["e"]], count)

    async def two_pipelined() -> None:
        await through(brokers, source, [names["f"]], [names["a"]], count, pipelined=True)

    async def one_key() -> None:
        await through(brokers, names["one"], [names["b"]], [names["c"]], count // 4)

    async def one_key_pipelined() -> None:
        await through(brokers, names["one"], [names["d"]], [names["e"]], count // 4, pipelined=True)

    rows = [
        await timed("bare aiokafka", count, lambda: bare(brokers, source, names["a"], count)),
        await timed("intake", count, lambda: through(brokers, source, [names["b"]], [], count)),
        await timed("intake, three outputs", count, three),
        await timed("intake, pipelined, two outputs", count, two_pipelined),
        await timed("one key, two outputs", count // 4, one_key),
        await timed("one key, two outputs, pipelined", count // 4, one_key_pipelined),
    ]
    hop: dict[str, dict[str, float]] = {}
    for rate, samples in ((10, 100), (200, 1000)):
        times = await latencies(brokers, names["low-in"], names["low-out"], rate, samples)
        cuts = statistics.quantiles(times, n=100)
        hop[f"{rate}/s"] = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}
        names |= {"low-in": unique("low-in"), "low-out": unique("low-out")}
        await create([names["low-in"], names["low-out"]])
    return {"records": count, "rows": [row._asdict() for row in rows], "hop_ms": hop}


async def on_own_broker(count: int) -> dict[str, object]:
    """Start a Kafka, run, stop it."""
    with tempfile.TemporaryDirectory() as directory:
        node = KafkaNode(Path(directory) / "kafka")
        await asyncio.to_thread(node.start)
        try:
            return await run(node.brokers, lambda topics: node.create(topics, partitions=PARTITIONS), count)
        finally:
            await asyncio.to_thread(node.kill)


def main() -> None:
    """Print a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=40_000)
    options = parser.parse_args()
    result = uvloop.run(on_own_broker(options.records))
    if options.json:
        print(orjson.dumps(result).decode())
        return
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
