"""Every example in the help of a command is run as it stands, as if `dev.env` had been sourced; some on a real cluster."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streamguard.config import plain_environment
from tests.support.commands import commands, examples
from tests.support.dev_line import Dev
from tests.support.kafka import ROOT, KafkaNode, unique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ON_A_CLUSTER = ("topics", "dlq", "worker", "sink")
"""Commands that the embedded broker cannot serve, or that would disturb the shared line."""
RUNNING = {"worker": "metrics served", "sink": "metrics served", "dev": "ready"} | dict.fromkeys(
    ("broker", "store", "simulator"), "listening on"
)
"""Commands that run until they are told to stop, and what they say when they do."""
SECONDS = 60.0
LETTERS = 20


@pytest.fixture
def folder(dev: Dev, tmp_path: Path) -> Path:
    """What the examples name."""
    texts = {
        "questions.txt": "Where is my parcel?\nMay I return shoes that I have worn?\n",
        "my-questions.txt": "Where is my parcel?\nHow long does a refund take?\n",
        "system.txt": "You help customers of a shoe shop. Be brief.\n",
        "answer.txt": "Your parcel arrives on Monday.\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / "policies" / "default.toml", tmp_path / "policy.toml")
    shutil.copy(dev.config, tmp_path / "streamguard.toml")
    (tmp_path / "my-models.toml").write_text("[limits]\nuser_per_minute = 30\n")
    return tmp_path


async def bury(kafka: KafkaNode, prefix: str) -> None:
    """Letters in partition 0, as admit writes those that it cannot read."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.brokers)
    await producer.start()
    try:
        for number in range(LETTERS):
            at = f"{prefix}requests/0/{number}/1".encode()
            headers = [
                ("dlq.code", b"undecodable"),
                ("dlq.stage", b"admit"),
                ("dlq.at", at),
                ("src", at),
            ]
            await producer.send_and_wait(f"{prefix}dead-letters", b"\xff", key=b"acme", partition=0, headers=headers)
    finally:
        await producer.stop()


class Runs:
    """Runs examples in a folder, from one process that has loaded all commands: most of what an example takes is loading."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._forks = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.forks"],
            env=plain_environment() | {"PYTHONPATH": str(ROOT)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._forks.communicate(timeout=SECONDS)

    def run(self, line: str, environment: Mapping[str, str]) -> str:
        """What is wrong with it; nothing if it ended with status 0."""
        assert self._forks.stdin
        assert self._forks.stdout
        words = shlex.split(line)
        printed = self._folder / "printed"
        told = {"words": words, "environment": dict(environment), "printed": str(printed)}
        self._forks.stdin.write(orjson.dumps(told).decode() + "\n")
        self._forks.stdin.flush()
        pid = int(self._forks.stdout.readline())
        if ready := RUNNING.get(words[1]):
            until = time.monotonic() + SECONDS
            while not re.search(ready, printed.read_text()) and time.monotonic() < until:
                time.sleep(0.05)
            os.kill(pid, signal.SIGTERM)
        status, said = int(self._forks.stdout.readline()), printed.read_text()
        if status == 0 and "Traceback" not in said and (not ready or re.search(ready, said)):
            return ""
        return f"{line}: status {status}:\n{said[-2000:]}"


async def test_every_example_works_as_it_stands(dev: Dev, kafka: KafkaNode, folder: Path) -> None:
    """`streamguard dev` itself is what `dev` runs."""
    prefix = unique("examples") + "."
    elsewhere = {
        "STREAMGUARD_KAFKA__BROKERS": kafka.brokers,
        "STREAMGUARD_KAFKA__PREFIX": prefix,
        "STREAMGUARD_WORKER__INSTANCE": "examples",
        "STREAMGUARD_WORKER__METRICS_PORT": "0",
    }
    runs, there = Runs(folder), {**dev.environment, **elsewhere}
    lines = [line for _, command in commands() for line in examples(command) if line != "streamguard dev"]
    # topics come first, then what needs them; a letter is dropped after it was shown
    order = ["topics apply", "topics", "dlq list", "dlq show", "dlq replay", "dlq"]

    def rank(line: str) -> int:
        return next((n for n, words in enumerate(order) if line.startswith(f"streamguard {words}")), len(order))

    wrong: list[str] = []
    buried = False
    for line in sorted(lines, key=rank):
        if line.split()[1] not in ON_A_CLUSTER:
            wrong.append(runs.run(line, dev.environment))
            continue
        if not buried and not line.startswith("streamguard topics"):
            await bury(kafka, prefix)
            buried = True
        wrong.append(runs.run(line, there))
    runs.close()
    assert len(lines) > 30
    assert not any(wrong), "\n\n".join(filter(None, wrong))
