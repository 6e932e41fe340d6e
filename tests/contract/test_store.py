"""The embedded store as ClickHouse's clients see it."""

import asyncio
import gzip
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import lz4.frame
import pyarrow as pa
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streamguard.dev.store import EmbeddedStore, StoreSettings
from streamguard.errors import InputError

TABLE = (
    "CREATE TABLE t (a UInt32, s Nullable(String), at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a "
    "SETTINGS non_replicated_deduplication_window = 100"
)


def client_of(address: str, **settings: Any) -> Client:
    host, port = address.split(":")
    return clickhouse_connect.get_client(host=host, port=int(port), **settings)


@asynccontextmanager
async def running(path: Path) -> AsyncGenerator[tuple[EmbeddedStore, httpx.AsyncClient]]:
    settings = StoreSettings(path=path, read_only_port=0)
    async with (
        EmbeddedStore(settings) as store,
        httpx.AsyncClient(base_url=f"http://{store.address}", timeout=20) as http,
    ):
        yield store, http


async def test_the_ordinary_client_creates_inserts_and_reads(tmp_path: Path) -> None:
    def work(address: str) -> None:
        with client_of(address) as client:
            assert client.ping()
            client.command(TABLE)
            summary = client.insert("t", [[1, "one", 1_000], [2, None, 2_000]], column_names=["a", "s", "at"])
            assert summary.written_rows == 2
            table = pa.table(
                {"a": pa.array([3, 4], pa.uint32()), "s": ["three", "ü"], "at": pa.array([0, 1], pa.timestamp("ms"))}
            )
            client.insert_arrow("t", table)
            rows = client.query("SELECT a, s FROM t ORDER BY a").result_rows
            assert rows == [(1, "one"), (2, None), (3, "three"), (4, "ü")]
            assert client.query_arrow("SELECT a FROM t ORDER BY a").column("a").to_pylist() == [1, 2, 3, 4]
            assert client.command("SELECT count() FROM t") == 4
            found = client.query("SELECT s FROM t WHERE s = {wanted:String}", parameters={"wanted": "one"})
            assert found.result_rows == [("one",)]
            awkward = "it's a \t 'tab'\\ and\nmore"
            assert client.query("SELECT {x:String}", parameters={"x": awkward}).result_rows == [(awkward,)]

    async with running(tmp_path) as (store, _):
        await asyncio.to_thread(work, store.address)


async def test_the_asynchronous_client_works_too(tmp_path: Path) -> None:
    async with running(tmp_path) as (store, _):
        host, port = store.address.split(":")
        client = await clickhouse_connect.get_async_client(host=host, port=int(port))
        try:
            assert await client.ping()
            await client.command(TABLE)
            await client.insert("t", [[1, "one", 1_000]], column_names=["a", "s", "at"])
            answers = await asyncio.gather(*(client.query("SELECT a, s FROM t") for _ in range(8)))
            assert {tuple(answer.result_rows) for answer in answers} == {((1, "one"),)}
            numbers = await client.query("SELECT number FROM numbers(100000)")
            assert sum(row[0] for row in numbers.result_rows) == sum(range(100_000))
        finally:
            await client.close()


async def test_an_insert_with_a_used_token_adds_nothing(tmp_path: Path) -> None:
    def work(address: str) -> None:
        with client_of(address) as client:
            client.command(TABLE)
            for token in ("chunk:0", "chunk:0", "chunk:1"):
                settings = {"insert_deduplication_token": token, "async_insert": "0"}
                client.insert("t", [[1, "x", 0], [2, "y", 0]], column_names=["a", "s", "at"], settings=settings)
            assert client.command("SELECT count() FROM t") == 4

    async with running(tmp_path) as (store, _):
        await asyncio.to_thread(work, store.address)


async def test_an_error_carries_clickhouses_code(tmp_path: Path) -> None:
    def work(address: str) -> None:
        with client_of(address) as client, pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
            client.query("SELECT * FROM nowhere")

    async with running(tmp_path) as (store, http):
        await asyncio.to_thread(work, store.address)
        for statement, status, code in [
            ("SELECT * FROM nowhere", 404, "60"),
            ("SELEC 1", 400, "62"),
            ("SELECT 1 SETTINGS no_such_setting = 1", 404, "115"),
            ("SELECT throwIf(1)", 500, "395"),
            ("CREATE TABLE k (a UInt8) ENGINE = Kafka('b', 't', 'g', 'JSONEachRow')", 501, "48"),
        ]:
            response = await http.post("/", content=statement)
            assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (status, code), (
                response.text
            )


