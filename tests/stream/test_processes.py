"""The supervisor with real children: restarts, giving up, stopping, and leaving nothing behind however it ends."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from streamguard.clock import FakeClock
from streamguard.processes import Command, GaveUp, RestartPolicy, Supervisor, supervise
from tests.support.kafka import ROOT

pytestmark = pytest.mark.slow

STUBBORN = "trap '' TERM; sleep 60 & echo $! > {file}.new; mv {file}.new {file}; while :; do wait; done"


def shell(name: str, script: str, output: Path | None = None) -> Command:
    return Command(name, ["/bin/sh", "-c", script], output=output)


async def until_exists(path: Path) -> str:
    async with asyncio.timeout(5):
        while not path.exists():
            await asyncio.sleep(0.01)
    return path.read_text()


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "a process was left running"
        time.sleep(0.01)


async def test_what_fails_is_started_again_after_growing_pauses_until_it_ends_well(tmp_path: Path) -> None:
    clock, runs = FakeClock(), tmp_path / "runs"
    supervisor = Supervisor(clock=clock)
    supervisor.add(shell("flaky", f"echo run >> {runs}; test $(wc -l < {runs}) -ge 4"))
    await supervisor.wait()
    assert runs.read_text() == "run\n" * 4
    assert clock.slept == [0.2, 0.4, 0.8]


async def test_it_gives_up_naming_the_process_its_status_and_how_often() -> None:
    supervisor = Supervisor(clock=FakeClock(), policy=RestartPolicy(failures=3))
    supervisor.add(shell("steady", "sleep 60"))
    supervisor.add(shell("broken", "exit 7"))
    with pytest.raises(GaveUp, match="process broken ended with status 7, the last of 3 failures within 60 s"):
        await supervisor.wait()
    assert set(supervisor.pids) == {"steady"}
    await supervisor.stop()
    assert supervisor.pids == {}


async def test_what_refused_to_run_is_given_up_at_once() -> None:
    supervisor = Supervisor(clock=FakeClock())
    supervisor.add(shell("refuses", "exit 2"))
    with pytest.raises(
        GaveUp, match="process refuses refused to run, with status 2; its own last line says"
    ) as gave_up:
        await supervisor.wait()
    assert gave_up.value.status == 2
    await supervisor.stop()


async def test_a_log_that_cannot_be_written_is_told_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    supervisor = Supervisor()
    supervisor.add(shell("mute", "true", tmp_path / "logs" / "mute.log"))
    with pytest.raises(GaveUp, match="process mute cannot be started: Not a directory"):
        await supervisor.wait()
    await supervisor.stop()


async def test_a_command_that_does_not_exist_is_given_up_at_once() -> None:
    supervisor = Supervisor()
    supervisor.add(Command("absent", ["/nowhere/at/all"]))
    with pytest.raises(GaveUp, match="process absent cannot be started: No such file"):
        await supervisor.wait()
    await supervisor.stop()


async def test_one_that_ignores_the_signal_is_killed_with_its_own_children(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    supervisor = Supervisor(grace=0.2)
    supervisor.add(shell("stubborn", STUBBORN.format(file=file)))
    grandchild = int(await until_exists(file))
    await supervisor.stop()
    assert supervisor.pids == {}
    assert_gone(grandchild)


async def test_one_can_be_stopped_and_added_again_while_others_run(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.add(shell("a", "exec sleep 60"))
    supervisor.add(shell("b", "exec sleep 60"))
    await asyncio.sleep(0.2)
    first = dict(supervisor.pids)
    await supervisor.stop("a")
    assert set(supervisor.pids) == {"b"}
    with pytest.raises(ValueError, match="'b' runs already"):
        supervisor.add(shell("b", "true"))
    supervisor.add(shell("a", "exec sleep 60", output=tmp_path / "log"))
    await asyncio.sleep(0.2)
    assert supervisor.pids["b"] == first["b"]
    assert supervisor.pids["a"] != first["a"]
    await supervisor.stop()


async def test_a_stop_during_a_pause_does_not_wait_for_it() -> None:
    supervisor = Supervisor(policy=RestartPolicy(first_pause=30.0, longest_pause=30.0))
    supervisor.add(shell("broken", "exit 1"))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(1):
        await supervisor.stop()


async def test_what_it_prints_goes_to_its_file(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.add(shell("talks", "echo out; echo err >&2", output=tmp_path / "log"))
    await supervisor.wait()
    assert (tmp_path / "log").read_text() == "out\nerr\n"


def run_supervise(*commands: Command, grace: float = 10.0) -> "subprocess.Popen[str]":
    script = (
        "import sys; from streamguard.processes import *; sys.exit(supervise("
        f"{list(commands)!r}, policy=RestartPolicy(failures=2), grace={grace}))"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


async def test_supervise_stops_its_children_at_a_signal(tmp_path: Path) -> None:
    supervisor = run_supervise(shell("one", f"trap 'echo bye; exit 0' TERM; echo $$ > {tmp_path}/pid; sleep 60 & wait"))
    child = int((await until_exists(tmp_path / "pid")) or "0")
    supervisor.terminate()
    out, _ = supervisor.communicate(timeout=10)
    assert (supervisor.returncode, out) == (0, "bye\n")
    assert_gone(child)


async def test_a_second_signal_does_not_wait_for_the_grace_period(tmp_path: Path) -> None:
    supervisor = run_supervise(shell("stubborn", STUBBORN.format(file=tmp_path / "pid")), grace=60.0)
    child = int(await until_exists(tmp_path / "pid"))
    supervisor.send_signal(signal.SIGINT)
    await asyncio.sleep(0.3)
    supervisor.send_signal(signal.SIGINT)
    supervisor.communicate(timeout=5)
    assert supervisor.returncode == 0
    assert_gone(child)


def test_supervise_ends_with_a_status_and_one_line_when_it_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    status = supervise([shell("broken", "kill -9 $$")], policy=RestartPolicy(first_pause=0.01, failures=2))
    assert status == 1
    assert [entry.getMessage() for entry in caplog.records] == [
        "process broken ended with signal SIGKILL, the last of 2 failures within 60 s: giving up"
    ]


def test_when_one_refuses_to_run_the_others_end_in_order_and_its_status_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    said, begun = tmp_path / "said", tmp_path / "begun"
    steady = shell("steady", f"trap 'echo bye > {said}; exit 0' TERM; touch {begun}; sleep 60 & wait")
    refuses = shell("refuses", f"until test -e {begun}; do sleep 0.01; done; exit 2")
    assert supervise([steady, refuses]) == 2
    assert said.read_text() == "bye\n"
    assert [entry.getMessage() for entry in caplog.records] == [
        "process refuses refused to run, with status 2; its own last line says what to change"
    ]


async def test_killing_the_supervisor_leaves_no_child(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    supervisor = run_supervise(shell("one", f"echo $$ > {file}.new; mv {file}.new {file}; exec sleep 60"))
    child = int(await until_exists(file))
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.communicate()
    assert_gone(child)
