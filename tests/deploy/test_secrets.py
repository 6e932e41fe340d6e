"""Secrets are made once, kept from others, and named where a person must give them."""

import hashlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.deployment import DEPLOY, read


def make(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """`before` is a command that runs it."""
    script = str(DEPLOY / "make_secrets.py")
    return subprocess.run(
        [*before, sys.executable, "-I", script, str(folder)], capture_output=True, text=True, check=False
    )


def test_they_are_made_once_and_what_only_a_person_knows_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = make(folder)
    assert first.returncode == 1
    assert [line.split(": ")[1].rpartition("/")[2] for line in first.stderr.splitlines()] == [
        "provider_api_key",
        "alert_webhook",
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    made = {file.name: file.read_text() for file in folder.iterdir()}
    assert len(set(made.values())) == len(made), "two secrets are the same"
    assert all(len(text) == 64 for name, text in made.items() if name != "clickhouse_passwords")
    assert not any(text in first.stdout + first.stderr for text in made.values())
    assert all(file.stat().st_mode & 0o777 == 0o444 for file in folder.iterdir())
    for name in ("provider_api_key", "alert_webhook"):
        (folder / name).write_text("given")
    second = make(folder)
    assert (second.returncode, second.stderr) == (0, "")
    assert {name: (folder / name).read_text() for name in made} == made
    assert {Path(secret["file"]).name for secret in read("docker-compose.yml")["secrets"].values()} <= {
        file.name for file in folder.iterdir()
    }


def test_a_full_disk_leaves_no_empty_password_behind(tmp_path: Path) -> None:
    full = make(tmp_path, "sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")
    assert (full.returncode, full.stderr.splitlines()) == (1, ["secrets cannot be made: [Errno 27] File too large"])
    (tmp_path / "grafana_admin").touch()
    (tmp_path / "alert_webhook").touch()
    (tmp_path / "provider_api_key").write_text("given")
    assert make(tmp_path).stderr.count("still missing: ") == 1
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert [name for name in ("clickhouse_writer", "grafana_admin", "policy_key") if len(made[name]) != 64] == []
    assert hashlib.sha256(b"").hexdigest() not in made["clickhouse_passwords"]


def test_clickhouse_gets_the_hashes_of_the_passwords_that_others_get(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "clickhouse_reader").chmod(0o600)
    (tmp_path / "clickhouse_reader").write_text("mine\n")  # as an editor leaves it
    make(tmp_path)
    users = ElementTree.parse(tmp_path / "clickhouse_passwords").getroot()
    assert users.findtext("streamguard_reader") == hashlib.sha256(b"mine").hexdigest()
    included = [
        str(element.get("incl"))
        for element in ElementTree.parse(DEPLOY / "clickhouse/users.d/streamguard.xml").getroot().iter()
        if "incl" in element.attrib
    ]
    assert sorted(included) == sorted(user.tag for user in users)


@pytest.mark.slow
def test_with_them_the_deployment_s_configuration_is_found_right(tmp_path: Path) -> None:
    """As `streamguard config check` does it: secrets read, routes of prompts there, policy valid."""
    make(tmp_path)
    for name in ("provider_api_key", "alert_webhook"):
        (tmp_path / name).write_text("given")
    file = tmp_path / "streamguard.toml"
    file.write_text((DEPLOY / "streamguard.toml").read_text().replace("/run/secrets", str(tmp_path)))

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streamguard", "config", "check", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    found = check()
    assert found.returncode == 0, found.stderr
    (tmp_path / "policy_key").unlink()
    refused = check()
    assert (refused.returncode, "policy_key" in refused.stdout + refused.stderr) == (2, True)
