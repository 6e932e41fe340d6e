"""Processes that a test starts by hand, outside of any supervisor. They end with the test, however it ends."""

import asyncio
import subprocess
from collections.abc import Callable, Generator

from streamguard.processes import die_with_parent
from tests.support.kafka import ROOT

Start = Callable[[list[str]], "subprocess.Popen[str]"]


def starting() -> Generator[Start]:
    """The body of a fixture: gives what starts a command; its standard error output is kept for `ended`."""
    started: list[subprocess.Popen[str]] = []

    def begin(command: list[str]) -> "subprocess.Popen[str]":
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=die_with_parent())
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


async def ended(process: "subprocess.Popen[str]", seconds: float = 30.0) -> tuple[int, str]:
    """Exit status, and the one critical line that says why; empty when there is none."""
    _, log = await asyncio.to_thread(process.communicate, timeout=seconds)
    critical = [line for line in log.splitlines() if "CRITICAL" in line]
    assert len(critical) <= 1, log
    return process.returncode, critical[0] if critical else ""
