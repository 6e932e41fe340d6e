"""The sink between the embedded broker and the embedded store: what is in the store afterwards."""

import asyncio
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from streamguard.analytics.audit import Texts, audit_texts
from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.errors import StoreError
from streamguard.config import Config
from streamguard.dev.store import EmbeddedStore, StoreSettings
from streamguard.intake.errors import TooManyBuried
from streamguard.stream.sink import GROUP, Sink
from streamguard.stream.sink_writing import State
from tests.support.sinks import books, produce, running, sink_config, until_rows
from tests.support.started import Start
from tests.unit.analytics.examples import payload, telemetry

COST = 437_500


@pytest.fixture
def config(brokers: str, store: str) -> Config:
    return sink_config(brokers, store)


async def rows(config: Config, sql: str, url: str | None = None) -> list[tuple[object, ...]]:
    def ask() -> list[tuple[object, ...]]:
        connection = Connection(config.clickhouse, url or config.clickhouse.url)
        try:
            return [tuple(row) for row in connection.rows(sql)]
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def test_every_record_arrives_once_with_its_calls_verdicts_cost_and_text(brokers: str, config: Config) -> None:
    await produce(brokers, "telemetry", [telemetry(n) for n in range(500)])
    await produce(brokers, "payloads", [payload(n) for n in range(20)])
    sink = Sink(config, "sink-0")
    async with running(sink):
        found = await until_rows(config, 500)
        async with asyncio.timeout(10):
            while await rows(config, "SELECT count() FROM payloads") != [(20,)]:
                await asyncio.sleep(0.1)
    assert found.once
    assert (found.rows, found.calls, found.verdicts) == (500, 500, 3000)
    parts = "SELECT DISTINCT `check`, contributions['remote'] FROM verdicts WHERE notEmpty(contributions)"
    assert await rows(config, parts) == [("injection", 0.75)]
    assert found.cost_nusd == found.calls_cost_nusd == 500 * COST
    assert [(part.partition, part.first, part.last) for part in found.partitions] == [(n, 0, 124) for n in range(4)]
    assert sink.statistics.chunks >= 12
    assert (sink.statistics.resent, sink.statistics.buried, sink.statistics.records) == (0, 0, 520)


@pytest.mark.slow
async def test_a_second_run_goes_on_where_the_first_ended(brokers: str, config: Config) -> None:
    for run in range(2):
        await produce(brokers, "telemetry", [telemetry(run * 60 + n) for n in range(60)])
        sink = Sink(config, "sink-0")
        async with running(sink):
            assert (await until_rows(config, (run + 1) * 60)).once
        assert sink.statistics.records == 60


async def test_what_was_read_is_written_when_it_is_told_to_stop(brokers: str, store: str) -> None:
    config = sink_config(brokers, store, clickhouse={"flush_seconds": 3600.0, "batch_rows": 5000})
    await produce(brokers, "telemetry", [telemetry(n) for n in range(30)])
    sink = Sink(config, "sink-0")
    async with running(sink):
        async with asyncio.timeout(10):
            while sink.statistics.records < 30:
                await asyncio.sleep(0.05)
        await until_rows(config, 0)  # the tables are there
        assert (await books(config)).rows == 0
    assert (await books(config)).rows == 30


class Interrupted(Exception):
    """Where a process would have been killed."""


class DiesBeforeTheEnd(Sink):
    """Inserts one chunk and dies before its end is committed."""

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        if self.statistics.chunks:
            raise Interrupted
        return await super().commit(states, epoch)


@pytest.mark.slow
async def test_a_chunk_that_was_inserted_and_not_committed_is_sent_again_and_adds_nothing(
    brokers: str, config: Config
) -> None:
    await produce(brokers, "telemetry", [telemetry(n) for n in range(30)], partitions=1)
    with pytest.raises(Interrupted):
        async with running(DiesBeforeTheEnd(config, "sink-0")) as task:
            await asyncio.wait([task], timeout=20)
    first = await books(config)
    assert 0 < first.rows <= 30
    await produce(brokers, "telemetry", [telemetry(30 + n) for n in range(40)], partitions=1)
    sink = Sink(config, "sink-0")
    async with running(sink):
        found = await until_rows(config, 70)
    assert sink.statistics.resent == 1
    assert found.once
    assert (found.rows, found.cost_nusd) == (70, 70 * COST)


async def test_a_plan_stands_beside_the_committed_offset_until_its_rows_are_in(brokers: str, config: Config) -> None:
    await produce(brokers, "telemetry", [telemetry(n) for n in range(10)], partitions=1)
    with pytest.raises(Interrupted):
        async with running(DiesBeforeTheEnd(config, "sink-0")) as task:
            await asyncio.wait([task], timeout=20)
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        tp = TopicPartition("telemetry", 0)
        saved = (await admin.list_consumer_group_offsets(GROUP, partitions=[tp]))[tp]
    finally:
        await admin.close()
    assert (saved.offset, saved.metadata) == (0, "sink1:10")


