"""What analysts can and cannot do on the embedded store's read-only port."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import httpx
import lz4.frame
import pytest
import pytest_asyncio
from backports import zstd

from streamguard.dev.store import EmbeddedStore, Limits, StoreSettings
from tests.support.ways_around import REACHES, WRITES

SLOW = "SELECT sum(cityHash64(number, toString(number))) FROM numbers(1900000000)"  # a minute or more
CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lambda data: bytes(lz4.frame.compress(data)),
}
SECRET = "what no analyst may read"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[tuple[httpx.AsyncClient, httpx.AsyncClient, Path]]:
    """Owner's and analyst's client of one store with a table `t` of ten rows, and a directory with a file `secret`."""
    folder = tmp_path_factory.mktemp("analysts")
    (folder / "secret").write_text(SECRET + "\n")
    limits = Limits(max_execution_time=20.0, max_result_rows=1000, max_rows_to_read=2_000_000_000, running=2, waiting=1)
    async with (
        EmbeddedStore(StoreSettings(path=folder / "store", read_only_port=0, limits=limits)) as store,
        httpx.AsyncClient(base_url=f"http://{store.address}", timeout=30, trust_env=False) as owner,
        httpx.AsyncClient(base_url=f"http://{store.read_only_address}", timeout=30, trust_env=False) as analyst,
    ):
        for statement in (
            "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a",
            "INSERT INTO t SELECT number FROM numbers(10)",
        ):
            assert (await owner.post("/", content=statement)).status_code == 200
        yield owner, analyst, folder


Port = tuple[httpx.AsyncClient, httpx.AsyncClient, Path]


def given(statement: str, folder: Path) -> str:
    return statement.replace("{folder}", str(folder)).replace("\x00", "\n")


@pytest.mark.parametrize("statement", WRITES, ids=range(len(WRITES)))
async def test_nothing_is_changed(port: Port, statement: str) -> None:
    owner, analyst, folder = port
    for method in ("POST", "GET"):
        asked = {"query": given(statement, folder)}
        refused = await analyst.request(method, "/", params=asked)
        code = refused.headers.get("X-ClickHouse-Exception-Code")
        assert (refused.status_code, code) == (500, "164"), refused.text
    assert (await owner.post("/", content="SELECT count(), sum(a) FROM t")).text == "10\t45\n"
    assert sorted(path.name for path in folder.iterdir()) == ["secret", "store"]
    assert (folder / "secret").read_text() == SECRET + "\n"


@pytest.mark.parametrize("statement", REACHES, ids=range(len(REACHES)))
async def test_nothing_beyond_the_tables_is_read(port: Port, statement: str) -> None:
    _, analyst, folder = port
    refused = await analyst.post("/", content=given(statement, folder))
    code = refused.headers.get("X-ClickHouse-Exception-Code")
    named = '"{' in statement or "`{" in statement  # a file named as if it were a table
    assert (refused.status_code, code) == ((404, "60") if named else (403, "497")), refused.text
    assert SECRET not in refused.text


async def asked(analyst: httpx.AsyncClient, statement: str, **settings: str) -> tuple[int, str, str]:
    """Status, ClickHouse's code or nothing, body."""
    answer = await analyst.post("/", params=settings, content=statement)
    return answer.status_code, answer.headers.get("X-ClickHouse-Exception-Code", ""), answer.text


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "select 1 -- ; DROP TABLE t",
        "SELECT 1;",
        "SELECT 1 /* a */ ; -- b",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "WITH 1 AS x SELECT x",
        "FROM t SELECT count()",
        "SHOW TABLES",
        "SHOW CREATE TABLE t",
        "SHOW DATABASES",
        "SHOW SETTINGS LIKE 'max_threads'",
        "SHOW CHANGED SETTINGS ILIKE 'MAX_threads'",
        "DESCRIBE TABLE t",
        "DESC t",
        "EXISTS t",
        "EXPLAIN SELECT 1",
        "EXPLAIN AST SELECT 1",
        "SELECT 'INTO OUTFILE', ';', 'file(', '-- ' FORMAT JSONEachRow",
        "SELECT $$; DROP TABLE t; $$",
        "SELECT a AS file, file FROM t",
        "SELECT sum(a) FROM merge('default', '^t$')",
        "SELECT * FROM numbers(3)",
        "SELECT 1 SETTINGS max_execution_time = 1, max_threads = 1, output_format_json_quote_64bit_integers = 0 FORMAT JSON",
        "SELECT * FROM system.columns WHERE table = 't'",
        "SELECT name FROM system.tables WHERE database = 'default'",
        "SELECT displayName(), version(), revision(), timezone()",
    ],
)
async def test_whatever_only_reads_the_tables_is_answered(port: Port, statement: str) -> None:
    _, analyst, _ = port
    status, _, body = await asked(analyst, statement)
    assert (status, bool(body)) == (200, True), body


