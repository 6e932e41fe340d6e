"""The command `streamguard`. Commands are loaded when they are called, so that `--help` is quick."""

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from streamguard import __version__
from streamguard.errors import InputError, Refusal

COMMANDS = {
    "worker": "streamguard.cli.worker:worker",
    "sink": "streamguard.cli.worker:sink",
    "broker": "streamguard.cli.embedded:broker",
    "store": "streamguard.cli.embedded:store",
    "simulator": "streamguard.cli.embedded:simulator",
    "send": "streamguard.cli.send:send",
    "tail": "streamguard.cli.tail:tail",
    "query": "streamguard.cli.query:query",
    "dlq": "streamguard.cli.dlq:dlq",
    "demo": "streamguard.cli.demo:demo",
    "dev": "streamguard.cli.dev:dev",
    "check": "streamguard.cli.check:check",
    "explain": "streamguard.cli.explain:explain",
    "policy": "streamguard.cli.policy:policy",
    "topics": "streamguard.cli.topics:topics",
    "config": "streamguard.cli.configuration:configuration",
    "providers": "streamguard.cli.providers:providers",
}
"""Where each command is defined."""


class Commands(click.Group):
    """A group that imports a command's module only for that command. What a user did wrong is one line and status 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        try:
            sys.exit(super().main(*args, standalone_mode=False, **extra))
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "streamguard"
            _say(f"{command}: {' '.join(error.format_message().split())} (see {command} --help)")
            sys.exit(2)
        except click.ClickException as error:
            _say(f"streamguard: {error.format_message()}")
            sys.exit(2)
        except (Refusal, InputError) as error:
            _say(f"streamguard: {error}")
            sys.exit(2)
        except click.Abort:
            sys.exit(130)


def _say(line: str) -> None:
    click.echo(line, err=True)


SUMMARIES = {
    "dev": "Run everything embedded until Ctrl-C, to develop against.",
    "demo": "Run everything embedded on sample traffic, or on your own, and report.",
    "worker": "Run stages of the line.",
    "sink": "Carry telemetry and payloads into ClickHouse.",
    "check": "Check texts as guard or verify would, and show what was found.",
    "explain": "Tell what a code means.",
    "policy": "Validate a policy file, or show the rules of a prompt.",
    "config": "Check the configuration, or show it with the origin of each value.",
    "providers": "Ask each provider once, and tell what is wrong with key, address or model.",
    "topics": "See the line's topics on a cluster, find what differs, and mend it.",
    "send": "Send requests and print their responses.",
    "tail": "Print the records of a topic as they come.",
    "query": "Ask the store in SQL.",
    "dlq": "See dead letters, replay or drop them.",
    "broker": "Run the embedded Kafka-protocol broker.",
    "store": "Run the embedded ClickHouse-protocol store.",
    "simulator": "Run the simulated model provider.",
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="streamguard")
def main() -> None:
    """Guarded, cached and accounted requests to language models, carried over Kafka."""
