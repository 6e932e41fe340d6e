"""`streamguard policy`: is this policy file right, and which rules hold for a prompt?"""

from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_json

from streamguard.checks import policy as policies
from streamguard.cli.check import load, policy_option
from streamguard.cli.toml_text import toml_key, toml_value
from streamguard.cli.worker import config_option


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def policy() -> None:
    """Validate a policy file, or show the rules of a prompt.

    A policy says which checks run with which knobs: `version`, sections [input.CHECK] and [output.CHECK], and what is different
    for a prompt in [prompts.NAME.input.CHECK]. `streamguard explain CHECK` tells about a check.

    \b
    Examples:
      streamguard policy check policy.toml
      streamguard policy show --prompt support
    """


@policy.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_command(file: Path) -> None:
    """Say whether FILE is a valid policy; where it is not, which key is wrong, with status 2.

    Example: streamguard policy check policy.toml
    """
    loaded = policies.load(file)
    own = f"; rules of their own: {', '.join(sorted(loaded.prompts))}" if loaded.prompts else ""
    click.echo(f"{file}: valid, version {loaded.stamp}{own}")


@policy.command("show")
@click.option(
    "--prompt", metavar="NAME", help="The rules of this prompt; default: those for every prompt, and all differences."
)
@policy_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show_command(prompt: str | None, policy_file: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Print all rules with their defaults, as a policy file.

    The first line tells the version that verdicts and signatures name. A knob without a value stands in a comment.

    \b
    Examples:
      streamguard policy show
      streamguard policy show --prompt support --json
    """
    _, loaded = load(config_file, policy_file)
    shown = loaded.model_dump() if prompt is None else loaded.of(prompt).model_dump(include={"input", "output"})
    if as_json:
        click.echo(to_json(_plain({"stamp": loaded.stamp, "version": loaded.version} | shown)))
        return
    click.echo(f"# {loaded.stamp}" + (f", as it holds for the prompt {prompt}" if prompt else ""))
    for line in toml_lines({"version": loaded.version} | shown):
        click.echo(line)


def toml_lines(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """A table as TOML: its own values first, then the tables in it. What is None stands in a comment."""
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    own = {key: value for key, value in table.items() if key not in inner}
    if path and (own or not inner):
        yield ""
        yield f"[{'.'.join(map(toml_key, path))}]"
    for key, value in own.items():
        yield f"# {toml_key(key)} has no value" if value is None else f"{toml_key(key)} = {toml_value(value)}"
    for key, value in inner.items():
        yield from toml_lines(value, (*path, key))


def _plain(value: Any) -> Any:
    """`value` with sets in an order that is the same in every process."""
    match value:
        case Mapping():
            table: Mapping[str, Any] = value
            return {key: _plain(its) for key, its in table.items()}
        case Set():
            members: Set[str] = value
            return sorted(members)
        case list() | tuple():
            many: tuple[Any, ...] = tuple(value)
            return [_plain(one) for one in many]
        case _:
            return value
