"""ClickHouse's users, as the real engine reads them from the deployment's own file: who may do what, and how much of it."""

import runpy
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from streamguard.analytics.migrations import migrate, read_migrations
from streamguard.dev.store.access import Limits
from tests.support.deployment import read
from tests.support.granted import Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "clickhouse" / "users.d" / "streamguard.xml"
DENIED, READONLY, OUT_OF_BOUNDS, TOO_MUCH = "Code: 497.", "Code: 164.", "Code: 452.", "Code: 396."


class Recorded:
    """A session of the sink's that keeps what it is told to do."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def command(self, sql: str, settings: dict[str, str | int] | None = None) -> None:
        self.statements.append(sql)

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        self.statements.append(sql)
        return []


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Callable[[Path], list[str]] = runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))["make"]
    folder = tmp_path_factory.mktemp("secrets") / "made"
    make(folder)
    return folder / "clickhouse_passwords"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, passwords: Path) -> Server:
    """Its tables were made by the writer, from nothing, as the sink makes them."""
    server = Server(tmp_path_factory.mktemp("clickhouse") / "server", USERS, passwords)
    sink = Recorded()
    migrate(sink, read_migrations(), ("outcomes", "payloads"))
    statements = [
        "CREATE DATABASE IF NOT EXISTS streamguard",
        "USE streamguard",
        *sink.statements,
        "DESCRIBE TABLE requests",
    ]
    for statement, answer in zip(statements, server.ask("streamguard_writer", statements), strict=True):
        assert not answer.startswith("Code:"), f"{statement[:80]}: {answer}"
    return server


def test_the_writer_may_do_what_the_sink_does_and_no_more(server: Server) -> None:
    row = "INSERT INTO streamguard.payloads (ts, tenant_id, request_id) VALUES (now64(6), 'acme', 'r-1')"
    told = server.ask(
        "streamguard_writer",
        [row, "SELECT count() FROM streamguard.payloads", "DROP TABLE streamguard.requests", "CREATE DATABASE other"],
    )
    assert told[:2] == ["", "1"]
    assert [answer[: len(DENIED)] for answer in told[2:]] == [DENIED, DENIED]


def test_the_reader_sees_every_table_but_texts_and_what_was_migrated(server: Server) -> None:
    tables = set(server.ask("default", ["SELECT name FROM system.tables WHERE database = 'streamguard'"])[0].split())
    assert {"requests", "calls", "verdicts", "payloads", "migrations"} <= tables
    seen = set(server.ask("streamguard_reader", ["SHOW TABLES FROM streamguard"])[0].split())
    assert seen == tables - {"payloads", "migrations"}, (
        "grant the new table to streamguard_reader in users.d, or say why not"
    )
    told = server.ask("streamguard_reader", [f"SELECT count() FROM streamguard.{table}" for table in sorted(seen)])
    assert told == ["0"] * len(seen)


@pytest.mark.parametrize("user", ["streamguard_reader", "streamguard_payloads"])
def test_readers_only_read_and_only_what_is_theirs(server: Server, user: str) -> None:
    theirs, others = ("requests", "payloads") if user == "streamguard_reader" else ("payloads", "requests")
    refused = [
        f"SELECT count() FROM streamguard.{others}",
        "SELECT count() FROM streamguard.migrations",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')",
        "SELECT * FROM remote('127.0.0.1', 'streamguard.payloads')",
        f"INSERT INTO streamguard.{theirs} (tenant_id) VALUES ('a')",
        f"ALTER TABLE streamguard.{theirs} DELETE WHERE 1",
        f"DROP TABLE streamguard.{theirs}",
        f"TRUNCATE TABLE streamguard.{theirs}",
        "CREATE TABLE streamguard.mine (a Int) ENGINE = MergeTree ORDER BY a",
        "CREATE USER somebody",
        "GRANT SELECT ON streamguard.payloads TO streamguard_reader",
        "SYSTEM SHUTDOWN",
        "SET readonly = 0",
    ]
    answers = server.ask(user, [f"SELECT count() FROM streamguard.{theirs} FORMAT Null", *refused])
    assert answers[0] == ""
    for statement, answer in zip(refused, answers[1:], strict=True):
        assert answer.startswith((DENIED, READONLY)), f"{statement}: {answer[:200]}"


def test_the_default_user_keeps_its_rights_so_the_refusals_above_are_the_users_own(server: Server) -> None:
    assert server.ask("default", ["SELECT count() > 0 FROM streamguard.migrations"]) == ["1"]


def test_limits_hold_and_may_be_lowered_but_not_raised_or_switched_off(tmp_path: Path, passwords: Path) -> None:
    limits = {
        element.tag: int(str(element.findtext("max")))
        for element in ElementTree.parse(USERS).getroot().iterfind("profiles/streamguard_reader/constraints/*[max]")
    }
    assert len(limits) >= 6
    asked = [f"SELECT 1 SETTINGS {name} = {value}" for name, most in limits.items() for value in (most, most + 1, 0)]
    server = Server(tmp_path / "server", USERS, passwords, readonly="2")
    told = server.ask("streamguard_reader", asked)
    assert [answer[: len(OUT_OF_BOUNDS)] for answer in told] == ["1", OUT_OF_BOUNDS, OUT_OF_BOUNDS] * len(limits)
    unset = [
        int(value) for value in server.ask("streamguard_reader", [f"SELECT getSetting('{name}')" for name in limits])
    ]
    assert unset == list(limits.values()), "what a question gets that asks for nothing"
    (answer,) = server.ask("streamguard_reader", [f"SELECT number FROM numbers({limits['max_result_rows'] * 2})"])
    assert answer.startswith(TOO_MUCH)
    cut = "SELECT number FROM numbers(200000) SETTINGS max_result_rows = 10, result_overflow_mode = 'break'"
    (answer,) = server.ask("streamguard_reader", [f"{cut} FORMAT Null"])
    assert answer == ""


def test_the_time_that_grafana_asks_for_is_within_bounds() -> None:
    """Its plugin (clickhouse-go) asks for the data source's timeout and five seconds more."""
    (provisioned, _) = read("deploy/grafana/provisioning/datasources/streamguard.yml")["datasources"]
    most = ElementTree.parse(USERS).getroot().findtext("profiles/streamguard_reader/constraints/max_execution_time/max")
    assert int(provisioned["jsonData"]["queryTimeout"]) + 5 <= int(str(most))


def test_the_embedded_store_has_the_same_limits() -> None:
    """So that a question which `streamguard dev` answers is answered there too."""
    constraints = ElementTree.parse(USERS).getroot().iterfind("profiles/streamguard_reader/constraints/*[max]")
    there = {element.tag: float(str(element.findtext("max"))) for element in constraints}
    here = asdict(Limits())
    assert there == {name: here[name] for name in there}


def test_a_secret_that_is_missing_lets_nobody_in(tmp_path: Path) -> None:
    empty = tmp_path / "empty.xml"
    empty.write_text("<clickhouse/>")
    with pytest.raises(AssertionError, match=r"(?i)exception|include|password"):
        Server(tmp_path / "server", USERS, empty).ask("streamguard_reader", ["SELECT 1"])
