"""The command `streamguard`. Commands are loaded when they are called, so that `--help` is quick."""

import sys
from importlib import import_module

import click

from streamguard import __version__
from streamguard.errors import ConfigError, InputError

COMMANDS = {
    "worker": "streamguard.cli.worker:worker",
    "sink": "streamguard.cli.worker:sink",
    "broker": "streamguard.cli.embedded:broker",
    "store": "streamguard.cli.embedded:store",
    "simulator": "streamguard.cli.embedded:simulator",
    "query": "streamguard.cli.query:query",
    "demo": "streamguard.cli.demo:demo",
}
"""Where each command is defined."""


class Commands(click.Group):
    """A group that imports a command's module only for that command. What a user did wrong is one line and status 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ConfigError, InputError) as error:
            click.echo(f"streamguard: {error}", err=True)
            sys.exit(2)


SUMMARIES = {
    "demo": "Run everything embedded on sample traffic, or on your own, and report.",
    "worker": "Run stages of the line.",
    "sink": "Carry telemetry and payloads into ClickHouse.",
    "query": "Ask the store in SQL.",
    "broker": "Run the embedded Kafka-protocol broker.",
    "store": "Run the embedded ClickHouse-protocol store.",
    "simulator": "Run the simulated model provider.",
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="streamguard")
def main() -> None:
    """Guarded, cached and accounted requests to language models, carried over Kafka."""
