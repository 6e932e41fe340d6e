"""What docs/analytics.md says of a running `streamguard dev`, done as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.contract.test_analytics_questions import PAGE, PANELS, QUESTIONS
from tests.support.dev_line import Dev
from tests.support.grafana import Panel, expand

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
_COMMANDS = re.search(r"## Connecting\n.*?```sh\n(.*?)```", PAGE, re.DOTALL)
_PROGRAM = re.search(r"## Connecting\n.*?```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_pages_commands_run_as_written_once_devs_environment_is_read(dev: Dev) -> None:
    assert _COMMANDS is not None
    commands = _COMMANDS[1].strip().splitlines()
    assert len(commands) == 4
    path = f"{Path(sys.executable).parent}{os.pathsep}{dev.environment['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            env={**dev.environment, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "Exception" not in done.stdout, (command, done.stdout)


def test_the_pages_program_runs_as_written_once_devs_environment_is_read(dev: Dev) -> None:
    assert _PROGRAM is not None
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM[1] + "print(type(frame).__name__)"],
        env=dev.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "DataFrame\n"), done.stderr


def test_each_question_is_answered_by_the_first_store_and_texts_by_the_second_alone(dev: Dev) -> None:
    parameters = {"database": "streamguard", "param_tenant": "nobody", "param_request": "none"}
    with httpx.Client(trust_env=False, timeout=30, params=parameters) as client:
        for question, sql in {**QUESTIONS, **PANELS}.items():
            answer = client.post(dev.clickhouse, content=expand(sql, Panel(0, 2_000_000_000, 60)))
            assert answer.status_code == 200, (question, answer.text)
        count = "SELECT count() FROM payloads"
        assert client.post(dev.payloads, content=count).status_code == 200
        assert client.post(dev.clickhouse, content=count).headers["X-ClickHouse-Exception-Code"] == "60"
        assert client.post(dev.payloads, content="SELECT count() FROM requests").status_code == 404
        for store in (dev.clickhouse, dev.payloads):
            assert (
                client.post(store, content="DROP DATABASE streamguard").headers["X-ClickHouse-Exception-Code"] == "164"
            )
