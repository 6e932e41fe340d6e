"""The sink over real Kafka: killed again and again, joined and left, each record is in the store once."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.config import Config
from streamguard.dev.store import EmbeddedStore, StoreSettings
from streamguard.stream.sink import Sink
from streamguard.stream.sink_writing import State
from tests.support.kafka import KafkaNode, unique
from tests.support.sinks import books, produce, sink_config, until_rows
from tests.unit.analytics.examples import payload, telemetry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RECORDS = 6000
_PROGRAM = """
import asyncio, signal, sys
from streamguard.stream.sink import Sink
from streamguard.stream.sink_writing import State
from tests.support.sinks import sink_config

async def main(brokers, store, prefix, name):
    config = sink_config(brokers, store, kafka={"prefix": prefix}, clickhouse={"batch_rows": 200})
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Sink(config, name).run(stop)

asyncio.run(main(*sys.argv[1:]))
"""


class Sinks:
    """Sinks in processes of their own."""

    def __init__(self, start: Callable[[str], subprocess.Popen[bytes]]) -> None:
        self._start = start
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        self.running[name] = self._start(name)

    def end(self, name: str, how: signal.Signals) -> int:
        process = self.running.pop(name)
        process.send_signal(how)
        return process.wait(20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[str]:
    async with EmbeddedStore(StoreSettings(path=tmp_path / "store")) as store:
        yield store.address


@pytest.fixture
async def config(kafka: KafkaNode, store: str) -> Config:
    prefix = unique("sink") + "."
    await kafka.create([prefix + name for name in ("telemetry", "payloads", "dead-letters")])
    return sink_config(kafka.brokers, store, kafka={"prefix": prefix})


@pytest.fixture
async def sinks(kafka: KafkaNode, store: str, config: Config, tmp_path: Path) -> AsyncGenerator[Sinks]:
    def start(name: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            arguments = [sys.executable, "-c", _PROGRAM, kafka.brokers, store, config.kafka.prefix, name]
            return subprocess.Popen(arguments, stdout=log, stderr=log)

    sinks = Sinks(start)
    yield sinks
    for name in list(sinks.running):
        await asyncio.to_thread(sinks.end, name, signal.SIGKILL)


async def test_kills_a_join_a_leave_and_a_freeze_leave_each_record_once(
    kafka: KafkaNode, config: Config, sinks: Sinks
) -> None:
    prefix = config.kafka.prefix

    async def feed() -> None:
        for begin in range(0, RECORDS, 300):
            batch = range(begin, begin + 300)
            await produce(kafka.brokers, prefix + "telemetry", [telemetry(n) for n in batch])
            await produce(kafka.brokers, prefix + "payloads", [payload(n) for n in batch])
            await asyncio.sleep(0.6)

    feeding = asyncio.create_task(feed())
    sinks.start("a")
    await until_rows(config, 100, seconds=30)
    for _ in range(4):  # at whatever step it is
        await asyncio.to_thread(sinks.end, "a", signal.SIGKILL)
        before = (await books(config)).rows
        sinks.start("a")
        await until_rows(config, min(before + 150, RECORDS), seconds=40)
    sinks.start("b")
    await asyncio.sleep(5)
    sinks.running["a"].send_signal(signal.SIGSTOP)  # past its session: its partitions move to b
    await asyncio.sleep(6)
    sinks.running["a"].send_signal(signal.SIGCONT)
    await asyncio.sleep(3)
    assert await asyncio.to_thread(sinks.end, "b", signal.SIGTERM) == 0
    await feeding
    found = await until_rows(config, RECORDS, seconds=60)
    await asyncio.sleep(1)
    assert await asyncio.to_thread(sinks.end, "a", signal.SIGTERM) == 0
    found = await books(config)
    assert found.once
    assert (found.rows, found.calls, found.verdicts) == (RECORDS, RECORDS, 6 * RECORDS)
    assert found.cost_nusd == RECORDS * 437_500
    assert [(part.rows, part.offsets, part.last) for part in found.partitions] == [
        (RECORDS // 4, RECORDS // 4, RECORDS // 4 - 1)
    ] * 4


class LosesTheTopicOfLetters(Sink):
    """Between its first plan and the letters of that."""

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        accepted = await super().commit(states, epoch)
        if accepted and self.statistics.commits == 1:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._config.kafka.brokers)
            await admin.start()
            await admin.delete_topics([self._topics.full("dead-letters")])
            await admin.close()
        return accepted


async def test_a_stop_does_not_wait_for_a_letter_that_kafka_does_not_take(
    kafka: KafkaNode, store: str, config: Config
) -> None:
    await produce(kafka.brokers, config.kafka.prefix + "telemetry", [b"junk"])
    sink = LosesTheTopicOfLetters(
        sink_config(kafka.brokers, store, kafka={"prefix": config.kafka.prefix, "grace": 1.0}), "a"
    )
    stop = asyncio.Event()
    task = asyncio.create_task(sink.run(stop))
    async with asyncio.timeout(30):
        while not sink.statistics.commits:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    assert sink.statistics.buried == 0
    stop.set()
    await asyncio.wait_for(task, 10)  # the producer itself gives up after 20 s, or never


async def test_a_stop_ends_a_start_that_waits_for_topics(kafka: KafkaNode, store: str) -> None:
    stop = asyncio.Event()
    config = sink_config(kafka.brokers, store, kafka={"prefix": unique("sink") + ".", "topics_wait": 60.0})
    task = asyncio.create_task(Sink(config, "a").run(stop))
    await asyncio.sleep(1)
    stop.set()
    await asyncio.wait_for(task, 15)
