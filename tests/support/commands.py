"""The commands as their help tells of them: each with its path and its examples."""

import re
from collections.abc import Iterator

import click

from streamguard.cli import main

_EXAMPLE = re.compile(r"^\s*(?:Examples?:)?\s*(streamguard .+?)\s*$", re.MULTILINE)


def commands(
    group: click.Group = main, path: tuple[str, ...] = ("streamguard",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with all the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def examples(command: click.Command) -> list[str]:
    """The command lines that its help shows."""
    return _EXAMPLE.findall(command.help or "")
