"""`streamguard dev`: the command."""

import asyncio
import logging
import sys
from pathlib import Path

import click

from streamguard.cli.embedded_line.folder import DEV, Folder, held_folder
from streamguard.cli.embedded_line.running import check_extra
from streamguard.errors import InputError, StreamguardError

DEFAULT = Path("streamguard-dev")


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=DEFAULT, show_default=True, help="Folder for its data."
)
@click.option("--processes", type=click.IntRange(1, 16), default=1, show_default=True, help="Worker processes.")
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Of each topic.")
@click.option("--fresh", is_flag=True, help="Forget what the stores hold from before.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Your own providers, routes, limits, policy …; without providers the simulated ones answer.",
)
@click.option(
    "--every", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds between lines of state."
)
def dev(folder: Path, processes: int, partitions: int, fresh: bool, config_file: Path | None, every: float) -> None:
    """Run everything embedded until Ctrl-C: broker, stores, simulated models, workers and sink.

    Prints the addresses when requests get through, writes them to FOLDER/dev.env, and then tells how it stands, once a minute.
    What dies is started again; only the broker cannot be, for it keeps everything in memory. The stores' data stays in FOLDER.

    \b
    Ends with status 0 when it was told to stop, 1 when something failed for good, 2 when it was given something wrong.
    Examples: streamguard dev
              streamguard dev --config my-models.toml --processes 2
    """
    import uvloop

    from streamguard import logs
    from streamguard.cli.dev.own import read_own  # loaded only when it runs
    from streamguard.cli.dev.run import DevRun, Options
    from streamguard.cli.embedded_line.parts import PartFailed
    from streamguard.clock import SystemClock

    check_extra()
    if config_file is not None and config_file.resolve() == Folder(folder).config.resolve():
        raise InputError(f"--config {config_file}: dev writes this file anew each time; copy it to another place")
    own = read_own(config_file)
    options = Options(processes=processes, partitions=partitions, every=every)
    with held_folder(folder, DEV, fresh=fresh) as held:
        logs.configure("dev", "warning")
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # a broker that does not answer is told by the line of state
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(DevRun(options, own, held, click.echo, SystemClock()).until_stopped())
        except StreamguardError as error:
            click.echo(f"streamguard: {error}", err=True)
            sys.exit(error.status if isinstance(error, PartFailed) else 1)
