"""The image: what its Dockerfile says, and its build steps carried out where nothing but them is installed."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy import locks
from streamguard.clock import FakeClock
from streamguard.stream.health import Health
from tests.support.dockerfile import BuiltHere, sent, stages

ROOT = Path(__file__).parents[2]
BUILD, FINAL = stages((ROOT / "Dockerfile").read_text())


def test_the_locks_are_those_of_today() -> None:
    assert locks.main(["--check"]) == 0, "make locks"


def test_a_lock_that_is_stale_or_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "deploy" / "image").mkdir(parents=True)
    lock = tmp_path / "requirements.lock"
    assert locks.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.count("is stale: make locks") == 2
    assert locks.main([], tmp_path) == 0
    assert locks.main(["--check"], tmp_path) == 0
    lock.write_text(re.sub(r"^orjson==.*$", r"orjson==9.9.9 \\", lock.read_text(), flags=re.M))
    assert locks.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == "deploy/image/runtime.lock is stale: make locks\n"


def test_what_runs_needs_nothing_that_only_tests_and_embedded_parts_need() -> None:
    runs = locks.read_lock((ROOT / "deploy/image/runtime.lock").read_text())
    assert {"faust-streaming", "aiokafka", "clickhouse-connect", "yarl"} <= runs.keys()
    assert not {"pytest", "ruff", "hypothesis", "chdb", "confluent-kafka", "scikit-learn", "setuptools"} & runs.keys()
    assert all("--hash=sha256:" in entry for entry in runs.values())


def test_base_images_are_pinned_and_the_same() -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", FINAL.image)
    assert BUILD.image == FINAL.image


def test_what_is_copied_is_there_and_is_sent_to_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text()
    sources = [source for stage in (BUILD, FINAL) for names, _ in stage.copied() for source in names]
    assert "streamguard" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert sent(ignore, source), f".dockerignore keeps {source} from the builder"


def test_every_folder_that_the_wheel_brings_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {source for names, _ in BUILD.copied() for source in names}
    assert {*wheel["force-include"], *wheel["packages"]} <= copied


def test_it_runs_as_nobody_in_particular_without_a_shell() -> None:
    (user,) = FINAL.of("USER")
    assert user == "10001:10001"
    (entry,), (command,), (health,) = FINAL.of("ENTRYPOINT"), FINAL.of("CMD"), FINAL.of("HEALTHCHECK")
    assert json.loads(entry) == ["tini", "--", "streamguard"]
    assert json.loads(command) == ["worker"]
    probe = json.loads(health.partition("CMD ")[2])
    (port,) = re.findall(r"STREAMGUARD_WORKER__METRICS_PORT=(\d+)", " ".join(FINAL.of("ENV")))
    assert probe == ["python", "/opt/streamguard/alive.py", port]
    assert not re.search(r"\b(gcc|build-essential|make|git|curl)\b", " ".join(FINAL.of("RUN")))


@pytest.mark.slow
def test_its_health_check_asks_every_port_it_is_given() -> None:
    def ask(*ports: str) -> tuple[int, str]:
        script = ROOT / "deploy/image/alive.py"
        done = subprocess.run([sys.executable, script, *ports], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    clock = FakeClock()
    first, second = Health([], clock), Health([], FakeClock())
    first.serve(0)
    second.serve(0)
    ports = [str(health.address).rpartition(":")[2] for health in (first, second)]
    assert ask(*ports) == (0, "alive\n")
    assert ask(ports[0], "1") == (1, "not alive: 1\n")
    assert ask()[0] == 1
    clock.advance(60)
    assert ask(*ports) == (1, f"not alive: {ports[0]}\n")


@pytest.mark.slow
@pytest.mark.timeout(400)  # pip installs 68 packages
def test_its_build_steps_give_a_streamguard_that_runs(tmp_path: Path) -> None:
    """The first stage whole: its RUN lines in an empty environment, with only the files that COPY names."""
    built = BuiltHere(tmp_path, ROOT)
    built.carry_out(BUILD)
    here = "/opt/streamguard/bin"
    assert built.run([f"{here}/streamguard", "--version"]).startswith("streamguard, version ")
    assert "--processes" in built.run([f"{here}/streamguard", "worker", "--help"])
    for module in ("streamguard.app", "streamguard.stream.sink", "streamguard.cli.dlq"):
        built.run([f"{here}/python", "-c", f"import {module}"])
    policies = built.run([f"{here}/streamguard", "policy", "check", str(ROOT / "policies" / "default.toml")])
    assert policies
    places = built.run([f"{here}/python", "-c", "import streamguard; print(streamguard.__file__)"])
    assert str(tmp_path / "opt") in places, "what was imported is not what was built"
    with pytest.raises(AssertionError, match="No module named 'chdb'"):
        built.run([f"{here}/python", "-c", "import chdb"])
    with pytest.raises(AssertionError, match="No module named pip"):
        built.run([f"{here}/python", "-m", "pip", "--version"])
