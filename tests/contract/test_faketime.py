"""Processes whose wall clock jumps: only that clock moves, and what runs on other clocks does not notice."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.config import plain_environment
from tests.support.faketime import SEEN_WITHIN, FakeTime
from tests.support.unavailable import or_skip

pytestmark = pytest.mark.slow

HOUR = 3600.0
_PROGRAM = """
import asyncio, subprocess, sys, threading, time, uvloop

child = [sys.executable, "-S", "-c", "import time; print(time.time())"]

async def main():
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.02)
        waited = await asyncio.to_thread(threading.Event().wait, 0.02)
        lasted = time.monotonic() - began
        assert not waited and 0.04 <= lasted < 5, lasted
        out, _ = await (await asyncio.create_subprocess_exec(*child, stdout=subprocess.PIPE)).communicate()
        print(time.time(), float(out), time.monotonic(), flush=True)

{"uvloop": uvloop.run, "asyncio": asyncio.run}[sys.argv[1]](main())
"""


@pytest.fixture
def clock(tmp_path: Path) -> FakeTime:
    return or_skip(lambda: FakeTime(tmp_path / "clock"))


def told(process: "subprocess.Popen[str]") -> Iterator[tuple[float, float, float]]:
    """How far its wall clock, a child's, and its monotonic clock are ahead of ours, again and again."""
    assert process.stdout is not None
    for line in process.stdout:
        own, child, monotonic = map(float, line.split())
        yield own - time.time(), child - time.time(), monotonic - time.monotonic()


def until(process: "subprocess.Popen[str]", ahead: float) -> None:
    """Wait until its clock and its child's stand so; the monotonic one must not move."""
    began = time.monotonic()
    for own, child, monotonic in told(process):
        assert abs(monotonic) < 5
        if abs(own - ahead) < 5 and abs(child - ahead) < 5:
            assert time.monotonic() - began < SEEN_WITHIN + 5
            return
        assert time.monotonic() - began < SEEN_WITHIN + 5, f"{own:.0f} and {child:.0f} s ahead instead of {ahead:.0f}"
    raise AssertionError(f"the process ended with {process.wait()}")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_running_process_and_its_children_see_each_jump_and_nothing_else_moves(clock: FakeTime, loop: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, loop],
        env={**os.environ, **clock.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until(process, 0)
        for ahead in (HOUR, -HOUR):
            clock.jump(ahead)
            until(process, ahead)
        clock.back()
        until(process, 0)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_worker_starts_under_it(clock: FakeTime) -> None:
    clock.jump(-HOUR)
    environment = {**plain_environment(), **clock.environment()}
    run = subprocess.run(
        [sys.executable, "-m", "streamguard", "worker", "--help"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Usage: streamguard worker")


def test_looking_at_the_clock_stays_cheap(clock: FakeTime) -> None:
    program = "import time\nfor _ in range(300_000): time.time()\nprint(time.process_time())"
    run = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, **clock.environment()}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(run.stdout) < 0.6  # 0.03 s of it are the looks; 1.3 s when its file were read each time