async def test_plain_http_as_curl_speaks_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):
        assert (await http.get("/ping")).text == (await http.get("/")).text == "Ok.\n"
        assert (await http.get("/", params={"query": "SELECT 1 + 1"})).text == "2\n"
        listed = await http.post(
            "/", params={"default_format": "JSONEachRow", "param_n": "3"}, content="SELECT {n:UInt8} AS n"
        )
        assert listed.text == '{"n":3}\n'
        assert listed.headers["X-ClickHouse-Format"] == "JSONEachRow"
        named = await http.post("/", params={"query_id": "mine-1"}, content="SELECT 1 FORMAT CSV")
        assert (named.headers["X-ClickHouse-Query-Id"], named.headers["X-ClickHouse-Format"]) == ("mine-1", "CSV")
        assert (await http.post("/", content=TABLE)).text == ""
        for params, body in [
            ({"query": "INSERT INTO t (a) FORMAT JSONEachRow"}, '{"a":1}\n{"a":2}\n'),
            ({}, "INSERT INTO t (a) FORMAT CSV\n3\n4\n"),
            ({}, "INSERT INTO t (a) VALUES (5), (6)"),
            ({"query": "INSERT INTO t (a) VALUES"}, "(7), (8)"),
            ({"query": "INSERT INTO t (a)"}, "(9)"),
            ({}, "INSERT INTO t (a) SELECT 10"),
            ({"query": "INSERT INTO t (a, s) FORMAT TSV"}, "11\tSELECT FORMAT VALUES (\n"),
        ]:
            response = await http.post("/", params=params, content=body)
            assert response.status_code == 200, response.text
        counted = await http.post("/", content="SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)")
        assert counted.text == "[1,2,3,4,5,6,7,8,9,10,11]\n"
        refused = await http.get("/", params={"query": "DROP TABLE t"})
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164"


async def test_bodies_are_compressed_both_ways(tmp_path: Path) -> None:
    rows = "".join(f"{number},text {number}\n" for number in range(3000)).encode()
    async with running(tmp_path) as (_, http):
        await http.post("/", content="CREATE TABLE c (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
        for encoding, coded in [
            ("gzip", gzip.compress(rows)),
            ("lz4", bytes(lz4.frame.compress(rows))),
            ("zstd", zstd.compress(rows)),
        ]:
            sent = await http.post(
                "/", params={"query": "INSERT INTO c FORMAT CSV"}, content=coded, headers={"Content-Encoding": encoding}
            )
            assert sent.headers["X-ClickHouse-Summary"].find('"written_rows":"3000"') > 0
        asked = {"query": "SELECT a, s FROM c ORDER BY a LIMIT 3 BY a FORMAT CSV", "enable_http_compression": "1"}
        for encoding in ("gzip", "lz4"):
            async with http.stream("GET", "/", params=asked, headers={"Accept-Encoding": encoding}) as response:
                assert response.headers["Content-Encoding"] == encoding
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
            text = gzip.decompress(raw) if encoding == "gzip" else bytes(lz4.frame.decompress(raw))
            assert text.count(b"\n") == 9000
        broken = await http.post("/", content=b"no gzip", headers={"Content-Encoding": "gzip"})
        assert broken.headers["X-ClickHouse-Exception-Code"] == "354"


async def test_data_that_does_not_parse_leaves_no_rows(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):
        await http.post("/", content=TABLE)
        data = '{"a":1}\n' * 5000 + '{"a":"many"}\n'
        failed = await http.post("/", params={"query": "INSERT INTO t (a) FORMAT JSONEachRow"}, content=data)
        assert failed.status_code == 400
        assert (await http.post("/", content="SELECT count() FROM t")).text == "0\n"


async def test_an_insert_that_fails_when_it_is_committed_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):
        await http.post(
            "/", content="CREATE TABLE t (a UInt32, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a"
        )
        failed = await http.post("/", params={"query": "INSERT INTO t FORMAT CSV"}, content="1\n20\n")
        assert (failed.status_code, failed.headers["X-ClickHouse-Exception-Code"]) == (500, "469")
        taken = await http.post(
            "/", params={"query": "INSERT INTO t SETTINGS max_threads = 1 FORMAT CSV"}, content="1\n2\n"
        )
        assert taken.status_code == 200, taken.text
        assert (await http.post("/", content="SELECT count() FROM t")).text == "2\n"