async def test_bytes_that_are_no_record_go_to_the_dead_letters_as_they_came(brokers: str, config: Config) -> None:
    bad = [b"\xff not json", b'{"request_id": "x"}', telemetry(7, ended_at=10**17).model_dump_json().encode()]
    await produce(
        brokers, "telemetry", [telemetry(0), bad[0], telemetry(1), bad[1], bad[2], telemetry(2)], partitions=1
    )
    sink = Sink(config, "sink-0")
    async with running(sink):
        found = await until_rows(config, 3)
    assert (found.rows, sink.statistics.buried) == (3, 3)
    consumer = AIOKafkaConsumer("dead-letters", bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(10):
            letters = [await consumer.getone() for _ in bad]
    finally:
        await consumer.stop()
    headers = [dict(letter.headers) for letter in letters]
    assert sorted(letter.value or b"" for letter in letters) == sorted(bad)
    assert sorted(header["dlq.code"] for header in headers) == [b"invalid_record", b"invalid_record", b"undecodable"]
    assert {header["dlq.stage"] for header in headers} == {b"sink"}
    assert {header["dlq.src"] for header in headers} == {b"outcomes/0/1/2"}


async def test_more_dead_letters_than_configured_stop_it(brokers: str, store: str) -> None:
    config = sink_config(brokers, store, kafka={"dead_letters_per_minute": 5})
    await produce(brokers, "telemetry", [b"junk"] * 20)
    with pytest.raises(TooManyBuried):
        async with running(Sink(config, "sink-0")) as task:
            await asyncio.wait([task], timeout=20)


@pytest.mark.slow
async def test_a_store_that_is_down_becomes_lag_not_loss(brokers: str, tmp_path: Path) -> None:
    first = EmbeddedStore(StoreSettings(path=tmp_path / "store"))
    address = await first.start()
    config = sink_config(brokers, address)
    sink = Sink(config, "sink-0")
    async with running(sink) as task:
        await produce(brokers, "telemetry", [telemetry(n) for n in range(100)])
        await until_rows(config, 100)
        await first.close()
        await produce(brokers, "telemetry", [telemetry(100 + n) for n in range(400)])
        async with asyncio.timeout(10):
            while sink.statistics.failed_inserts < 2:
                await asyncio.sleep(0.05)
        assert not task.done()
        assert sink.statistics.waiting <= 400
        second = EmbeddedStore(StoreSettings(path=tmp_path / "store", port=int(address.rpartition(":")[2])))
        await second.start()
        try:
            found = await until_rows(config, 500, seconds=30)
        finally:
            await asyncio.sleep(0)
    await second.close()
    assert found.once
    assert (found.rows, found.cost_nusd) == (500, 500 * COST)


async def test_a_missing_store_of_texts_does_not_hold_up_outcomes(brokers: str, store: str) -> None:
    with socket.socket() as nobody:  # bound, not listening: nobody else takes the port, and nobody answers
        nobody.bind(("127.0.0.1", 0))
        config = sink_config(brokers, store, clickhouse={"payloads_url": f"http://127.0.0.1:{nobody.getsockname()[1]}"})
        await produce(brokers, "payloads", [payload(n) for n in range(10)])
        await produce(brokers, "telemetry", [telemetry(n) for n in range(50)])
        sink = Sink(config, "sink-0")
        async with running(sink):
            assert (await until_rows(config, 50)).once
            async with asyncio.timeout(10):  # the rows are there a moment before the sink has committed them
                while (sink.statistics.waiting, sink.statistics.down) != (10, 1):
                    await asyncio.sleep(0.02)
    assert await rows(config, "SELECT count() FROM system.tables WHERE name = 'payloads'") == [(0,)]


class DiesAfterTexts(Sink):
    """Inserts texts and dies before the end of their chunk is committed; outcomes go on until then."""

    async def commit(self, states: Mapping[TopicPartition, State], epoch: int) -> bool:
        if any(tp.topic == "payloads" and plan is None and start for tp, (start, plan) in states.items()):
            raise Interrupted
        return await super().commit(states, epoch)


@pytest.mark.slow
async def test_texts_in_a_store_of_their_own_are_there_once_and_nowhere_else(
    brokers: str, store: str, tmp_path: Path, start: Start
) -> None:
    ready = tmp_path / "address"
    start([sys.executable, "-m", "streamguard", "store", "--path", str(tmp_path / "texts"), "--ready-file", str(ready)])
    async with asyncio.timeout(30):
        while not ready.exists():
            await asyncio.sleep(0.05)
    texts = f"http://{ready.read_text().strip()}"
    config = sink_config(brokers, store, clickhouse={"payloads_url": texts})
    await produce(brokers, "telemetry", [telemetry(n) for n in range(60)])
    await produce(brokers, "payloads", [payload(n) for n in range(40)], partitions=1)
    with pytest.raises(Interrupted):
        async with running(DiesAfterTexts(config, "sink-0")) as task:
            await asyncio.wait([task], timeout=20)
    await produce(brokers, "payloads", [payload(40 + n) for n in range(30)], partitions=1)
    sink = Sink(config, "sink-0")
    async with running(sink):
        assert (await until_rows(config, 60)).once
        async with asyncio.timeout(15):
            while (found := await written_texts(config, texts)).rows < 70:
                await asyncio.sleep(0.05)
    assert sink.statistics.resent >= 1
    assert (found.once, found.rows) == (True, 70)
    tables = "SELECT name FROM system.tables WHERE database = 'streamguard' ORDER BY name"
    assert await rows(config, tables) == [("calls",), ("migrations",), ("requests",), ("verdicts",)]
    assert await rows(config, tables, texts) == [("migrations",), ("payloads",)]


async def written_texts(config: Config, url: str) -> Texts:
    def ask() -> Texts:
        connection = Connection(config.clickhouse, url)
        try:
            return audit_texts(connection)
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


@pytest.mark.slow
async def test_a_table_without_a_column_stops_it_with_the_columns_name(brokers: str, config: Config) -> None:
    def drop() -> None:
        connection = Connection(config.clickhouse, config.clickhouse.url)
        connection.command("ALTER TABLE calls DROP COLUMN tripped")
        connection.close()

    async with running(Sink(config, "sink-0")):
        await until_rows(config, 0)
    await asyncio.to_thread(drop)
    await produce(brokers, "telemetry", [telemetry(0)])
    with pytest.raises(StoreError, match="no_column_calls_tripped"):
        async with running(Sink(config, "sink-0")) as task:
            await asyncio.wait([task], timeout=20)
