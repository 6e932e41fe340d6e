"""`streamguard dlq`: dead letters, seen and decided about."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

import click
import orjson

from streamguard.cli.dlq_line import Filters, Line, filters, run, say
from streamguard.cli.dlq_showing import held_fields, letter_fields, letter_lines, list_lines
from streamguard.cli.worker import config_option
from streamguard.clock import SystemClock
from streamguard.errors import InputError
from streamguard.intake.contract import Received
from streamguard.stream.dead_letters import REFUSALS, Letter
from streamguard.stream.dead_letters_choice import Choice, Decisions, count_by, in_order
from streamguard.stream.dead_letters_desk import Desk, Replayed

MOST = 1000
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_REASONS = {**REFUSALS, "no_partition": "the partition where it lay does not exist any more"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dlq() -> None:
    """See dead letters, replay or drop them.

    A dead letter is a record that a stage or the sink could not handle, with its bytes as they came. PLACE names one as
    `list` does: TOPIC/PARTITION/OFFSET, or PARTITION/OFFSET.

    \b
    Examples:
      streamguard dlq list --since 2h
      streamguard dlq replay --stage guard --code DeadlineExceeded
    """


@dlq.command("list")
@config_option
@filters
@click.option("--all", "everything", is_flag=True, help="Also those that were replayed or dropped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter, one a line.")
def list_command(
    config_file: Path | None, everything: bool, as_json: bool, limit: int | None, **chosen: Unpack[Filters]
) -> None:
    """List dead letters that nothing was decided about, the oldest first. Shows no user's text.

    STATE is waiting, replayed, dropped, or unfinished: a replay of it was killed; the next one looks how far that came.

    \b
    Examples:
      streamguard dlq list --stage admit --tenant acme
      streamguard dlq list --all --since 7d --json
    """
    line = Line.load(config_file)
    letters, decisions = run(_read(line, line.choice((), chosen)))
    letters = letters if everything else _open(letters, decisions)
    shown = letters[: limit or MOST]
    if as_json:
        for letter in shown:
            click.echo(orjson.dumps(letter_fields(letter, decisions)))
    else:
        for text in list_lines(shown, decisions):
            click.echo(text)
    if not letters:
        say(
            "no dead letters"
            if everything
            else "no dead letters wait; --all lists those that were replayed or dropped too"
        )
    elif len(shown) < len(letters) and limit is None:
        say(f"only the first {len(shown)} of {len(letters)}; --limit gives more")


@dlq.command()
@click.argument("place")
@config_option
@click.option(
    "--raw", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE|-", help="Write the value's bytes there."
)
@click.option(
    "--json", "as_json", is_flag=True, help="As JSON: bytes in base64, names of headers in hexadecimal digits."
)
def show(place: str, config_file: Path | None, raw: str | None, as_json: bool) -> None:
    """Show one dead letter with all that it holds: headers, key and value, users' text included.

    --raw writes the value exactly as it came in, and nothing else.

    \b
    Examples:
      streamguard dlq show 0/17
      streamguard dlq show dead-letters/0/17 --raw value.bin
    """
    line = Line.load(config_file)
    letter, record, decisions = run(_read_one(line, place))
    if raw is not None:
        try:
            with click.open_file(raw, "wb") as file:
                file.write(record.value or b"")
        except OSError as error:
            raise InputError(f"--raw {raw}: cannot be written ({error.strerror})") from None
        if record.value is None:
            say(f"{letter.name} has no value (null), which is not the same as an empty one")
    elif as_json:
        click.echo(orjson.dumps({**letter_fields(letter, decisions), **held_fields(record)}))
    else:
        for text in letter_lines(letter, decisions, record):
            click.echo(text)


@dlq.command()
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@config_option
@filters
@yes_option
@click.option("--dry-run", is_flag=True, help="Only list what would be replayed.")
def replay(
    places: tuple[str, ...],
    config_file: Path | None,
    yes: bool,
    dry_run: bool,
    limit: int | None,
    **chosen: Unpack[Filters],
) -> None:
    """Send dead letters that wait to where they lay, with key, value and headers as they came.

    A replay is the next run of its request: it was answered as `failed` under run n, and is answered again, as a new response
    and outcome, under run n + 1, with new calls to models. Rates, consent and the request's own deadline hold as for every
    request. A letter of settle or the sink was never booked; its replay books it, and makes no new run.

    Each letter is replayed once, though this command is killed and repeated. Status 1 when some could not be.

    \b
    Examples:
      streamguard dlq replay --stage verify --since 2h --dry-run
      streamguard dlq replay dead-letters/0/17 --yes
    """
    line = Line.load(config_file)
    choice = line.choice(places, chosen)
    meant, decisions = run(_meant(line, choice, limit))
    if dry_run:
        for text in list_lines([one for one in meant if one.refusal is None], decisions):
            click.echo(text)
        _say_undone({one: one.refusal for one in meant if one.refusal is not None})
        return
    if not _confirmed("replay", meant, yes=yes):
        return
    result, doubtful = run(_replay(line, meant))
    click.echo(f"replayed {result.done}" + (f", no longer kept: {result.gone}" if result.gone else ""))
    _say_undone(result.undone)
    for letter in doubtful:
        say(f"{letter.name}: its replay was killed, and Kafka no longer holds what would tell how far it came; drop it")
    sys.exit(1 if result.undone or doubtful else 0)


@dlq.command()
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@config_option
@filters
@yes_option
def drop(
    places: tuple[str, ...], config_file: Path | None, yes: bool, limit: int | None, **chosen: Unpack[Filters]
) -> None:
    """Decide that dead letters are never replayed, and are listed with --all only. They stay readable as long as Kafka keeps
    them.

    \b
    Examples:
      streamguard dlq drop --code undecodable --until 7d
      streamguard dlq drop 0/17 0/18 --yes
    """
    line = Line.load(config_file)
    choice = line.choice(places, chosen)
    if choice.is_all:
        raise InputError("drop what? Name places or give a filter; --since 30d means all of 30 days")
    meant, _ = run(_meant(line, choice, limit))
    if _confirmed("drop", meant, yes=yes):
        click.echo(f"dropped {run(_drop(line, meant))}")


async def _read(line: Line, choice: Choice) -> tuple[list[Letter], Decisions]:
    """The letters that are meant, by time, and all decisions."""
    async with line.log() as log:
        return in_order(await log.letters(choice)), await log.decisions()


async def _read_one(line: Line, place: str) -> tuple[Letter, Received, Decisions]:
    choice = line.choice((place,), Filters(stages=(), codes=(), tenants=(), since=None, until=None))
    async with line.log() as log:
        if letters := await log.letters(choice):
            for letter, record in (await log.bytes_of(letters)).items():
                return letter, record, await log.decisions()
    raise InputError(f"{place}: there is no such dead letter, or Kafka keeps it no longer")


async def _meant(line: Line, choice: Choice, limit: int | None) -> tuple[list[Letter], Decisions]:
    """The letters to decide about. Tells of those that were named and are decided about; raises InputError for unknown ones."""
    letters, decisions = await _read(line, choice)
    there = {(one.place.partition, one.offset) for one in letters}
    for partition, offset in sorted(choice.places - there):
        raise InputError(f"{partition}/{offset}: there is no such dead letter that fits, or Kafka keeps it no longer")
    for letter in letters if choice.places else ():
        if (state := decisions.state(letter)) in ("replayed", "dropped"):
            say(f"{letter.name} was {state} before")
    return _open(letters, decisions)[:limit], decisions


async def _replay(line: Line, meant: Sequence[Letter]) -> tuple[Replayed, list[Letter]]:
    """Also the letters of which nobody can tell."""
    async with line.log(deciding=True) as log, line.sole(log) as sole:
        desk = Desk(sole, log, line.topics, SystemClock(), stall=line.settings.stall)
        decisions = await desk.settle()
        with click.progressbar(length=len(meant), label="replaying", file=sys.stderr) as bar:
            waiting = [one for one in meant if decisions.state(one) == "waiting"]
            result = await desk.replay(waiting, bar.update)
        return result, [one for one in meant if decisions.state(one) == "unfinished"]


async def _drop(line: Line, meant: Sequence[Letter]) -> int:
    async with line.log(deciding=True) as log, line.sole(log) as sole:
        desk = Desk(sole, log, line.topics, SystemClock(), stall=line.settings.stall)
        letters = _open(meant, await desk.settle())
        await desk.drop(letters)
        return len(letters)


def _open(letters: Sequence[Letter], decisions: Decisions) -> list[Letter]:
    """Those that nothing was decided about."""
    return [one for one in letters if decisions.state(one) in ("waiting", "unfinished")]


def _confirmed(what: str, letters: Sequence[Letter], *, yes: bool) -> bool:
    """False when there are none. Raises click.Abort when the answer is no."""
    if not letters:
        say(f"there is nothing to {what}")
        return False
    for (stage, code), count in count_by(letters).items():
        say(f"{count} of {stage}: {code}")
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"--yes is needed to {what} them where nobody can be asked")
        click.confirm(f"{what} {len(letters)}?", abort=True, err=True)
    return True


def _say_undone(undone: Mapping[Letter, str]) -> None:
    for letter, reason in undone.items():
        said = _REASONS.get(reason, f"Kafka does not take it ({reason})")
        say(f"{letter.name} cannot be replayed: {said}")
