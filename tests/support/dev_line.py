"""A running `streamguard dev` for tests: real processes, one a test session, shared by all that look at the line from outside."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamguard.config import plain_environment
from streamguard.processes import die_with_parent

START_SECONDS = 90.0
STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Dev:
    """`env` is what `dev.env` says, `folder` dev's folder, `printed` the file that holds what it prints."""

    env: Mapping[str, str]
    folder: Path
    process: "subprocess.Popen[bytes]"
    printed: Path

    @property
    def config(self) -> Path:
        return Path(self.env["STREAMGUARD_CONFIG"])

    @property
    def kafka(self) -> str:
        """`host:port`; the topics have no prefix."""
        return self.env["KAFKA_BROKERS"]

    @property
    def clickhouse(self) -> str:
        """URL of the read-only port."""
        return self.env["CLICKHOUSE_URL"]

    @property
    def payloads(self) -> str:
        """URL of the texts' store, read-only."""
        return self.env["CLICKHOUSE_PAYLOADS_URL"]

    @property
    def simulator(self) -> str:
        return self.env["SIMULATOR_URL"]

    @property
    def environment(self) -> dict[str, str]:
        """For commands that run as if `dev.env` had been sourced."""
        return {**plain_environment(), **self.env}


def start_dev(directory: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Dev:
    """Start `streamguard dev` in the directory (its folder is `streamguard-dev` there) and wait until it is ready."""
    printed, folder = directory / "dev.out", directory / "streamguard-dev"
    (folder / "dev.env").unlink(missing_ok=True)  # of an earlier one that was killed
    process = launch_dev(directory, *arguments, environment=environment)
    until = time.monotonic() + START_SECONDS
    while not (folder / "dev.env").exists():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"streamguard dev is not ready:\n{printed.read_text()}")
        time.sleep(0.05)
    return Dev(read_environment(folder / "dev.env"), folder, process, printed)


def launch_dev(
    directory: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Only start it. What it prints goes to `dev.out` in the directory."""
    with (directory / "dev.out").open("wb") as out:
        return subprocess.Popen(
            dev_command(*arguments),
            cwd=directory,
            env={**plain_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),
        )


def dev_command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-P", "-m", "streamguard", "dev", *arguments]


def read_environment(file: Path) -> dict[str, str]:
    """The variables that a shell would have after `source FILE`."""
    words = [shlex.split(line) for line in file.read_text().splitlines()]
    assert all(len(line) == 2 and line[0] == "export" for line in words)
    return dict(line[1].split("=", 1) for line in words)


def stop_dev(dev: Dev) -> int:
    """End it in order, by its process id; its status."""
    if dev.process.poll() is None:
        os.kill(dev.process.pid, 15)
    try:
        return dev.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        dev.process.kill()
        dev.process.wait()
        raise
