"""Nothing that the README tells its reader to type goes untried."""

import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streamguard.cli import main
from tests.support.commands import commands, examples
from tests.support.readme import ELSEWHERE, PAGE, STATUSES, TYPED, as_shown, fenced, sections, shell_blocks

ROOT = PAGE.parent
TEXT = PAGE.read_text()


COMMANDS = [(block.heading, command) for block in shell_blocks(TEXT) for command in block.commands]


def test_every_command_is_tried_somewhere() -> None:
    """A new one needs a place: a section of `TYPED`, a line of `STATUSES` or `ELSEWHERE`; or it is an example of some help,
    which all are run."""
    helped = {line for _, command in commands() for line in examples(command)}
    tried = {*STATUSES, *ELSEWHERE, *helped}
    untried = [command for heading, command in COMMANDS if heading not in TYPED and command not in tried]
    assert not untried, untried
    gone = {*STATUSES, *ELSEWHERE} - {command for _, command in COMMANDS}
    assert not gone, f"no longer in the README: {gone}"
    assert all(block.commands for block in shell_blocks(TEXT) if block.heading in TYPED)
    assert set(TYPED) <= sections(TEXT).keys()
    assert TEXT.count("```sh") == len(shell_blocks(TEXT))


@pytest.mark.parametrize("line", [line for _, line in COMMANDS if "streamguard " in line])
def test_every_command_has_the_options_that_it_is_given(line: str) -> None:
    words = shlex.split(line.rpartition(" | ")[2])
    assert Path(words[0]).name == "streamguard"
    command: click.Command = main
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[1])
        assert found is not None, words[1]
        command, words = found, words[1:]
    command.make_context(command.name, words[1:])


@pytest.mark.parametrize("command", ELSEWHERE)
def test_who_tries_it_is_there(command: str) -> None:
    file, _, word = ELSEWHERE[command].partition(":")
    assert word in (ROOT / file).read_text()


@pytest.mark.parametrize(("line", "status"), STATUSES.items())
def test_what_needs_no_line_ends_as_the_page_says(
    line: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "policies" / "default.toml", tmp_path / "policy.toml")
    (tmp_path / "answer.txt").write_text("Your parcel arrives on Monday.\n")
    monkeypatch.chdir(tmp_path)
    said, _, command = line.rpartition(" | ")
    told = CliRunner().invoke(main, shlex.split(command)[1:], input=" ".join(shlex.split(said)[1:]) + "\n")
    assert told.exit_code == status, told.output
    assert told.stdout.strip()


def test_the_configuration_passes_its_own_check(tmp_path: Path) -> None:
    (configuration,) = fenced(sections(TEXT)["Going to a real cluster"], "toml")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("kafka_password", "clickhouse_password", "anthropic"):
        (secrets / name).write_text("not-a-real-one")
    file = tmp_path / "streamguard.toml"
    file.write_text(configuration.replace("/run/secrets", str(secrets)))
    told = CliRunner().invoke(
        main, ["config", "check", "--config", str(file)], env={"OPENAI_API_KEY": "not-a-real-one"}
    )
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("answered · 61 ms · r-1\nSoon.\nbye", True),
        ("answered · 61 ms · r-1  \nSoon.\n\nAnd more.\nbye\n", True),
        ("refused · 61 ms · r-1\nSoon.\nbye", False),
        ("answered · 61 ms\nSoon.\nbye", False),
        ("answered · 61 ms · r-1\nSoon.\nbye now", False),
    ],
)
def test_what_is_shown_has_holes_and_is_otherwise_what_comes(printed: str, same: bool) -> None:
    assert as_shown("answered · … ms · …\n…\nbye\n", printed) is same