async def test_one_statement_a_request(port: Port) -> None:
    owner, analyst, folder = port
    for statement in (
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE t",
        f"SELECT 1;\nSELECT file('{folder}/secret')",
        "SELECT 1;;SET ROLE owner",
    ):
        assert (await asked(analyst, statement))[:2] == (400, "62"), statement
    # in two parts, as HTTP clients may send them
    split = await analyst.post("/", params={"query": "SELECT 1;"}, content="DROP TABLE t")
    assert split.headers["X-ClickHouse-Exception-Code"] == "62"
    assert (await owner.post("/", content="SELECT count() FROM t")).text == "10\n"


@pytest.mark.parametrize(
    "name",
    [
        "profile",
        "format_template_row",
        "format_schema",
        "log_comment",
        "allow_ddl",
        "s3_max_redirects",
        "additional_table_filters",
        "no_such_setting",
    ],
)
async def test_a_setting_that_is_not_about_reading_is_refused(port: Port, name: str) -> None:
    _, analyst, _ = port
    status, code, body = await asked(analyst, "SELECT 1", **{name: "1"})
    assert (status, code) == (500, "164")
    assert f"Cannot modify '{name}'" in body


@pytest.mark.parametrize("before", ["SELECT 1 AS SHOW", "SELECT 1 AS CHANGED", "SHOW TABLES", "SHOW SETTINGS LIKE 'a'"])
async def test_a_list_of_settings_is_read_wherever_it_stands(port: Port, before: str) -> None:
    _, analyst, _ = port
    status, code, body = await asked(analyst, f"{before} SETTINGS log_comment = 'x'")
    assert (status, code) in ((500, "164"), (400, "62")), body


@pytest.mark.parametrize(
    "rest",
    [
        " = 1; SET ROLE ALL; DROP TABLE t; SET max_threads",
        " = 1; SET ROLE owner; INSERT INTO t VALUES (1); SET max_threads",
        " = 1, allow_introspection_functions",
        "\n",
        "` = 1; DROP TABLE t; --",
    ],
)
async def test_the_name_of_a_setting_is_no_way_to_a_statement(port: Port, rest: str) -> None:
    owner, analyst, _ = port
    for name in ("output_format_json_quote_64bit_integers", "max_threads"):
        status, code, _ = await asked(analyst, "SELECT count() FROM t", **{name + rest: "1"})
        assert (status, code) in ((404, "115"), (500, "164"))
        status, code, _ = await asked(owner, "SELECT count() FROM t", **{name + rest: "1"})
        assert (status, code) == (404, "115")
    assert (await owner.post("/", content="SELECT count(), sum(a) FROM t")).text == "10\t45\n"


@pytest.mark.parametrize("name", ["DataFrame", "datastore", "ArrowTable"])
async def test_what_is_a_format_in_python_only_is_none_here(port: Port, name: str) -> None:
    for client in port[:2]:
        assert (await asked(client, "SELECT 1", default_format=name))[:2] == (404, "73")


async def test_what_clients_say_of_readonly_users_roles_and_sessions_changes_nothing(port: Port) -> None:
    owner, analyst, _ = port
    for tricks in (
        {"readonly": "0"},
        {"user": "default", "password": ""},
        {"role": "owner"},
        {"session_id": "one"},
        {"session_id": "one", "session_timeout": "60"},
        {"default_format": "JSON"},
        {"param_t": "t"},
    ):
        status, code, _ = await asked(analyst, "TRUNCATE TABLE t", **tricks)
        assert (status, code) == (500, "164"), tricks
        assert (await asked(analyst, "SELECT currentRoles()", **tricks))[2].count("owner") == 0
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "", "X-ClickHouse-Database": "default"}
    assert (await analyst.post("/", content="DROP TABLE t", headers=headers)).headers[
        "X-ClickHouse-Exception-Code"
    ] == "164"
    form = {"query": (None, "DROP TABLE t"), "readonly": (None, "0")}
    assert (await analyst.post("/", files=form)).headers["X-ClickHouse-Exception-Code"] == "164"
    assert (await owner.post("/", content="SELECT count() FROM t")).text == "10\n"


async def test_a_table_named_by_a_parameter_is_a_table_of_the_store(port: Port) -> None:
    _, analyst, folder = port
    question = "SELECT count() FROM {t:Identifier}"
    assert (await asked(analyst, question, param_t="t"))[2] == "10\n"
    assert (await asked(analyst, question, param_t=f"{folder}/secret"))[:2] == (404, "60")


async def test_a_limit_can_be_lowered_and_not_raised(port: Port) -> None:
    _, analyst, _ = port

    async def limit(name: str, **settings: str) -> str:
        return (await asked(analyst, f"SELECT getSetting('{name}')", **settings))[2].strip()

    assert await limit("max_result_rows") == "1000"
    for given_, found in (("10", "10"), ("5000", "1000"), ("0", "1000"), ("-1", "1000"), ("many", "1000")):
        assert await limit("max_result_rows", max_result_rows=given_) == found
    assert await limit("max_execution_time", max_execution_time="60") == "20"
    assert await limit("max_execution_time", max_execution_time="1") == "1"
    # inside a statement ClickHouse itself judges: lower is obeyed, higher refused, none is not to be had
    assert (await asked(analyst, "SELECT number FROM numbers(20) SETTINGS max_result_rows = 10"))[:2] == (500, "396")
    for more in ("max_result_rows = 1001", "max_result_rows = 0", "max_execution_time = 60", "max_execution_time = 0"):
        assert (await asked(analyst, f"SELECT 1 SETTINGS {more}"))[1] == "452", more


