"""What a store and a sink can do to each other between an insert and its answer, and what is in the store afterwards."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import REGISTRY

from streamguard.analytics.clickhouse import Connection
from streamguard.config import Config
from streamguard.intake.errors import TooManyBuried
from streamguard.stream.sink import Sink
from streamguard.stream.sink_writing import State
from tests.support.sinks import books, produce, running, sink_config, until_rows
from tests.support.store_door import StoreDoor
from tests.unit.analytics.examples import payload, telemetry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def texts(config: Config, store: str) -> tuple[int, int]:
    """Rows of payloads, and of how many records."""

    def ask() -> tuple[int, int]:
        connection = Connection(config.clickhouse, f"http://{store}")
        try:
            sql = "SELECT count(), uniqExact(k_topic, k_partition, k_offset) FROM payloads"
            rows, records = connection.rows(sql)[0]
            return int(str(rows)), int(str(records))
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def test_an_insert_whose_answer_is_lost_is_sent_again_and_adds_nothing(brokers: str, store: str) -> None:
    async with StoreDoor(store, lost={0, 2, 5}) as door:  # once in each of a chunk's three tables
        config = sink_config(brokers, door.address, clickhouse={"timeout": 1.0})
        await produce(brokers, "telemetry", [telemetry(n) for n in range(30)], partitions=1)
        sink = Sink(config, "sink-0")
        async with running(sink):
            found = await until_rows(config, 30)
            async with asyncio.timeout(20):
                while not sink.statistics.chunks:
                    await asyncio.sleep(0.05)
        found = await books(config)
    assert (sink.statistics.failed_inserts, door.inserts) == (3, 9), "each table once more for each answer"
    assert found.once
    assert (found.rows, found.calls, found.verdicts) == (30, 30, 180)


async def test_a_store_that_hangs_holds_up_no_other(brokers: str, store: str) -> None:
    async with StoreDoor(store, held=True) as door:
        config = sink_config(
            brokers, store, clickhouse={"payloads_url": f"http://{door.address}", "timeout": 6.0, "flush_seconds": 0.2}
        )
        await produce(brokers, "payloads", [payload(n) for n in range(40)])
        sink = Sink(config, "sink-0")
        async with running(sink) as task:
            async with asyncio.timeout(20):
                while not door.inserts:
                    await asyncio.sleep(0.05)
            # from here on texts hang, for 6 s at a time
            for lot in range(3):
                await produce(brokers, "telemetry", [telemetry(100 * lot + n) for n in range(100)])
                assert (await until_rows(config, 100 * (lot + 1), seconds=5)).once, lot
            while not sink.statistics.failed_inserts:  # the hang became an outage
                await asyncio.sleep(0.05)
            assert REGISTRY.get_sample_value("streamguard_sink_lag_records", {"topic": "payloads"}) == 40
            assert (await texts(config, store)) == (0, 0)
            door.release()
            async with asyncio.timeout(30):
                while (await texts(config, store))[0] < 40 or sink.statistics.waiting:
                    await asyncio.sleep(0.1)
            assert not task.done()
    assert door.late > 0
    assert await texts(config, store) == (40, 40)


async def test_an_insert_that_arrives_after_its_chunk_was_repeated_by_another_sink_adds_nothing(
    brokers: str, store: str
) -> None:
    async with StoreDoor(store, held=True) as door:
        before = sink_config(brokers, door.address, clickhouse={"timeout": 1.0}, kafka={"grace": 0.0})
        after = sink_config(brokers, store)
        await produce(brokers, "telemetry", [telemetry(n) for n in range(30)], partitions=1)
        async with running(Sink(before, "sink-0")):
            async with asyncio.timeout(20):
                while not door.inserts:
                    await asyncio.sleep(0.05)
        sink = Sink(after, "sink-1")
        async with running(sink):
            assert (await until_rows(after, 30)).rows == 30
            while not sink.statistics.chunks:
                await asyncio.sleep(0.05)
            assert sink.statistics.resent == 1
            door.release()  # what the first one had sent comes now
            async with asyncio.timeout(10):
                while not door.late:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
        found = await books(after)
    assert found.once
    assert (found.rows, found.calls, found.verdicts) == (30, 30, 180)


class Interrupted(Exception):
    """Where a process would have been killed."""


class DiesBeforeTheEnd(Sink):
    """Writes letters and rows of one chunk and dies before its end is committed."""

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        if self.statistics.chunks:
            raise Interrupted
        return await super().commit(states, epoch)


JUNK = [f"junk {number}".encode() for number in range(12)]


async def test_a_dead_letter_is_written_once_though_the_sink_dies_behind_it(brokers: str, store: str) -> None:
    config = sink_config(brokers, store)
    with pytest.raises(Interrupted):
        await _dies(DiesBeforeTheEnd(config, "sink-0"), brokers)
    await _goes_on(config)
    assert sorted(await letters(brokers)) == sorted(JUNK)


async def test_a_dead_letter_is_written_once_though_the_sink_dies_in_the_middle_of_them(
    brokers: str, store: str
) -> None:
    few = sink_config(brokers, store, kafka={"dead_letters_per_minute": 3})
    with pytest.raises(TooManyBuried):
        await _dies(Sink(few, "sink-0"), brokers)
    assert len(await letters(brokers)) == 4
    await _goes_on(sink_config(brokers, store))
    assert sorted(await letters(brokers)) == sorted(JUNK)


async def _dies(sink: Sink, brokers: str) -> None:
    values = [one for number, junk in enumerate(JUNK) for one in (telemetry(number), junk)]
    await produce(brokers, "telemetry", values, partitions=1)
    async with running(sink) as task:
        await asyncio.wait([task], timeout=20)


async def _goes_on(config: Config) -> None:
    sink = Sink(config, "sink-0")
    async with running(sink):
        assert (await until_rows(config, len(JUNK))).once
        while not sink.statistics.chunks:
            await asyncio.sleep(0.05)


async def letters(brokers: str) -> list[bytes]:
    """All dead letters."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition("dead-letters", n) for n in range(4)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[bytes] = []
        async with asyncio.timeout(10):
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value or b"" for record in records]
        return found
    finally:
        await consumer.stop()


async def test_a_short_flush_does_not_cut_small_what_is_behind(brokers: str, store: str) -> None:
    config = sink_config(brokers, store, clickhouse={"flush_seconds": 0.01, "batch_rows": 500})
    await produce(brokers, "telemetry", [telemetry(n) for n in range(4000)])
    sink = Sink(config, "sink-0")
    async with running(sink):
        assert (await until_rows(config, 4000, seconds=40)).once
        await produce(brokers, "telemetry", [telemetry(4000)])  # and what is not behind does not wait
        assert (await until_rows(config, 4001, seconds=5)).once
    # 8 whole ones and some parts, more on a busy machine; written as they are fetched it would be hundreds
    assert sink.statistics.chunks <= 60
