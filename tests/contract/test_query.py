"""`streamguard query` against an embedded store."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.migrations import migrate, read_migrations
from streamguard.analytics.rows import Place, telemetry_rows
from streamguard.cli import main
from streamguard.config import ClickHouse
from streamguard.dev.store import EmbeddedStore, StoreSettings
from tests.unit.analytics.examples import telemetry


async def _fill(path: Path) -> None:
    def write(url: str) -> None:
        connection = Connection(ClickHouse(), url)
        connection.create_database()
        migrate(connection, read_migrations(), ("outcomes", "payloads"))
        for number in range(5):
            place = Place("telemetry", 0, number)
            record = telemetry(number, cost_nusd=None if number == 4 else 437_500)
            connection.insert("requests", telemetry_rows(record, place)["requests"], f"t:{number}")
        connection.close()

    async with EmbeddedStore(StoreSettings(path=path)) as store:
        await asyncio.to_thread(write, f"http://{store.address}")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    asyncio.run(_fill(tmp_path / "store"))
    return tmp_path / "store"


def ask(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["query", *map(str, arguments)])


def test_an_answer_as_a_table_and_as_json(store: Path) -> None:
    question = "SELECT tenant_id, cost, ts FROM requests WHERE request_id IN ('request-3', 'request-4') ORDER BY ts"
    shown = ask(question, "--path", store)
    assert shown.exit_code == 0, shown.output
    assert "tenant_id" in shown.stdout
    assert "0.000437500" in shown.stdout
    lines = [orjson.loads(line) for line in ask(question, "--path", store, "--json").stdout.splitlines()]
    assert [(line["tenant_id"], line["cost"]) for line in lines] == [("tenant-3", "0.000437500"), ("tenant-4", None)]


def test_the_folder_around_a_store_is_not_taken_for_one(store: Path) -> None:
    around = ask("SELECT 1", "--path", store.parent)
    assert (around.exit_code, around.stderr) == (
        2,
        f"streamguard: {store.parent}: there is no store; there is one in {store}\n",
    )
    assert list(store.parent.iterdir()) == [store]


def test_no_rows_are_said_to_be_none(store: Path) -> None:
    nothing = "SELECT ts FROM requests WHERE tenant_id = {tenant:String}"
    answer = ask(nothing, "--path", store, "--param", "tenant=nobody")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "streamguard: no rows\n")
    wrong = ask(nothing, "--path", store, "--param", "tenant")
    assert (wrong.exit_code, wrong.stderr) == (2, "streamguard: --param is NAME=VALUE\n")


def test_more_rows_than_wanted_are_cut_and_it_says_so(store: Path) -> None:
    answer = ask("SELECT number FROM numbers(100)", "--path", store, "--rows", "3", "--json")
    assert [orjson.loads(line) for line in answer.stdout.splitlines()] == [{"number": n} for n in range(3)]
    assert "first 3 rows" in answer.stderr


def test_what_looks_like_markup_or_steers_a_terminal_is_shown_as_it_is(store: Path) -> None:
    shown = ask("SELECT '[/b] [i]x[/i] :warning:' AS one, unhex('1b5d303b680d') AS two, 3 AS `[red]`", "--path", store)
    assert shown.exit_code == 0, shown.output
    assert "[/b] [i]x[/i] :warning:" in shown.stdout
    assert "[red]" in shown.stdout
    assert "\\x1b]0;h\\r" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_values_that_json_has_no_form_for_are_text(store: Path) -> None:
    big = "SELECT toUInt128('100000000000000000000') AS n, map(1, toInt256('-9223372036854775809')) AS m"
    fixed = (
        "toFixedString('ab', 2) AS f, [toFixedString(unhex('ff'), 1)] AS g, (1, toUInt64(18446744073709551615)) AS t"
    )
    answer = ask(f"{big}, {fixed}", "--path", store, "--json")
    assert answer.exit_code == 0, answer.output
    assert orjson.loads(answer.stdout) == {
        "n": "100000000000000000000",
        "m": {"1": "-9223372036854775809"},
        "f": "ab",
        "g": ["ff"],
        "t": [1, 18446744073709551615],
    }
    assert "│ ab " in ask(f"{big}, {fixed}", "--path", store).stdout


def test_parameters_may_hold_anything_and_need_not_be_asked_for(store: Path) -> None:
    unasked = ask("SELECT '%x' LIKE '%x' AS n", "--path", store, "--param", "a=5", "--json")
    assert (unasked.exit_code, unasked.stdout) == (0, '{"n":1}\n')
    one_of = (
        "SELECT count() AS n FROM requests WHERE tenant_id IN {some:Array(String)} AND {text: String} = 'a\\\\\\'%'"
    )
    given = ("--param", "some=['tenant-3', 'tenant-4']", "--param", "text=a\\'%")
    asked = ask(one_of, "--path", store, *given, "--json")
    assert (asked.exit_code, asked.stdout) == (0, '{"n":2}\n'), asked.output
    wrong = ask(one_of, "--path", store, "--param", "some=[tenant", "--param", "text=")
    assert (wrong.exit_code, len(wrong.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ("SELECT nothing_such FROM requests", "nothing_such"),
        ("SELEC 1", "Syntax error"),
        ("DROP TABLE requests", "readonly"),
        (" ; ", "there is no question"),
        ("SELECT count() FROM requests FORMAT JSON", "leave FORMAT out"),
        ("SELECT uniqState(tenant_id) FROM requests", "cannot answer: AggregateFunction"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_one_line(store: Path, question: str, complaint: str) -> None:
    answer = ask(question, "--path", store)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert complaint in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_store_that_is_not_there_gets_one_line_that_says_how_to_start_one(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound, not listening
        nobody.bind(("127.0.0.1", 0))
        answer = ask("SELECT 1", "--url", f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert answer.exit_code == 2
    assert "streamguard store" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    missing = ask("SELECT 1", "--path", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "there is no store" in missing.stderr
    (tmp_path / "other").mkdir()
    other = ask("SELECT 1", "--path", tmp_path / "other")
    assert (other.exit_code, list((tmp_path / "other").iterdir())) == (2, [])
    assert "there is no store" in other.stderr
    both = ask("SELECT 1", "--path", tmp_path, "--url", "http://127.0.0.1:1")
    assert both.exit_code == 2
    for url in (
        "localhost",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://127.0.0.1:1/path?x",
    ):
        answer = ask("SELECT 1", "--url", url)
        assert (answer.exit_code, len(answer.stderr.splitlines())) == (2, 1), url
        assert "the address of a store must " in answer.stderr
    for arguments in (("SELECT '\udcff'",), ("SELECT {a:String}", "--param", "a=\udcff")):
        answer = ask(*arguments, "--url", "http://127.0.0.1:1")
        assert (answer.exit_code, answer.stderr) == (
            2,
            "streamguard: the question or a parameter is no UTF-8 text\n",
        )


def test_questions_go_to_where_one_can_only_read_and_those_about_texts_to_their_store(
    store: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "streamguard", "store", "--path", str(store), "--read-only-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            reading, writing = (f"http://{running.stdout.readline().split()[-1]}" for _ in range(2))
            told, nowhere = tmp_path / "streamguard.toml", "http://127.0.0.1:1"

            def tell(**keys: str) -> tuple[str, str]:
                told.write_text("[clickhouse]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items()))
                return "--config", str(told)

            one = tell(url=nowhere, read_url=reading)
            assert ask("SELECT count() AS n FROM requests", "--json", *one).stdout == '{"n":5}\n'
            assert ask("SELECT count() AS n FROM payloads", "--payloads", "--json", *one).stdout == '{"n":0}\n'
            refused = ask("SELECT 1 SETTINGS max_execution_time = 60", *one)
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert "SETTING_CONSTRAINT_VIOLATION" in refused.stderr

            two = tell(url=nowhere, payloads_url=nowhere, payloads_read_url=reading)
            assert ask("SELECT count() AS n FROM payloads", "--payloads", "--json", *two).stdout == '{"n":0}\n'
            both = tell(url=writing, payloads_url=writing)
            assert ask("SELECT count() AS n FROM payloads", "--payloads", "--json", *both).stdout == '{"n":0}\n'
            lost = ask("SELECT count() FROM payloads_2", *both)
            assert lost.exit_code == 2
            assert lost.stderr.endswith("texts are in a store of their own: --payloads\n")
        finally:
            running.terminate()


def test_a_store_that_is_not_there_is_one_line_on_the_terminal() -> None:
    command = [sys.executable, "-m", "streamguard", "query", "--url", "http://127.0.0.1:1", "SELECT 1"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert [line for line in done.stderr.splitlines() if not line.startswith("streamguard: no store answers")] == []
    assert len(done.stderr.splitlines()) == 1
