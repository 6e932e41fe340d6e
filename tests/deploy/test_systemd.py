"""The units: by systemd's own tools where they are installed, by the configuration, and by what the commands take."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streamguard import config
from streamguard.cli import main as streamguard
from streamguard.config import CONFIG_FILE, ENV_PREFIX
from streamguard.errors import EXIT_REFUSED
from tests.support.deployment import DEPLOY, ROOT, read

UNITS = {name: DEPLOY / "systemd" / f"streamguard-{name}.service" for name in ("worker", "sink")}
HERE = str(Path(sys.executable).parent / "streamguard")
INSTALLED = "/opt/streamguard/bin/streamguard"
with_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(name: str) -> dict[str, list[str]]:
    """What a unit sets, each key with all of its values."""
    found: dict[str, list[str]] = {}
    for line in UNITS[name].read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def seconds(value: str) -> float:
    return float(value.removesuffix("s"))


@pytest.mark.parametrize("name", list(UNITS))
@with_systemd
def test_systemd_takes_it(name: str, tmp_path: Path) -> None:
    text = UNITS[name].read_text()
    assert f"ExecStart={INSTALLED} {name}" in text

    def verify(changed: str) -> str:
        unit = tmp_path / UNITS[name].name
        unit.write_text(changed.replace(INSTALLED, HERE))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        return f"{done.returncode} {done.stdout}{done.stderr}".strip()

    assert verify(text) == "0"
    assert "Unknown key" in verify(text.replace("ProtectHome=", "ProtectHouse="))


@pytest.mark.parametrize("name", list(UNITS))
@with_systemd
def test_little_is_open_to_it(name: str) -> None:
    """Systemd's own measure of exposure, from 0 (best) to 10; above 2.0 is a failure here."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", UNITS[name]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("name", list(UNITS))
def test_the_configuration_knows_its_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = settings(name)
    credentials = {item.partition(":")[0] for item in unit["LoadCredential"]}
    variables = dict(item.split("=", 1) for item in unit["Environment"])
    assert variables.pop(CONFIG_FILE) == "/etc/streamguard/streamguard.toml"
    for key, value in variables.items():
        assert key.startswith(ENV_PREFIX)
        monkeypatch.setenv(key, value)
    loaded = config.parse({}, source="a test")
    assert loaded.worker.metrics_host == "127.0.0.1"
    state = f"%S/{unit['StateDirectory'][0]}"
    assert unit["WorkingDirectory"] == [state]
    assert str(loaded.worker.lock_dir).startswith(state)
    assert {name for value in variables.values() for name in re.findall(r"%d/(\w+)", value)} <= credentials
    secrets = {"worker": {"policy_key", "provider_api_key"}, "sink": {"clickhouse_writer"}}[name]
    assert credentials == secrets == set(read("docker-compose.yml")["services"][name]["secrets"])


@pytest.mark.parametrize("name", list(UNITS))
def test_it_stops_and_starts_as_the_commands_do(name: str) -> None:
    unit = settings(name)
    words = unit["ExecStart"][0].split()
    command = streamguard.get_command(streamguard.make_context("streamguard", [words[1]]), words[1])
    assert command is not None
    command.make_context(words[1], words[2:])
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == [str(EXIT_REFUSED)]
    assert unit["StartLimitIntervalSec"] == ["0"], "a long absence of Kafka would be the end"
    assert "StartLimitBurst" not in unit
    assert seconds(unit["TimeoutStopSec"][0]) > config.Kafka().grace + 15
    assert unit["KillMode"] == ["mixed"]
    assert unit["User"] == ["streamguard"]
    assert unit["DynamicUser"] == ["yes"]


def test_the_page_moves_secrets_to_where_the_unit_has_them() -> None:
    (moved,) = re.findall(
        r"sed -i s,(\S+?),(\S+?), /etc/streamguard/streamguard.toml", (ROOT / "docs/deployment.md").read_text()
    )
    before, after = moved
    assert f'"{before}"' in (DEPLOY / "streamguard.toml").read_text()
    assert after == f"/run/credentials/{UNITS['worker'].name}/{Path(before).name}"
    assert Path(before).name in {item.partition(":")[0] for item in settings("worker")["LoadCredential"]}
