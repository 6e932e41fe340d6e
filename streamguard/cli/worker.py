"""`streamguard worker` and `streamguard sink`: the processes that do the work."""

import asyncio
import logging
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from streamguard import config, logs
from streamguard.errors import InputError
from streamguard.processes import Command, supervise
from streamguard.stream.flow import FLOW

log = logging.getLogger(__name__)

MOST_PROCESSES = 64
"""Workers of one instance; the ports of the sinks' metrics begin after theirs."""
_PROCESSES = click.IntRange(1, MOST_PROCESSES)

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file (TOML); default: the one that STREAMGUARD_CONFIG names.",
)


@click.command()
@config_option
@click.option("--stage", "stages", multiple=True, metavar="NAME", help=f"{', '.join(FLOW)}; repeatable; default: all.")
@click.option(
    "--processes",
    type=click.IntRange(1, MOST_PROCESSES),
    default=1,
    show_default=True,
    help="How many to keep running.",
)
@click.option("--number", type=click.IntRange(0), help="Be process NUMBER of this instance, without a supervisor.")
def worker(config_file: Path | None, stages: tuple[str, ...], processes: int, number: int | None) -> None:
    """Run stages of the line. `invoke` asks models for interactive requests, `invoke_batch` for those of the lane batch.

    Keeps the processes running: one that fails is started again after a pause; one that keeps failing ends the command
    with status 1, one that refuses to run (its name is taken, its topics do not fit) with status 2. SIGTERM and Ctrl-C
    finish what is under way and stop.

    Example: streamguard worker --stage invoke --processes 2
    """
    loaded = config.load(config_file)
    chosen = stages or tuple(FLOW)
    if unknown := [stage for stage in chosen if stage not in FLOW]:
        raise InputError(f"there is no stage {unknown[0]!r}; there are {', '.join(FLOW)}")
    if number is None:
        logs.configure("supervisor", loaded.worker.log_level)
        arguments = [sys.executable, "-m", "streamguard", "worker"]
        arguments += ["--config", str(config_file)] if config_file else []
        arguments += [part for stage in chosen for part in ("--stage", stage)]
        asyncio.run(_let_in(loaded, chosen))
        commands = [Command(f"worker-{n}", [*arguments, "--number", str(n)]) for n in range(processes)]
        sys.exit(supervise(commands, grace=loaded.kafka.grace + 15))
    logs.configure(f"{loaded.worker.instance}-{number}", loaded.worker.log_level)
    from streamguard.app import Worker  # everything the stages need is loaded by the process that runs them

    with tempfile.TemporaryDirectory(prefix="streamguard-") as datadir:
        sys.exit(Worker(loaded, chosen, number).run(Path(datadir)))


async def _let_in(loaded: config.Config, stages: tuple[str, ...]) -> None:
    """Ask once for all processes, so that a wrong password is one line. A cluster that does not answer is theirs to wait for.
    Raises Refusal."""
    from aiokafka.errors import KafkaError

    from streamguard.intake.reaching import reachable
    from streamguard.stream.needs import worker_needs
    from streamguard.stream.topics import Topics

    with suppress(KafkaError):
        await reachable(loaded.kafka.cluster(), worker_needs(Topics.load(loaded.kafka.prefix), stages))


@click.command()
@config_option
@click.option("--number", type=click.IntRange(0), default=0, help="Its number, when several sinks share the work.")
def sink(config_file: Path | None, number: int) -> None:
    """Carry telemetry and payloads into ClickHouse, each record once.

    Creates and migrates the tables first. Ends with status 1 when only a restart can help, with 2 when that could not either.

    Example: streamguard sink --config streamguard.toml
    """
    loaded = config.load(config_file)
    name = f"{loaded.worker.instance}-sink-{number}"
    logs.configure(name, loaded.worker.log_level)
    from streamguard.clock import SystemClock
    from streamguard.stream.health import Health
    from streamguard.stream.hosting import run_worker
    from streamguard.stream.sink import Sink

    health = Health(["sink"], SystemClock())
    carrier = Sink(loaded, name)

    async def carry(ready: asyncio.Event, stop: asyncio.Event) -> None:
        beating = asyncio.create_task(health.beat())
        ready.set()
        health.watch("sink", carrier)
        try:
            await carrier.run(stop)
        finally:
            beating.cancel()

    def serve_metrics() -> None:
        port = loaded.worker.metrics_port
        if port is not None:
            health.serve(port + MOST_PROCESSES + number if port else 0, loaded.worker.metrics_host)
            log.info("metrics served", extra={"address": health.address})

    with tempfile.TemporaryDirectory(prefix="streamguard-") as datadir:
        sys.exit(run_worker(name, [], datadir=Path(datadir), background=[carry], on_start=serve_metrics))
