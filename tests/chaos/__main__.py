"""One run of chaos by seed: `python -m tests.chaos --seed 1 --seconds 600 --nodes 3 --rate 33 [--json]`.

Prints the faults as they strike, then the audit and the longest silence for each kind of fault. Status 1 when anything is
wrong; what the processes logged then stays where the last line says.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import click
import orjson

from tests.chaos.run import Options, run, tell_on_stderr


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--seconds", type=float, default=600.0, show_default=True, help="How long requests are sent.")
@click.option("--nodes", type=click.Choice(["1", "3"]), default="3", show_default=True, help="Brokers.")
@click.option("--rate", type=float, default=33.0, show_default=True, help="Requests a second.")
@click.option("--every", type=float, default=22.0, show_default=True, help="Seconds between faults.")
@click.option("--fault", "kinds", multiple=True, help="Only this kind of fault; repeatable.")
@click.option("--directory", type=click.Path(path_type=Path), help="Where to keep logs and data; kept in any case.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def main(
    seed: int,
    seconds: float,
    nodes: str,
    rate: float,
    every: float,
    kinds: tuple[str, ...],
    directory: Path | None,
    as_json: bool,
) -> None:
    """Run chaos over the whole line, on real Kafka."""
    logging.basicConfig(level=logging.ERROR)
    kept = directory or Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    options = Options(seed=seed, seconds=seconds, nodes=int(nodes), rate=rate, kinds=kinds or None, every=every)
    report = asyncio.run(run(options, kept, tell_on_stderr))
    print(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2).decode() if as_json else "\n".join(report.lines()))
    if directory is None and report.ok:
        shutil.rmtree(kept)
    else:
        tell_on_stderr(f"logs and data: {kept}")
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
