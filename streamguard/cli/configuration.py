"""`streamguard config`: is the configuration right, what is in force and where it comes from, and what can be set."""

import sys
from pathlib import Path

import click
import orjson

from streamguard import config
from streamguard.cli.config_showing import toml_lines
from streamguard.cli.worker import config_option
from streamguard.config import InvalidConfig
from streamguard.config.origins import DEFAULT, settings_of
from streamguard.errors import ConfigError

_ENVIRONMENT = "the environment"


@click.group("config", context_settings={"help_option_names": ["-h", "--help"]})
def configuration() -> None:
    """Check the configuration, show what is in force and where each value comes from, or print an example of everything.

    It is one TOML file, which --config or STREAMGUARD_CONFIG names, and variables over it: STREAMGUARD_KAFKA__BROKERS sets
    `brokers` of [kafka].

    \b
    Examples:
      streamguard config check
      streamguard config show
    """


@configuration.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
def check_command(file: Path | None, config_file: Path | None) -> None:
    """Say whether FILE (or the configured one) is right, with the environment over it: a line for each problem, with status 2.

    Looks at everything that needs no network: keys and their values, secrets' variables and files, certificates, addresses, the
    policy, and whether every prompt finds its route.

    Example: streamguard config check
    """
    file = file or config_file or config.named_file()
    source = str(file) if file else _ENVIRONMENT
    try:
        loaded = config.load(file)
    except InvalidConfig as error:
        _refuse(error.source, error.problems)
    except ConfigError as error:
        _refuse("", (str(error),))
    else:
        from streamguard.cli.config_problems import problems  # everything that a worker is built of

        _refuse(source, problems(loaded))
        names, routes = (", ".join(some) or "none" for some in ([one.name for one in loaded.providers], loaded.routes))
        click.echo(f"{source}: ok; providers: {names}; routes: {routes}")


@configuration.command("show")
@config_option
@click.option("--changed", is_flag=True, help="Leave out what is as by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a value, one a line: key, value, origin.")
def show_command(config_file: Path | None, changed: bool, as_json: bool) -> None:
    """Print what is in force, as TOML, with the origin of each value: the file, a variable's name, or `default`.

    Secrets are shown as asterisks. A key that is not set, and has no default, stands in a comment.

    \b
    Examples:
      streamguard config show
      streamguard config show --changed --json
    """
    file = config_file or config.named_file()
    loaded = config.load(file)
    held = config.read_file(file) if file else {}
    settings = [
        one
        for one in settings_of(loaded, held, str(file), config.set_variables())
        if not changed or one.origin != DEFAULT
    ]
    if as_json:
        for one in settings:
            click.echo(orjson.dumps({"key": ".".join(map(str, one.key)), "value": one.value, "origin": one.origin}))
    else:
        for line in toml_lines(settings):
            click.echo(line)


@configuration.command("example")
def example_command() -> None:
    """Print a configuration file with every key, what it means and what holds without it.

    Example: streamguard config example
    """
    from streamguard.config.reference import reference

    click.echo(reference(), nl=False)


def _refuse(source: str, problems: tuple[str, ...] | list[str]) -> None:
    for problem in problems:
        click.echo(f"streamguard: {source}: {problem}" if source else f"streamguard: {problem}", err=True)
    if problems:
        sys.exit(2)