async def test_settings_and_databases_hold_for_one_request_and_sessions_keep_their_own(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):

        async def block_size(**params: str) -> str:
            return (await http.post("/", params=params, content="SELECT getSetting('max_block_size')")).text

        usual = await block_size()
        assert await block_size(max_block_size="1234") == "1234\n"
        assert await block_size(max_block_size="1234", session_id="one") == "1234\n"
        assert await block_size() == await block_size(session_id="one") == usual
        wrong = {"max_block_size": "1234", "no_such_setting": "1", "session_id": "one"}
        assert (await http.post("/", params=wrong, content="SELECT 1")).headers["X-ClickHouse-Exception-Code"] == "115"
        assert await block_size(session_id="one") == usual
        await http.post("/", params={"session_id": "one"}, content="SET max_block_size = 77")
        await http.post("/", params={"session_id": "one"}, content="CREATE TEMPORARY TABLE tt (a Int8)")
        assert await block_size(session_id="one") == "77\n"
        assert (await http.get("/", params={"session_id": "one", "query": "SELECT count() FROM tt"})).text == "0\n"
        assert (await http.post("/", params={"session_id": "two"}, content="SELECT * FROM tt")).status_code == 404
        await http.post("/", content="CREATE DATABASE other")
        inside = await http.post("/", params={"database": "other"}, content="SELECT currentDatabase()")
        outside = await http.post("/", content="SELECT currentDatabase()")
        assert (inside.text, outside.text) == ("other\n", "default\n")


async def test_analysts_may_read_and_nothing_else(tmp_path: Path) -> None:
    def work(address: str) -> None:
        with client_of(address) as client:
            assert client.query("SELECT a FROM t").result_rows == [(1,)]
            with pytest.raises(DatabaseError, match="READONLY"):
                client.insert("t", [[2]], column_names=["a"])
            with pytest.raises(DatabaseError, match="READONLY"):
                client.command("DROP TABLE t")

    async with running(tmp_path) as (store, http):
        await http.post("/", content=TABLE)
        await http.post("/", content="INSERT INTO t (a) VALUES (1)")
        assert store.read_only_address is not None
        await asyncio.to_thread(work, store.read_only_address)
        async with httpx.AsyncClient(base_url=f"http://{store.read_only_address}", timeout=20) as analyst:
            for params, statement, code in [
                ({"readonly": "0"}, "DROP TABLE t", "164"),
                ({}, "SELECT 1 SETTINGS readonly = 0", "164"),
                ({}, "SELECT * FROM file('/etc/hosts', 'LineAsString')", "497"),
                ({"session_id": "x"}, "CREATE TEMPORARY TABLE tt (a Int8)", "164"),
            ]:
                response = await analyst.post("/", params=params, content=statement)
                assert response.headers["X-ClickHouse-Exception-Code"] == code, statement


async def test_a_path_has_one_owner_and_opens_again_after_a_clean_end(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):
        await http.post("/", content=TABLE)
        await http.post("/", content="INSERT INTO t (a) VALUES (1)")
        with pytest.raises(InputError, match="one process"):
            await EmbeddedStore(StoreSettings(path=tmp_path)).start()
    async with running(tmp_path) as (_, http):
        assert (await http.post("/", content="SELECT count() FROM t")).text == "1\n"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_what_was_acknowledged_outlives_the_process_and_sending_all_again_adds_only_the_rest(
    tmp_path: Path, ending: signal.Signals
) -> None:
    chunks = 60
    acknowledged: set[int] = set()

    async def insert(http: httpx.AsyncClient, number: int) -> None:
        params = {"query": "INSERT INTO t (a) FORMAT CSV", "insert_deduplication_token": f"chunk:{number}"}
        response = await http.post("/", params=params, content=f"{number}\n" * 5)
        assert response.status_code == 200
        acknowledged.add(number)

    command = (sys.executable, "-m", "streamguard", "store", "--path", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        address = line.removeprefix("listening on ").strip()
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as http:
            await http.post("/", content=TABLE)
            inserts = [asyncio.create_task(insert(http, number)) for number in range(chunks)]
            while len(acknowledged) < chunks // 3:
                await asyncio.wait(inserts, timeout=0.01)
            process.send_signal(ending)  # in the middle of the others
            await asyncio.gather(*inserts, return_exceptions=True)
        status = await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert status == (0 if ending is signal.SIGTERM else -signal.SIGKILL)
    async with running(tmp_path) as (_, http):
        kept = (await http.post("/", content="SELECT DISTINCT a FROM t")).text.split()
        assert acknowledged <= {int(number) for number in kept}
        for number in range(chunks):
            await insert(http, number)
        counted = await http.post("/", content="SELECT count(), uniqExact(a) FROM t")
        assert counted.text == f"{5 * chunks}\t{chunks}\n"
