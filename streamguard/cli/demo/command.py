"""`streamguard demo`: the command."""

import asyncio
import sys
from pathlib import Path

import click
import orjson

from streamguard.cli.embedded_line.folder import DEMO, held_folder
from streamguard.cli.embedded_line.running import Interrupted, check_extra
from streamguard.errors import InputError, StreamguardError
from streamguard.stream.planned import Planned

DEFAULT = Path("streamguard-demo")
REQUESTS = 2_000


@click.command()
@click.option(
    "--requests",
    type=click.IntRange(1, 1_000_000),
    help=f"How many; default: {REQUESTS:,} of the examples, or all of FILE.",
)
@click.option(
    "--input", "input_file", type=click.Path(path_type=Path), metavar="FILE.jsonl", help="Send these requests."
)
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="Send these texts, one a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, alone on the last line.")
@click.option(
    "--data", type=click.Path(path_type=Path), default=DEFAULT, show_default=True, help="Folder for the store."
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Save the report as a picture too.",
)
@click.option("--processes", type=click.IntRange(1, 16), default=2, show_default=True, help="Worker processes.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides requests, answers and faults.")
@click.option("--in-flight", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Requests at once.")
@click.option("--outage/--no-outage", default=True, show_default=True, help="A provider fails in the middle.")
@click.option("--faults/--no-faults", default=True, show_default=True, help="Now and then a call fails.")
def demo(
    requests: int | None,
    input_file: Path | None,
    texts: Path | None,
    as_json: bool,
    data: Path,
    svg: Path | None,
    processes: int,
    seed: int,
    in_flight: int,
    outage: bool,
    faults: bool,
) -> None:
    """Run everything embedded on sample traffic, or on your own, and report.

    Starts broker, store, a simulated model provider, workers and the sink; sends two thousand support requests (or FILE);
    breaks a provider in the middle; audits every request; stops everything. The store stays behind for `streamguard query`.

    \b
    Ends with status 1 when the audit fails, 2 when it was given something wrong.
    Examples: streamguard demo --requests 200 --svg report.svg
              streamguard demo --texts my-questions.txt --json
    """
    import uvloop

    from streamguard import logs
    from streamguard.cli.demo.printing import print_report, save_picture  # loaded only when the demo runs
    from streamguard.cli.demo.progress import show_on_stderr
    from streamguard.cli.demo.run import Options, run_demo
    from streamguard.clock import SystemClock

    check_extra()
    if svg is not None and as_json:
        raise InputError("--svg is a picture of the report, and --json prints none: give one of them")
    if svg is not None and not svg.absolute().parent.is_dir():
        raise InputError(f"--svg: there is no folder {svg.parent}")
    planned = _planned(requests, input_file, texts, seed)
    clock = SystemClock()
    options = Options(processes=processes, seed=seed, most=in_flight, outage=outage, everyday=faults)
    with held_folder(data, DEMO) as folder:
        logs.configure("demo", "warning")
        try:
            with (
                show_on_stderr(sum(item.end != "nothing" for item in planned), clock) as show,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                report = runner.run(run_demo(planned, options, folder, show, clock))
        except Interrupted:
            click.echo("streamguard: interrupted; everything is stopped", err=True)
            sys.exit(130)
        except StreamguardError as error:
            click.echo(f"streamguard: {error}", err=True)
            sys.exit(1)
    if as_json:
        click.echo(orjson.dumps(report.to_json()).decode())
    else:
        from rich.console import Console

        print_report(report, data, Console())
        if svg is not None:
            try:
                save_picture(report, data, svg)
            except InputError as error:
                click.echo(f"streamguard: {error}", err=True)
                sys.exit(1 if report.problems() else 2)
    sys.exit(1 if report.problems() else 0)


def _planned(requests: int | None, input_file: Path | None, texts: Path | None, seed: int) -> list[Planned]:
    from streamguard.cli.demo.given import read_requests, read_texts
    from streamguard.cli.demo.requests import support_requests

    if input_file is not None and texts is not None:
        raise InputError("--input and --texts: give one of them")
    if input_file is not None:
        return read_requests(input_file, requests)
    if texts is not None:
        return read_texts(texts, requests)
    return list(support_requests(requests or REQUESTS, seed))