async def test_answers_that_are_too_large_and_questions_that_read_too_much_are_refused(port: Port) -> None:
    _, analyst, _ = port
    assert (await asked(analyst, "SELECT number FROM numbers(1001)"))[:2] == (500, "396")
    cut = await asked(analyst, "SELECT number FROM numbers(100000)", result_overflow_mode="break", max_block_size="100")
    assert (cut[0], cut[2].count("\n") < 3000) == (200, True)
    assert (await asked(analyst, "SELECT count() FROM numbers(2000) WHERE number % 2", max_rows_to_read="1000"))[
        1
    ] == "158"
    assert (await asked(analyst, "SELECT groupArray(number) FROM numbers(3000000)", max_memory_usage="10000000"))[
        1
    ] == "241"


async def test_a_question_is_not_larger_than_a_statement_can_be_nor_is_what_it_is_decompressed_to(port: Port) -> None:
    _, analyst, _ = port
    most, ends = 1 << 20, b"SELECT 1"
    for data in (ends + b" " * most, ends + b" " * (32 << 20)):
        for encoding, coder in CODERS.items():
            headers = {"Content-Encoding": encoding}
            refused = await analyst.post("/", content=coder(data), headers=headers)
            assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (400, "62"), encoding
            assert f"{most} bytes at most" in refused.text, encoding
            answered = await analyst.post("/", content=coder(ends), headers=headers)
            assert answered.text == "1\n", encoding
    for refused in (
        await analyst.post("/", content=ends + b" " * most),
        await analyst.post("/", files={"query": (None, ends + b" " * most)}),
    ):
        assert f"{most} bytes at most" in refused.text


async def test_nobody_waits_while_a_large_answer_is_compressed(port: Port) -> None:
    owner, analyst, _ = port
    large = "SELECT randomPrintableASCII(40000) FROM numbers(900)"  # a second and more to compress
    asking = asyncio.create_task(compressed(analyst, large))
    longest = 0.0
    while not asking.done():
        sent = time.monotonic()
        await owner.get("/ping")
        longest = max(longest, time.monotonic() - sent)
        await asyncio.sleep(0.005)
    took, size = await asking
    assert size > 20_000_000
    assert longest < max(0.5, took / 3)


async def compressed(client: httpx.AsyncClient, statement: str) -> tuple[float, int]:
    """How long an answer took, in gzip, and its bytes as they came."""
    began, size = time.monotonic(), 0
    on, gzipped = {"enable_http_compression": "1"}, {"Accept-Encoding": "gzip"}
    async with client.stream("POST", "/", content=statement, params=on, headers=gzipped) as answer:
        async for piece in answer.aiter_raw():
            size += len(piece)
    return time.monotonic() - began, size


@pytest.mark.slow
async def test_a_question_that_takes_too_long_ends_while_inserts_go_on(port: Port) -> None:
    owner, analyst, _ = port
    assert (await owner.post("/", content="CREATE TABLE w (a UInt64) ENGINE = MergeTree ORDER BY a")).status_code == 200
    began = time.monotonic()
    slow = [asyncio.create_task(asked(analyst, SLOW, max_execution_time="2")) for _ in range(2)]
    waits: list[float] = []
    while not all(task.done() for task in slow):
        sent = time.monotonic()
        inserted = await owner.post("/", params={"query": "INSERT INTO w FORMAT CSV"}, content="1\n" * 1000)
        waits.append(time.monotonic() - sent)
        assert inserted.status_code == 200
    assert [(await task)[:2] for task in slow] == [(408, "159")] * 2
    assert 1.9 < time.monotonic() - began < 18
    assert len(waits) > 3
    assert sorted(waits)[len(waits) // 2] < 0.5, "an insert waited for the questions"


@pytest.mark.slow
async def test_more_questions_than_may_wait_are_refused(port: Port) -> None:
    _, analyst, _ = port
    four = await asyncio.gather(*(asked(analyst, SLOW, max_execution_time="0.5") for _ in range(4)))
    assert sorted(answer[:2] for answer in four) == [(408, "159")] * 3 + [(500, "202")]


async def test_a_question_whose_client_has_gone_is_given_up(port: Port) -> None:
    owner, analyst, _ = port
    running = (
        "SELECT count() FROM system.processes WHERE query LIKE '%1900000000%' AND query NOT LIKE '%system.processes%'"
    )

    async def until(wanted: str) -> None:
        async with asyncio.timeout(9):  # twice this is shorter than the time limit, which would end it too
            while (await owner.post("/", content=running)).text != wanted:
                await asyncio.sleep(0.01)

    async with httpx.AsyncClient(base_url=analyst.base_url, trust_env=False) as impatient:
        asking = asyncio.create_task(impatient.post("/", content=SLOW))
        await until("1\n")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await until("0\n")
