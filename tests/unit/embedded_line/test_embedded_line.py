"""What demo and dev share: the folder and what stays in it, ports, settings as TOML, the extra."""

import random
import socket
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streamguard.cli import main
from streamguard.cli.embedded_line.folder import DEV, held_folder
from streamguard.cli.embedded_line.ports import NoPort, free_ports
from streamguard.cli.embedded_line.running import check_extra
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.errors import InputError


def test_a_dev_keeps_its_stores_and_nothing_else_unless_it_shall_be_fresh(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    with held_folder(path, DEV) as folder:
        assert path.stat().st_mode & 0o077 == 0, "others can read texts"
        for old in (folder.store, folder.payloads):
            old.mkdir()
            (old / "rows").touch()
        (path / "dev.env").touch()
        folder.log("worker-0").touch()
    with held_folder(path, DEV) as folder:
        assert {file.name for file in path.iterdir()} == {DEV.mark, "store", "payloads", "logs"}
        assert not folder.log("worker-0").exists()
    with held_folder(path, DEV, fresh=True):
        assert {file.name for file in path.iterdir()} == {DEV.mark, "logs"}


def test_a_second_dev_and_somebody_elses_folder_are_refused_naming_the_option(tmp_path: Path) -> None:
    with held_folder(tmp_path / "dev", DEV):
        refused = pytest.raises(InputError, match="another dev is running in it; name another folder with --folder")
        with refused, held_folder(tmp_path / "dev", DEV, fresh=True):
            pass
        assert (tmp_path / "dev" / "logs").exists(), "taken away under who holds it"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").touch()
    with pytest.raises(InputError, match="not a dev's"), held_folder(tmp_path / "thesis", DEV, fresh=True):
        pass
    assert (tmp_path / "thesis" / "text").exists()


def test_what_somebody_puts_beside_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    with held_folder(path, DEV):
        (path / "my-models.toml").write_text("mine")
        (path / "notes").mkdir()
    with held_folder(path, DEV, fresh=True):
        assert (path / "my-models.toml").read_text() == "mine"
        assert (path / "notes").is_dir()


def test_a_folder_that_was_there_is_closed_to_others_before_it_holds_texts(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.mkdir(mode=0o755)
    with held_folder(path, DEV):
        assert path.stat().st_mode & 0o077 == 0


def test_the_file_that_it_writes_is_no_configuration_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.mkdir()
    (path / "streamguard.toml").write_text("[limits]\nuser_per_minute = 7\n")
    (tmp_path / "link").symlink_to(path)
    given = ["dev", "--folder", str(tmp_path / "link"), "--config", str(path / "streamguard.toml")]
    result = CliRunner().invoke(main, given)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "copy it to another place" in result.stderr
    assert "user_per_minute" in (path / "streamguard.toml").read_text()


def test_ports_that_are_taken_are_passed_by() -> None:
    with socket.socket() as taken:
        first = free_ports(1, draw=random.Random(7))
        taken.bind(("127.0.0.1", first + 1))
        other = free_ports(1, draw=random.Random(7))
        assert other != first
    assert free_ports(1, draw=random.Random(7)) == first


def test_no_port_is_an_error_of_ours() -> None:
    class Stuck(random.Random):
        def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
            return port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        with pytest.raises(NoPort):
            free_ports(draw=Stuck())


@pytest.mark.parametrize("lacking", ["confluent_kafka", "chdb"])
def test_what_is_not_installed_is_told_with_how_to_install_it(lacking: str) -> None:
    with pytest.raises(InputError) as told:
        check_extra(lambda name: None if name == lacking else object())
    assert str(told.value) == f"{lacking} missing; install them: pip install 'streamguard[embedded]'"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = TEXT | st.integers(-(2**60), 2**60) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=4
)
TABLES = st.dictionaries(TEXT, VALUES, max_size=3)
SECTIONS = st.sampled_from(["kafka", "routes", "x-y"])


@given(st.dictionaries(SECTIONS, TABLES | st.lists(TABLES, min_size=1, max_size=2), max_size=2))
def test_settings_written_as_toml_are_read_as_they_were(settings: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(settings, "What this is.")) == settings
