"""Clients of others on the embedded store's port for analysts: clickhouse-connect, curl, Grafana's plugin, Node's client."""

import asyncio
import gzip
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import clickhouse_connect
import orjson
import pandas as pd
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streamguard.events.booked import Telemetry
from tests.contract.test_analytics_questions import PANELS
from tests.support import seeded
from tests.support.counted import dollars, made
from tests.support.grafana import HELLO, Panel, expand, request
from tests.support.native_blocks import read_blocks
from tests.support.node import installed
from tests.support.stored import Stored, stored
from tests.support.unavailable import or_skip

NODE = Path(__file__).parents[1] / "node"


@pytest.fixture(scope="module")
def records() -> list[Telemetry]:
    return seeded.requests(300, seed=11)


@pytest.fixture(scope="module")
def store(records: list[Telemetry], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    with stored(tmp_path_factory.mktemp("clients") / "store") as running:
        connection = running.connection()
        seeded.store(connection, records)
        connection.close()
        yield running


@pytest.fixture
def client(store: Stored) -> Iterator[Client]:
    host, port = store.analyst.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database="streamguard") as client:
        yield client


def test_clickhouse_connect_gives_rows_frames_arrow_and_streams(client: Client, records: list[Telemetry]) -> None:
    by_status = "SELECT status, count() AS n, sum(cost) AS dollars FROM requests GROUP BY status ORDER BY status"
    statuses = sorted({str(record.status) for record in records})
    counted = [
        (
            status,
            sum(record.status == status for record in records),
            dollars(record.cost_nusd for record in records if record.status == status),
        )
        for status in statuses
    ]
    assert [tuple(row) for row in client.query(by_status).result_rows] == counted
    frame = client.query_df(by_status)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["n"]) == [row[1] for row in counted]
    table = client.query_arrow(by_status)
    assert table.column("status").to_pylist() == statuses
    with client.query_row_block_stream("SELECT request_id, ts FROM requests ORDER BY ts") as blocks:
        streamed = [row for block in blocks for row in block]
    assert [row[0] for row in streamed] == [record.request_id for record in records]
    with client.query_df_stream("SELECT number FROM numbers(300000)", settings={"max_block_size": 50_000}) as frames:
        assert sum(len(part) for part in frames) == 300_000


def test_clickhouse_connect_sends_parameters_and_settings_and_hears_what_is_wrong(
    client: Client, records: list[Telemetry]
) -> None:
    found = client.query(
        "SELECT count() FROM requests "
        "WHERE tenant_id = {tenant:String} AND ts >= {since:DateTime64(6)} AND status IN {ends:Array(String)}",
        parameters={"tenant": "acme", "since": datetime(2020, 1, 1, tzinfo=UTC), "ends": ["answered", "refused"]},
        settings={"max_execution_time": 5, "max_threads": 1},
    )
    wanted = sum(record.tenant_id == "acme" and record.status in ("answered", "refused") for record in records)
    assert found.result_rows == [(wanted,)]
    assert client.query(
        "SELECT getSetting('max_execution_time')", settings={"max_execution_time": 600}
    ).result_rows == [(30,)]
    for statement, complaint in (
        ("INSERT INTO requests (run) VALUES (1)", "READONLY"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "ACCESS_DENIED"),
        ("SELECT * FROM nowhere", "UNKNOWN_TABLE"),
    ):
        with pytest.raises(DatabaseError, match=complaint):
            client.query(statement)


def curl(*arguments: str) -> str:
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_asks_with_get_and_post_formats_parameters_and_compression(
    store: Stored, records: list[Telemetry], tmp_path: Path
) -> None:
    count = "SELECT count() AS n FROM streamguard.requests"
    assert curl("-G", store.analyst, "--data-urlencode", f"query={count}") == f"{len(records)}\n"
    assert curl(store.analyst, "-d", f"{count} FORMAT JSONEachRow") == f'{{"n":{len(records)}}}\n'
    there = f"{store.analyst}/?database=streamguard&default_format=JSON"
    assert orjson.loads(curl(there, "-d", count))["data"] == [{"n": len(records)}]
    of_acme = f"{count} WHERE tenant_id = {{tenant:String}}"
    acme = sum(record.tenant_id == "acme" for record in records)
    assert curl(f"{store.analyst}/?param_tenant=acme", "-d", of_acme) == f"{acme}\n"
    assert curl("-F", f"query={of_acme}", "-F", "param_tenant=acme", store.analyst) == f"{acme}\n"
    many = "SELECT number FROM numbers(100000)"
    packed = tmp_path / "packed"
    there = f"{store.analyst}/?enable_http_compression=1"
    curl(there, "-H", "Accept-Encoding: gzip", "-o", str(packed), "-d", many)
    assert gzip.decompress(packed.read_bytes()).count(b"\n") == 100_000
    assert curl(
        "-o",
        str(tmp_path / "x"),
        "-w",
        "%{http_code} %header{x-clickhouse-exception-code}",
        store.analyst,
        "-d",
        "DROP TABLE x",
    ) in (
        "500 164",
        "500 ",  # a curl too old to show headers
    )


