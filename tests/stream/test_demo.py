"""`streamguard demo`, whole: what it prints, what it leaves behind, and how it ends when it must not go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest

pytest.importorskip("confluent_kafka")
pytest.importorskip("chdb")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "streamguard", *arguments]


def _demo(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run it in `folder`; its status and the object on its last line."""
    done = subprocess.run(
        _command("demo", "--json", *arguments), cwd=folder, capture_output=True, check=False, timeout=150
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr.decode()
    assert len(lines) == 1
    return done.returncode, orjson.loads(lines[0])


def _left_running(folder: Path) -> list[str]:
    """Processes that work in this folder."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == str(folder) and process.status() != "zombie":
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@contextmanager
def _store(path: Path) -> Generator[httpx.Client]:
    """The store that a demo left behind, opened again."""
    ready = path.parent / "ready"
    process = subprocess.Popen(
        _command("store", "--path", str(path), "--ready-file", str(ready)), stdout=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        with httpx.Client(base_url=f"http://{ready.read_text().strip()}", trust_env=False, timeout=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(15)


def _ask(client: httpx.Client, sql: str) -> str:
    return client.post("/", params={"database": "streamguard"}, content=sql.encode()).raise_for_status().text


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_everything_sent_ends_and_all_books_agree(tmp_path: Path) -> None:
    status, report = _demo(tmp_path, "--requests", "400")
    audit = report["audit"]
    assert (status, audit["problems"]) == (0, [])
    assert (report["requests"], report["lost"], report["duplicates"]) == (400, 0, 0)
    assert report["responses"] + report["dead_letters"] == 400
    assert sum(report["outcomes"].values()) == report["responses"] == report["store_rows"]
    assert set(report["latency_ms"]) == {"p50", "p95", "p99"}
    assert report["cost_usd"] > 0
    accounts, cost = audit["accounts"], audit["cost_nusd"]
    assert cost["outcomes"] == cost["store"] == sum(one["outcomes_nusd"] for one in accounts.values())
    assert cost["provider"] == sum(one["provider_nusd"] for one in accounts.values())
    assert accounts["exact"]["outcomes_nusd"] == accounts["exact"]["provider_nusd"] > 0.9 * cost["provider"]
    assert round(report["cost_usd"] * 1e9) == audit["cost_nusd"]["store"]
    assert report["cache"]["exact"] > 0
    assert report["saved_usd"] > 0
    assert report["calls"]["fallbacks"] > 0
    for reason in ("prompt_injection", "secret_in_input", "no_consent", "expired", "input_too_long"):
        assert report["reasons"][reason] > 0
    streams = report["streams"]
    assert streams["requests"] > streams["shown"] > 20
    assert streams["chunks"] > 2 * streams["shown"]
    assert (streams["unlike_their_response"], report["cancelled"] > 0) == (0, True)
    assert report["tool_calls"] > 0
    assert set(report["lanes_ms"]) == {"interactive", "batch"}
    assert audit["remarks"] == []
    assert _left_running(tmp_path) == []
    with _store(tmp_path / "streamguard-demo" / "store") as client:
        assert int(_ask(client, "SELECT count() FROM requests")) == report["store_rows"]
        assert (
            int(_ask(client, "SELECT toInt64(sum(cost) * 1000000000) FROM requests")) == audit["cost_nusd"]["outcomes"]
        )


@contextmanager
def _sending(folder: Path) -> Generator[subprocess.Popen[str]]:
    """A demo that has just begun to send."""
    with subprocess.Popen(
        _command("demo"), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            assert any(line.startswith("sending") for line in process.stderr)
            assert len(_left_running(folder)) >= 6
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    with _sending(tmp_path) as process:
        process.send_signal(number)
        _, written = process.communicate(timeout=30)
    assert process.returncode == 130
    assert written.splitlines()[-1] == "streamguard: interrupted; everything is stopped"
    assert _left_running(tmp_path) == []


@pytest.mark.slow
def test_nothing_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    with _sending(tmp_path) as process:
        process.kill()
    until = time.monotonic() + 5
    while _left_running(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert _left_running(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--input", "missing.jsonl"), "missing.jsonl: cannot be read"),
        (("--texts", "."), ".: is a directory; name a file"),
        (("--input", "bad.jsonl"), "bad.jsonl, line 1: a request has no field 'text'"),
        (("--texts", "bad.jsonl", "--input", "bad.jsonl"), "--input and --texts: give one of them"),
        (("--data", "."), "holds something that is not a demo's"),
        (("--requests", "many"), "streamguard demo: Invalid value for '--requests'"),
        (("--colour",), "streamguard demo: No such option"),
    ],
)
def test_wrong_input_is_one_line_and_status_two(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    line = {
        "request_id": "r",
        "tenant_id": "t",
        "user_id": "u",
        "text": "x",
        "messages": [{"role": "user", "content": ""}],
    }
    (tmp_path / "bad.jsonl").write_bytes(orjson.dumps(line))
    done = subprocess.run(_command("demo", *arguments), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["bad.jsonl"]
