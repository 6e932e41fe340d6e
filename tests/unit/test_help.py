"""Every command tells what it does, what each option means, and shows how it is called."""

import click
import pytest
from click.testing import CliRunner

from streamguard.cli import COMMANDS, SUMMARIES, main
from tests.support.commands import commands, examples

ALL = dict(commands())


@pytest.mark.parametrize("path", ALL)
def test_a_command_explains_itself_and_shows_how_it_is_called(path: str) -> None:
    command = ALL[path]
    shown = examples(command)
    assert shown, f"{path} has no example"
    assert all(line.startswith(path) for line in shown), shown
    assert (command.help or "").strip()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]} tells nothing"


@pytest.mark.parametrize("path", ALL)
def test_help_can_be_asked_for_in_both_ways_and_names_every_option(path: str) -> None:
    words = path.split()[1:]
    for option in ("--help", "-h"):
        told = CliRunner().invoke(main, [*words, option])
        assert told.exit_code == 0, told.output
        for parameter in ALL[path].params:
            if isinstance(parameter, click.Option):
                assert max(parameter.opts, key=len) in told.output


def test_the_first_page_lists_every_command() -> None:
    assert set(SUMMARIES) == set(COMMANDS)
    told = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert f"\n  {name} " in told, name


@pytest.mark.parametrize("path", ALL)
def test_an_option_that_there_is_not_is_one_line_and_status_2(path: str) -> None:
    told = CliRunner().invoke(main, [*path.split()[1:], "--no-such-option"], prog_name="streamguard")
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 1, told.stderr
    assert f"see {path} --help" in told.stderr