async def sent(address: str, wire: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to these very bytes."""
    reader, writer = await asyncio.open_connection(*address.removeprefix("http://").split(":"))
    try:
        writer.write(wire)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        assert "content-encoding" not in head, "clickhouse-go would not decode it"
        return int(head.split(" ")[1]), await reader.readexactly(length)
    finally:
        writer.close()


async def asked(
    store: Stored, sql: str, seconds: int | None = 65
) -> tuple[list[str], list[str], list[tuple[object, ...]]]:
    status, body = await sent(store.analyst, request(store.analyst.removeprefix("http://"), sql, seconds=seconds))
    assert status == 200, body
    return read_blocks(body)


async def test_grafanas_plugin_connects(store: Stored) -> None:
    names, types, rows = await asked(store, HELLO, seconds=10)
    assert (names, types) == (
        ["displayName()", "version()", "revision()", "timezone()"],
        ["String", "String", "UInt32", "String"],
    )
    assert len(rows) == 1
    assert await asked(store, "SELECT 1", seconds=10) == (["1"], ["UInt8"], [(1,)])
    # what its query builder asks to fill its lists
    tables = await asked(store, "SELECT name, database FROM system.tables WHERE database = 'streamguard'")
    assert {"requests", "calls", "verdicts"} <= {row[0] for row in tables[2]}
    assert len((await asked(store, 'DESC TABLE "streamguard"."requests"'))[2]) == 51
    assert (await asked(store, "SELECT 1 WHERE 0"))[2] == []
    status, body = await sent(
        store.analyst, request(store.analyst.removeprefix("http://"), "SELECT nothing FROM requests")
    )
    assert (status, b"Code: 47" in body) == (404, True)


@pytest.mark.parametrize("title", PANELS)
async def test_grafanas_panels_show_what_is_there(store: Stored, records: list[Telemetry], title: str) -> None:
    first, last = records[0].ended_at // 10**6 - 1, records[-1].ended_at // 10**6 + 1
    panel = Panel(begin=first, end=last, interval=86_400)
    names, types, rows = await asked(store, expand(PANELS[title], panel))
    assert (names[0], types[0]) == ("time", "DateTime")
    assert rows == sorted(rows, key=lambda row: str(row[0]))
    days = len({record.ended_at // 86_400_000_000 for record in records})
    match title:
        case "Requests by status":
            assert sum(int(str(row[2])) for row in rows) == len(records)
        case "Dollars a minute by model":
            known = [float(str(row[2])) * 1440 for row in rows if row[2] is not None]
            assert abs(sum(known) - float(dollars(call.cost_nusd for call in made(records)) or 0)) < 1e-3
        case "Latency, p95":
            assert len(rows) == days
            assert all(float(str(row[1])) > 0 for row in rows)
        case _:
            streams = {call.model for call in made(records) if call.streamed and call.status == "ok"}
            assert {row[1] for row in rows} == streams
    none = await asked(store, expand(PANELS[title], Panel(begin=0, end=1, interval=60)))
    assert none[2] == []


TYPES = (
    "number",
    "toString(number)",
    "repeat('long ', number % 100)",
    "toLowCardinality(toString(number % 300))",
    "toLowCardinality(if(number % 2, NULL, toString(number)))",
    "if(number % 3, NULL, number)",
    "[number, number + 1]",
    "range(number % 5)",
    "arrayMap(x -> toString(x), range(number % 4))",
    "[[number], []]",
    "[toLowCardinality(toString(number % 7))]",
    "arrayFilter(x -> 0, [toLowCardinality('x')])",
    "map('k', toFloat32(number))",
    "map(toLowCardinality(toString(number % 5)), toFloat32(1.5))",
    "(number, toString(number))",
    "CAST((number, 'x'), 'Tuple(id UInt64, name String)')",
    "CAST([(1, ['x'])], 'Array(Tuple(a UInt8, b Array(String)))')",
    "toDecimal64(number, 9)",
    "CAST(number, 'Decimal(38, 9)')",
    "toDateTime64(number, 6, 'UTC')",
    "toDateTime(number)",
    "toDate(number % 1000)",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "toIPv4('1.2.3.4')",
    "toIPv6('::1')",
    "toFixedString('ab', 3)",
    "number % 2 = 0",
    "CAST('a', 'Enum8(\\'a\\' = 1, \\'b, (\\' = 2)')",
    "toInt128(number)",
    "NULL",
    "toFloat64(number)",
)


async def test_every_type_of_column_is_sent_as_clickhouse_go_reads_it(store: Stored, client: Client) -> None:
    """Against the same rows over the older form of Native, which the engine itself writes."""
    for kind in TYPES:
        sql = f"SELECT {kind} AS it, number FROM numbers(500) SETTINGS max_block_size = 100"
        names, _, rows = await asked(store, sql)
        assert names == ["it", "number"]
        assert rows == [tuple(row) for row in client.query(sql).result_rows], kind
    together = f"SELECT {', '.join(f'{kind} AS c{place}' for place, kind in enumerate(TYPES))} FROM numbers(300)"
    assert (await asked(store, together))[2] == [tuple(row) for row in client.query(together).result_rows]
    status, body = await sent(store.analyst, request("x", "SELECT CAST(1, 'Dynamic') AS d"))
    assert (status, b"cast it to String" in body) == (501, True)


@pytest.mark.slow
def test_nodes_client_asks_and_streams(store: Stored, records: list[Telemetry]) -> None:
    modules = or_skip(lambda: installed(NODE, "aimock"))
    command = ["node", str(NODE / "clickhouse.mjs"), str(modules), store.analyst, "acme"]
    told = orjson.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    acme = [str(record.status) for record in records if record.tenant_id == "acme"]
    assert told == {
        "ping": True,
        "rows": [{"status": status, "n": acme.count(status)} for status in sorted(set(acme))],
        "streamed": 100_000,
        "write": "164",
        "insert": "164",
        "file": "497",
    }
