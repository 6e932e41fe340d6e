"""The questions of docs/analytics.md, asked as an analyst would, and their answers counted once more without SQL."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.migrations import migrate, read_migrations
from streamguard.analytics.rows import Place, telemetry_rows
from streamguard.clock import SystemClock
from streamguard.config import ClickHouse
from streamguard.events.booked import Telemetry
from streamguard.events.stages import CacheUse
from tests.support import seeded
from tests.support.counted import COUNTS, Row
from tests.support.stored import Stored, stored
from tests.unit.analytics.examples import telemetry

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text(encoding="utf-8")
_QUESTION = re.compile(r"^### ([^\n]+)\n(?:(?!```|###)[^\n]*\n)*```sql\n(.*?)```", re.MULTILINE | re.DOTALL)
_QUESTIONS, _, _PANELS = PAGE.partition("## Questions\n")[2].partition("## Panels\n")
QUESTIONS = dict(_QUESTION.findall(_QUESTIONS))
PANELS = dict(_QUESTION.findall(_PANELS))
STORY = "One request's whole story"


@pytest.fixture(scope="module")
def records() -> list[Telemetry]:
    return seeded.requests()


@pytest.fixture(scope="module")
def store(records: list[Telemetry], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    with stored(tmp_path_factory.mktemp("questions") / "store") as running:
        connection = running.connection()
        seeded.store(connection, records)
        connection.close()
        yield running


@pytest.fixture(scope="module")
def analyst(store: Stored) -> Iterator[Client]:
    host, port = store.analyst.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database="streamguard") as client:
        yield client


def test_each_question_has_its_count() -> None:
    assert set(QUESTIONS) == {*COUNTS, STORY}
    assert len(PANELS) == 4


def alike(found: object, counted: object) -> bool:
    """Equal; quotients to within rounding."""
    match found, counted:
        case (list() | tuple(), list() | tuple()):
            return len(found) == len(counted) and all(
                alike(one, other) for one, other in zip(found, counted, strict=True)
            )
        case (bool(), _) | (_, bool()):
            return found == counted
        case (int() | float() | Decimal(), int() | float() | Decimal()):
            return abs(float(found) - float(counted)) <= max(2e-9, abs(float(counted)) * 1e-9)
        case (datetime(), datetime()):
            return found.replace(tzinfo=None) == counted.replace(tzinfo=None)
        case _:
            return found == counted


def test_the_tables_are_described_as_the_store_describes_them(analyst: Client) -> None:
    for table in ("requests", "calls", "verdicts", "payloads"):
        columns = analyst.query(
            "SELECT name, type, comment FROM system.columns "
            "WHERE database = 'streamguard' AND table = {t:String} ORDER BY position",
            parameters={"t": table},
        ).result_rows
        meaning = analyst.command(
            f"SELECT comment FROM system.tables WHERE database = 'streamguard' AND name = '{table}'"
        )
        assert meaning
        assert all(comment for *_, comment in columns)
        rows = [f"| `{name}` | `{kind}` | {comment} |" for name, kind, comment in columns]
        said = "\n".join(
            [f"### Table `{table}`", f"{meaning}.", "", "| column | type | meaning |", "|---|---|---|", *rows, "", ""]
        )
        assert said in PAGE, f"docs/analytics.md should say:\n{said}"


@pytest.mark.parametrize("question", COUNTS)
def test_a_question_is_answered_as_counted(question: str, analyst: Client, records: list[Telemetry]) -> None:
    counted: Sequence[Row] = COUNTS[question](records)
    found = [tuple(row) for row in analyst.query(QUESTIONS[question]).result_rows]
    assert len(found) == len(counted) > 0
    for one, other in zip(found, counted, strict=True):
        assert alike(one, other), (one, other)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_question_divides_by_nothing(rows: int, store: Stored) -> None:
    """Neither of a store without a row, nor of a tenant whose only request failed before anything was asked."""
    database = f"bare_{rows}"
    connection = Connection(ClickHouse(), store.owner, database=database)
    connection.create_database()
    migrate(connection, read_migrations(), ("outcomes",))
    now = SystemClock().now_us()
    unasked = {"status": "failed", "reason": "internal", "source": "none", "calls": (), "cost_nusd": None}
    for number in range(rows):
        record = telemetry(number, cache=CacheUse(status="off"), received_at=now, ended_at=now, **unasked)
        connection.insert("requests", telemetry_rows(record, Place("telemetry", 0, number))["requests"], str(number))
    connection.close()
    host, port = store.analyst.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database=database) as client:
        for question in COUNTS:
            for row in client.query(QUESTIONS[question]).result_rows:
                assert all(isfinite(value) for value in row if isinstance(value, float)), (question, row)


def test_the_story_of_a_request_has_all_its_parts_in_their_order(analyst: Client, records: list[Telemetry]) -> None:
    told = max(records, key=lambda record: len(record.calls))
    parameters = {"tenant": told.tenant_id, "request": told.request_id}
    story = analyst.query(QUESTIONS[STORY], parameters=parameters).result_rows
    assert [row[0] for row in story] == sorted(row[0] for row in story)
    named = [(row[1], row[2]) for row in story]
    expected = [("stage", entry.stage) for entry in told.trail]
    expected += [("call", f"{call.provider}/{call.model}") for call in told.calls]
    expected += [("verdict", f"{verdict.direction} {verdict.check}") for verdict in told.verdicts]
    assert sorted(named) == sorted([*expected, ("end", told.source)])
    assert [row[3].strip() for row in story if row[1] == "end"] == [f"{told.status} {told.reason or ''}".strip()]
    assert analyst.query(QUESTIONS[STORY], parameters={**parameters, "tenant": "nobody"}).result_rows == []
