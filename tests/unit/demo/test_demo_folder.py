"""The demo's folder and configuration: what is ours is replaced, what is not is left alone."""

import tomllib
from pathlib import Path

import pytest

from streamguard import config
from streamguard.cli.embedded_line.folder import DEMO, held_folder
from streamguard.cli.embedded_line.settings import Addresses, line_settings
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.errors import InputError


def test_a_second_run_replaces_what_the_first_left(tmp_path: Path) -> None:
    with held_folder(tmp_path / "a" / "demo", DEMO) as folder:
        folder.store.mkdir()
        (folder.store / "data").write_text("old")
        folder.log("worker-0").write_text("old")
    assert folder.store.exists()
    with held_folder(tmp_path / "a" / "demo", DEMO) as folder:
        assert not folder.store.exists()
        assert list((folder.path / "logs").iterdir()) == []


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a demo's"), held_folder(tmp_path, DEMO):
        pass
    with pytest.raises(InputError, match="not a folder"), held_folder(tmp_path / "thesis.txt", DEMO):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with held_folder(tmp_path / "demo", DEMO) as folder:
        folder.store.symlink_to(tmp_path / "mine")
    with held_folder(tmp_path / "demo", DEMO) as folder:
        assert not folder.store.exists()
    assert (tmp_path / "mine" / "file").read_text() == "kept"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        held_folder(tmp_path / "demo", DEMO),
        pytest.raises(InputError, match="another demo"),
        held_folder(tmp_path / "demo", DEMO),
    ):
        pass


def test_the_configuration_written_is_one_that_workers_accept(tmp_path: Path) -> None:
    settings = line_settings(Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), "demo.")
    written = to_toml(settings)
    loaded = config.parse(tomllib.loads(written), source="demo")
    assert loaded.kafka.brokers == "127.0.0.1:1"
    assert loaded.clickhouse.url == "http://127.0.0.1:2"
    assert isinstance(loaded.providers[0], config.OpenAIProvider)
    assert loaded.providers[0].base_url == "http://127.0.0.1:3/openai/v1"
    assert {len(candidates) for candidates in loaded.routes.values()} == {2, 3}
    assert loaded.invoke.breaker.open_seconds == 2.0
