"""Real texts through the whole line: each ends once, no worker errs, and nothing of them is found where no text may be.

The texts are 1,500 with labelled personal data and some 1,600 questions and attacks, kept beside the repository; besides them
texts with generated credentials, and personal data in code. A third wants its answer in pieces, some are of the lane batch, some
stand where tools are described or answer, and some are cancelled.
"""

import asyncio
import base64
import csv
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from benchmarks.secret_samples import secret_samples
from tests.support.kafka import ROOT
from tests.support.planted import Planted, Runs, words
from tests.support.witness import Witness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DATA = ROOT.parent / "shared" / "data"
TABLES = ("requests", "calls", "verdicts")
TEXTLESS_TOPICS = ("telemetry", "settlements", "admission-journal", "cancellations", "breakers")
PLACES = (
    "logs",
    "metrics",
    "headers",
    "keys",
    "standard output",
    "standard error",
    *(f"topic {topic}" for topic in TEXTLESS_TOPICS),
    *(f"table {table}" for table in TABLES),
)
"""Where no text of a user may be."""


@dataclass(frozen=True)
class Texts:
    """One line each, as `--texts` takes them; `planted` are the labelled personal data."""

    lines: list[str]
    planted: list[str]


@dataclass(frozen=True)
class Run:
    """What a demo left behind. `places` holds everything from each of `PLACES`, one record, row or file an item."""

    status: int
    report: dict[str, Any]
    witness: Witness
    logs: dict[str, str]
    rows: dict[str, int]
    places: dict[str, list[str]]


@pytest.fixture(scope="module")
def texts() -> Texts:
    if not DATA.is_dir():
        pytest.skip("the labelled texts (../shared/data) are not here")
    labelled = orjson.loads((DATA / "pii" / "synth_dataset_v2.json").read_bytes())
    lines = [*(item["full_text"] for item in labelled), *_questions_and_attacks(DATA / "injection")]
    planted = [span["entity_value"] for item in labelled for span in item["spans"]]
    for line, value in (*_with_credentials(), *_in_code(labelled)):
        lines.append(line)
        planted.append(value)
    return Texts([" ".join(line.split("\n")) for line in lines if line.strip()], planted)


def _with_credentials() -> Iterator[tuple[str, str]]:
    """Texts with a credential each, and the word that holds it."""
    for sample in secret_samples(7, 200):
        if sample.label == 1 and "\n" not in sample.text:
            yield sample.text, max(sample.text.split(), key=len)


