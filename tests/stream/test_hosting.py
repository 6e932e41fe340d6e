"""A worker process, from its start to its exit status, without Kafka: the intake is a toy (`tests/support/hosted.py`)."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.support.hosted import SECRET
from tests.support.kafka import ROOT

pytestmark = pytest.mark.slow

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(behaviour: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.support.hosted", behaviour, str(tmp_path)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    for got in process.stdout:
        if got.strip() == line:
            return
    pytest.fail(f"the worker ended before it said {line!r}")


LAST_QUESTION = "error TimeoutError"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_agent_and_background_stay_to_the_last(start: Start, how: signal.Signals) -> None:
    worker = start("plain")
    read_until(worker, LAST_QUESTION)
    worker.send_signal(how)
    out, log = worker.communicate(timeout=10)
    assert worker.returncode == 0
    assert out.splitlines() == ["last 1", "over", "debug False"]
    assert log == ""


def test_the_background_is_ready_before_any_intake_runs_and_errors_of_the_stage_come_back(start: Start) -> None:
    worker = start("fails")
    out, log = worker.communicate(timeout=10)
    answers = ["answer b'one'", "error ValueError", "answer b'two'", LAST_QUESTION]
    assert out.splitlines()[:-1] == ["background", "ready", "started", *answers, "over"]
    assert worker.returncode == 1
    assert log.splitlines() == [
        "CRITICAL streamguard.stream.hosting the worker stops because of its stage first: "
        "StreamguardError: offset 7 of t/0 is gone"
    ]


def test_stages_run_side_by_side_each_over_its_own_agent(start: Start) -> None:
    worker = start("two")
    read_until(worker, LAST_QUESTION)
    read_until(worker, LAST_QUESTION)
    worker.terminate()
    out, _ = worker.communicate(timeout=10)
    assert out.splitlines()[:-1] == ["last 1", "last 1", "over"]
    assert worker.returncode == 0


@pytest.mark.parametrize(
    ("behaviour", "line"),
    [
        ("fails-unknown", "stage first: ValueError at hosted.py:"),
        ("returns", "stage first: StreamguardError: its intake ended"),
        ("never-ready", "background: StreamguardError: a task ended before it was ready"),
    ],
)
def test_what_ends_by_itself_ends_the_worker_with_one_line_without_user_text(
    start: Start, behaviour: str, line: str
) -> None:
    worker = start(behaviour)
    _, log = worker.communicate(timeout=10)
    assert worker.returncode == 1
    assert len(log.splitlines()) == 1
    assert line in log
    assert SECRET not in log


def test_a_refusal_ends_it_with_a_status_of_its_own_before_the_background_begins(start: Start) -> None:
    worker = start("refuses")
    out, log = worker.communicate(timeout=10)
    assert "background" not in out
    assert worker.returncode == 2
    assert log.splitlines() == [
        "CRITICAL streamguard.stream.hosting the worker stops because of its start: Refusal: topics are missing"
    ]


def test_a_signal_ends_it_while_it_still_looks_at_what_must_be_there(start: Start) -> None:
    worker = start("looks-for-ever")
    read_until(worker, "looking")
    worker.terminate()
    out, log = worker.communicate(timeout=10)
    assert "background" not in out
    assert (worker.returncode, log) == (0, "")


def test_a_signal_before_the_background_is_ready_ends_it_too(start: Start) -> None:
    worker = start("unready-until-stopped")
    read_until(worker, "background")
    worker.terminate()
    out, log = worker.communicate(timeout=10)
    assert "started" not in out
    assert (worker.returncode, log) == (0, "")


def test_a_stop_that_hangs_is_cut_off(start: Start) -> None:
    worker = start("blocks")
    read_until(worker, LAST_QUESTION)
    began = time.monotonic()
    worker.terminate()
    _, log = worker.communicate(timeout=10)
    assert worker.returncode == 70
    assert "did not stop within 1 s" in log
    assert time.monotonic() - began < 5
