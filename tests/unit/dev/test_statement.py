"""Where the data of an INSERT begins."""

import pytest

from streamguard.dev.store.statement import Insert, from_file, harms_the_store, named_format, split_insert

NATIVE = bytes(range(256))


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        (b"INSERT INTO t FORMAT Native", NATIVE, Insert("INSERT INTO t ", "Native", NATIVE)),
        (b"", b"INSERT INTO t FORMAT Native\n" + NATIVE, Insert("INSERT INTO t ", "Native", NATIVE)),
        (b"", b"INSERT INTO t FORMAT Native\r\n\n", Insert("INSERT INTO t ", "Native", b"\n")),
        (b"", b'insert into t format JSONEachRow {"a":1}', Insert("insert into t ", "JSONEachRow", b'{"a":1}')),
        (
            b"/* FORMAT x */ INSERT INTO t (`format`, a)",
            b"(1, 2)",
            Insert("/* FORMAT x */ INSERT INTO t (`format`, a)", "Values", b"(1, 2)"),
        ),
        (b"INSERT INTO t VALUES", b" (1)", Insert("INSERT INTO t ", "Values", b" (1)")),
        (
            b"INSERT INTO t SETTINGS a = 'FORMAT CSV' FORMAT TSV",
            b"1\n",
            Insert("INSERT INTO t SETTINGS a = 'FORMAT CSV' ", "TSV", b"1\n"),
        ),
        (
            b"-- SELECT\nINSERT INTO FUNCTION null('a UInt8') FORMAT CSV",
            b"1",
            Insert("-- SELECT\nINSERT INTO FUNCTION null('a UInt8') ", "CSV", b"1"),
        ),
        (b"INSERT INTO t FORMAT Native;", b"x", Insert("INSERT INTO t ", "Native", b"x")),
        (b"INSERT INTO t FORMAT Native", b"", Insert("INSERT INTO t ", "Native", b"")),
    ],
)
def test_an_insert_is_parted_from_its_data(query: bytes, body: bytes, expected: Insert) -> None:
    assert split_insert(query, body) == expected


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"", b"SELECT 'INSERT INTO t FORMAT CSV'"),
        (b"", b"INSERT INTO t SELECT * FROM u FORMAT CSV"),
        (b"", b"INSERT INTO t WITH 1 AS x SELECT x"),
        (b"", b"INSERT INTO t VALUES (1, 'FORMAT CSV')"),
        (b"", b"INSERT INTO t FROM INFILE 'x' FORMAT CSV"),
        (b"", b"INSERT INTO t"),
        (b"", b"(INSERT"),
        (b"", b"  "),
        (b"", b"WITH x AS (SELECT 1) SELECT * FROM x"),
    ],
)
def test_other_statements_are_left_whole(query: bytes, body: bytes) -> None:
    assert split_insert(query, body) is None


def test_the_last_format_is_the_answers() -> None:
    assert named_format("SELECT 1 FORMAT JSON") == "JSON"
    assert named_format("SELECT 1\n format CSV ;\n") == "CSV"
    assert named_format("SELECT 1 FORMAT TSV SETTINGS max_threads = 1") == "TSV"
    assert named_format("SELECT ' FORMAT CSV'") is None


def test_kafka_tables_are_seen_and_words_about_them_are_not() -> None:
    assert harms_the_store("create table k (a UInt8)\nengine=Kafka('b')")
    assert not harms_the_store("SELECT 'ENGINE = Kafka'")
    assert not harms_the_store("CREATE TABLE k (a UInt8) ENGINE = MergeTree ORDER BY a")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO t (a) ", "INSERT INTO t (a) FROM INFILE '/f' FORMAT CSV"),
        ("INSERT INTO t SETTINGS a = 1, b = 'x' ", "INSERT INTO t FROM INFILE '/f' SETTINGS a = 1, b = 'x' FORMAT CSV"),
        ("insert into settings (settings) ", "insert into settings (settings) FROM INFILE '/f' FORMAT CSV"),
        ("INSERT INTO t -- SETTINGS a = 1\n", "INSERT INTO t -- SETTINGS a = 1\n FROM INFILE '/f' FORMAT CSV"),
    ],
)
def test_the_data_of_an_insert_may_be_in_a_file(statement: str, expected: str) -> None:
    assert " ".join(from_file(statement, "/f", "CSV").split()) == " ".join(expected.split())
