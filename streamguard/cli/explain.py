"""`streamguard explain`: what a code in a verdict, a response or a table means."""

from itertools import groupby

import click

from streamguard.checks.catalogue import CHECKS, Explanation, explanations, nearest
from streamguard.errors import InputError

_WIDTH = 100


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Tell what CODE means, which check or stage gives it, and what can be done; without CODE, of all codes.

    CODE is the code of a verdict, the reason of a response, or the name of a check: that tells what the check catches, what it
    misses and what it costs.

    \b
    Examples:
      streamguard explain prompt_injection
      streamguard explain secrets
    """
    if code is None:
        for giver, group in groupby(explanations(), key=lambda one: one.giver):
            if giver.startswith("check "):
                click.echo(f"{giver}:")
                for one in group:
                    click.echo(_indented(f"{one.code}: {one.text}"))
            else:
                for one in group:
                    click.echo(f"{one.code} ({giver}):\n{_indented(one.text)}")
        return
    wanted = code.strip().lower()
    wanted = "remote" if wanted.startswith("remote.") else wanted
    found = list(explanations(wanted))
    entry = CHECKS.get(wanted)
    if not found and entry is None:
        near = nearest(wanted)
        hint = f"near it: {', '.join(near)}" if near else "`streamguard explain` lists all"
        raise InputError(f"there is no code {code!r}; {hint}")
    for one in found:
        _show(one)
    if entry is not None:
        click.echo(f"check {entry.name} ({' and '.join(entry.directions)})\n\n{entry.about}\n\nIts codes:")
        for its, text in entry.codes.items():
            click.echo(_indented(f"{its}: {text}"))


def _show(one: Explanation) -> None:
    click.echo(f"{one.code}: {one.giver}\n{_indented(one.text)}")


def _indented(text: str) -> str:
    return click.wrap_text(text, _WIDTH, "  ", "    ")
