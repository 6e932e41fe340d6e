"""What a command says to somebody who forgot something or mistyped it: one line, and what to do."""

import logging
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamguard.app import check_routes
from streamguard.cli import main
from streamguard.cli.addresses import where_named
from streamguard.config import CONFIG_FILE, ClickHouse, Kafka
from streamguard.errors import ConfigError
from streamguard.prompts.registry import PromptBook

NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _logs() -> Generator[None]:
    """Commands silence loggers: these speak again for the tests that follow."""
    loggers = [logging.getLogger(name) for name in ("aiokafka", "streamguard", "clickhouse_connect")]
    levels = [one.level for one in loggers]
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    nothing = {CONFIG_FILE: None, "STREAMGUARD_KAFKA__BROKERS": None, "STREAMGUARD_CLICKHOUSE__URL": None}
    return CliRunner().invoke(main, arguments, env={**nothing, **(environment or {})}, prog_name="streamguard")


def test_a_mistyped_command_is_told_what_is_near_it() -> None:
    told = run("sned", "--text", "x")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == "streamguard: No such command 'sned'. Did you mean send? (see streamguard --help)\n"
    assert "Did you mean" not in run("unlike-any").stderr


@pytest.mark.parametrize(
    ("arguments", "key", "address"),
    [
        (("send", "--text", "x"), "kafka.brokers", NOWHERE),
        (("tail",), "kafka.brokers", NOWHERE),
        (("query", "SELECT 1"), "clickhouse.url", f"http://{NOWHERE}"),
        (("query", "SELECT 1"), "clickhouse.read_url", f"http://{NOWHERE}"),
        (("query", "--payloads", "SELECT 1"), "clickhouse.payloads_url", f"http://{NOWHERE}"),
    ],
)
def test_where_nobody_answers_the_key_is_named(
    arguments: tuple[str, ...], key: str, address: str, tmp_path: Path
) -> None:
    section, name = key.split(".")
    file = tmp_path / "streamguard.toml"
    file.write_text(f'[{section}]\n{name} = "{address}"\n')
    told = run(*arguments, "--config", str(file))
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert f" answers at {address}" in told.stderr
    assert told.stderr.endswith(f"; {key} names it\n")


def test_an_address_that_was_typed_is_no_keys() -> None:
    assert "--url" in run("query", "SELECT 1", "--url", f"http://{NOWHERE}").stderr


def test_who_has_named_none_is_told_of_the_running_dev() -> None:
    assert where_named(Kafka(), "brokers").endswith("`streamguard dev` runs, or set kafka.brokers")
    assert "source streamguard-dev/dev.env" in where_named(ClickHouse(), "url")


def test_a_worker_without_models_is_told_where_they_are_named() -> None:
    with pytest.raises(ConfigError, match=r"no model is named; put \[\[providers\]\] and \[\[routes.default\]\]"):
        check_routes(PromptBook([]), {})