def _in_code(labelled: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Texts whose personal data stands in base64, and the word that holds it."""
    for item in labelled[:300:3]:
        if item["spans"]:
            code = base64.b64encode(item["full_text"].encode()).decode()
            yield f"Please read this and answer: {code}", code


def _questions_and_attacks(folder: Path) -> Iterator[str]:
    for name in ("chat_benign", "jailbreaks"):
        yield from orjson.loads((folder / f"{name}.json").read_bytes())
    for name in ("NotInject_one", "NotInject_two"):
        yield from (item["prompt"] for item in orjson.loads((folder / f"{name}.json").read_bytes()))
    for name in ("bipia_text_attack", "bipia_code_attack"):
        for attacks in orjson.loads((folder / f"{name}.json").read_bytes()).values():
            yield from attacks
    with (folder / "deepset_train.csv").open(newline="", encoding="utf-8") as file:
        yield from (row["text"] for row in csv.DictReader(file))


@pytest.fixture(scope="module")
def run(texts: Texts, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(_run(texts, tmp_path_factory.mktemp("private")))


async def _run(texts: Texts, directory: Path) -> Run:
    file, folder = directory / "requests.jsonl", directory / "demo"
    file.write_bytes(b"\n".join(orjson.dumps(_request(number, line)) for number, line in enumerate(texts.lines)))
    witness = Witness(folder, cancels=_nobody_waits_for)
    watching = asyncio.create_task(witness.watch())
    arguments = ("demo", "--input", str(file), "--json", "--data", str(folder))
    try:
        status, out, err = await _streamguard(*arguments)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    async with _store(folder / "store") as store:
        rows = {table: await _rows(store, table) for table in TABLES}
    logs = {log.stem: log.read_text() for log in folder.glob("logs/*.log")}
    places = {
        "logs": list(logs.values()),
        "metrics": list(witness.metrics.values()),
        "headers": witness.headers,
        "keys": witness.keys,
        "standard output": [out],
        "standard error": [err],
        **{f"topic {topic}": witness.values[topic] for topic in TEXTLESS_TOPICS},
        **{f"table {table}": rows[table] for table in TABLES},
    }
    report = orjson.loads(out.splitlines()[-1]) if out.strip() else {}
    return Run(status, report, witness, logs, {table: len(rows[table]) for table in TABLES}, places)


TENANTS = ("acme-shop", "lumen-mobile", "kite-travel", "nordwind-energy")
TOOL = {"type": "object", "properties": {"order": {"type": "string", "maxLength": 20}}, "required": ["order"]}


def _request(number: int, line: str) -> dict[str, Any]:
    """A text as many users of a few tenants send it: said, said where a tool is described, or by the tool itself."""
    asked: dict[str, Any] = {"role": "user", "content": line}
    function = {"name": "look_up", "description": "Looks it up.", "parameters": TOOL}
    fields: dict[str, Any] = {"messages": [asked]}
    match number % 15:
        case 4:
            fields |= {"tools": [{"type": "function", "function": {**function, "description": line[:4000]}}]}
        case 9:
            called = {"name": "look_up", "arguments": orjson.dumps({"order": line}).decode()}
            calls = [{"id": f"call_{number}", "type": "function", "function": called}]
            said = {"role": "tool", "tool_call_id": f"call_{number}", "content": line}
            fields = {"messages": [asked, {"role": "assistant", "tool_calls": calls}, said]}
            fields |= {"tools": [{"type": "function", "function": function}]}
        case _:
            pass
    return {
        "request_id": f"line-{number:06}",
        "tenant_id": TENANTS[number % len(TENANTS)],
        "user_id": f"user-{number // 20:05}",
        "feature": "texts",
        "stream": number % 3 == 0,
        "lane": "batch" if number % 10 == 7 else "interactive",
        **fields,
    }


def _nobody_waits_for(request_id: str) -> bool:
    return int(request_id.removeprefix("line-")) % 40 == 3


async def _streamguard(*arguments: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streamguard", *arguments, stdout=pipe, stderr=pipe
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)  # it ends all that it started
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def _store(path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """The store that the demo left behind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streamguard", "store", "--path", str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        address = line.removeprefix("listening on ").strip()
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60.0, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        await process.communicate()


async def _rows(store: httpx.AsyncClient, table: str) -> list[str]:
    query = f"SELECT * FROM {table} FORMAT JSONEachRow"
    answer = await store.post("/", params={"database": "streamguard"}, content=query.encode())
    answer.raise_for_status()
    return answer.text.splitlines()


def test_every_text_ends_once_and_all_books_agree(run: Run, texts: Texts) -> None:
    report = run.report
    assert run.status == 0
    assert report["audit"]["problems"] == []
    assert report["audit"]["passed"]
    assert (report["requests"], report["lost"], report["duplicates"]) == (len(texts.lines), 0, 0)
    assert report["store_rows"] == run.rows["requests"] == report["audit"]["outcomes"] == len(texts.lines)
    assert report["outcomes"]["failed"] == report["cancelled"] + report["reasons"].get("invalid_output", 0)
    assert report["dead_letters"] == 0
    assert report["cancelled"] > 10
    assert report["tool_calls"] > 20
    assert report["streams"]["shown"] > 500


def test_no_worker_errs_or_is_started_again(run: Run) -> None:
    workers = {name: log for name, log in run.logs.items() if name.startswith(("worker", "sink"))}
    assert sorted(workers) == ["sink", "worker-0", "worker-1"]
    for log in workers.values():
        lines = [orjson.loads(line) for line in log.rstrip("\n").split("\n")]  # a traceback would be no JSON
        assert [line for line in lines if line["level"] in ("error", "critical")] == []
        assert sum(line["message"] == "metrics served" for line in lines) == 1
    assert "starting it again" not in run.places["standard error"][0]


def test_the_witness_has_seen_everything(run: Run) -> None:
    """Otherwise the absence of planted values proves nothing."""
    count, values = run.report["requests"], run.witness.values
    assert run.witness.gaps == 0
    assert sum('"kind":"decision"' in value for value in values["admission-journal"]) == count
    assert len(values["response-chunks"]) >= run.report["streams"]["chunks"] > 3 * run.report["streams"]["shown"]
    assert len(values["cancellations"]) == sum(_nobody_waits_for(f"line-{number:06}") for number in range(count))
    assert [len(values[topic]) for topic in ("requests", "outcomes", "telemetry", "settlements")] == [count] * 4
    assert len(run.witness.keys) > 8 * count
    assert len(run.witness.headers) > 2 * len(run.witness.keys)
    assert sorted(run.witness.metrics) == ["worker-0", "worker-1"]
    settled = [
        float(line.rpartition(" ")[2])
        for exposition in run.witness.metrics.values()
        for line in exposition.splitlines()
        if line.startswith('streamguard_stage_events_total{result="done",stage="settle"}')
    ]
    assert sum(settled) == count
    assert run.rows["verdicts"] > count
    verdicts = [orjson.loads(row) for row in run.places["table verdicts"]]
    for check in ("injection", "secrets", "encoded", "personal"):
        assert any(row["check"] == check and row["code"] for row in verdicts), check
    assert sum(bool(row["contributions"]) for row in verdicts) > 200
    assert run.rows["calls"] == run.report["audit"]["store"]["calls"] > 0


@pytest.fixture(scope="module")
def planted(texts: Texts) -> Planted:
    return Planted(texts.planted)


@pytest.fixture(scope="module")
def runs(texts: Texts) -> Runs:
    return Runs(texts.lines)


def test_the_finder_finds_all_of_it_where_texts_may_be(run: Run, planted: Planted, runs: Runs) -> None:
    sent = words("\n".join(run.witness.values["requests"]))
    assert len(planted.values) > 1_900
    assert planted.found(sent) == planted.values
    assert len(runs.found(sent)) == len(runs)


@pytest.mark.parametrize("place", PLACES)
def test_no_planted_value_and_no_piece_of_a_text_is_found(run: Run, planted: Planted, runs: Runs, place: str) -> None:
    assert any(run.places[place])
    left_behind = words("\n".join(run.places[place]))
    assert planted.found(left_behind) == set()
    assert runs.found(left_behind) == set()


@pytest.mark.parametrize("place", PLACES)
def test_one_value_slipped_into_a_copy_is_found(run: Run, planted: Planted, place: str) -> None:
    """The test above can fail: a value at either end or in the middle of what was left behind, as JSON would hold it."""
    values = sorted(planted.values)
    pieces = "\n".join(run.places[place][:100]).split(",")
    for value, at in ((values[0], 0), (values[len(values) // 2], len(pieces) // 2), (values[-1], len(pieces))):
        copy = [*pieces[:at], orjson.dumps({"leaked": value}).decode(), *pieces[at:]]
        assert planted.found(words(",".join(copy))) == {value}
