"""`streamguard broker`, `store` and `simulator`: the embedded parts, each alone. Their modules are loaded when they run."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from streamguard.errors import InputError

_STOPPING = (signal.SIGTERM, signal.SIGINT)

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
port_option = click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port to listen on; 0: any free one."
)
ready_file_option = click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write HOST:PORT into when it is ready.",
)


@click.command()
@click.option(
    "--prefix", default="", help="Put before the names of the line's topics and groups, as in the configuration."
)
@click.option(
    "--partitions", type=click.IntRange(1, 1000), default=4, show_default=True, help="Of each of the line's topics."
)
@click.option("--topic", "topics", multiple=True, metavar="NAME[:PARTITIONS]", help="A further topic; repeatable.")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="A further group of several members; repeatable."
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 60),
    default=0.5,
    show_default=True,
    help="Seconds an empty group waits for members.",
)
@ready_file_option
def broker(
    prefix: str, partitions: int, topics: tuple[str, ...], groups: tuple[str, ...], wait: float, ready_file: Path | None
) -> None:
    """Run the embedded Kafka-protocol broker until SIGTERM or Ctrl-C.

    In memory, on a free port of 127.0.0.1, with the line's topics. It keeps about 5 MB a partition and drops what is older:
    for a first run and tests, not for keeping data.

    Example: streamguard broker --partitions 2 --topic notes:1 --group notes-readers
    """
    from streamguard.dev import broker as embedded
    from streamguard.stream.flow import FLOW, group_name
    from streamguard.stream.topics import Topics

    line = Topics.load(prefix)
    wanted = {line.full(topic.name): partitions for topic in line} | dict(_topic(topic, partitions) for topic in topics)
    members = [group_name(prefix, stage) for stage in FLOW] + list(groups)
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()

    for number in _STOPPING:
        signal.signal(number, end)
    embedded.serve(_announce(ready_file), stop, topics=wanted, groups=members, first_assignment=wait)


@click.command()
@click.option("--path", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of its data.")
@host_option
@port_option
@click.option(
    "--read-only-port", type=click.IntRange(0, 65535), help="A second port on which nothing can be changed; 0: any."
)
@ready_file_option
def store(path: Path, host: str, port: int, read_only_port: int | None, ready_file: Path | None) -> None:
    """Run the embedded ClickHouse-protocol store until SIGTERM or Ctrl-C.

    Any ClickHouse HTTP client connects to it; one process owns a path. It asks for no password: keep it on this machine.

    Example: streamguard store --path my-store --read-only-port 0
    """
    from streamguard.dev.store import StoreSettings, serve

    settings = StoreSettings(path=path, host=host, port=port, read_only_port=read_only_port)
    announce = _announce(ready_file)

    def ready(address: str, read_only: str | None) -> None:
        if read_only is not None:
            click.echo(f"listening read-only on {read_only}")
        announce(address)

    _run(lambda stop: serve(settings, ready=ready, stop=stop))


@click.command()
@host_option
@port_option
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same answers and faults.")
@click.option(
    "--latency-ms", type=click.FloatRange(0), default=50.0, show_default=True, help="Median time to an answer."
)
@click.option(
    "--latency-sigma", type=click.FloatRange(0), default=0.0, show_default=True, help="Log-normal spread; 0: none."
)
@click.option("--first-token-ms", type=click.FloatRange(0), help="Time to the first chunk of a stream.")
@click.option("--per-chunk-ms", type=click.FloatRange(0), help="Time from one chunk of a stream to the next.")
@click.option(
    "--hang-seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="How long hanging calls do."
)
@click.option(
    "--drip-seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="How long dripping ones take."
)
@click.option(
    "--idempotent", is_flag=True, help="Know idempotency keys: repeated calls are answered alike, and charged once."
)
@click.option(
    "--fault", "faults", multiple=True, metavar="[PROVIDER/MODEL:]KIND=SHARE", help="Faulty calls; repeatable."
)
@click.option(
    "--log", type=click.Path(path_type=Path, dir_okay=False), help="File that keeps the calls for the next start, too."
)
@ready_file_option
def simulator(
    host: str,
    port: int,
    seed: int,
    latency_ms: float,
    latency_sigma: float,
    first_token_ms: float | None,
    per_chunk_ms: float | None,
    hang_seconds: float,
    drip_seconds: float,
    idempotent: bool,
    faults: tuple[str, ...],
    log: Path | None,
    ready_file: Path | None,
) -> None:
    """Run the simulated model providers until SIGTERM or Ctrl-C.

    OpenAI's API and Anthropic's messages under /openai/v1, /anthropic/v1 and /local/v1. Faults, outages and limits can be set at
    run time, calls and costs read: POST /_sim/faults, /_sim/outage, /_sim/flaky, /_sim/limits and /_sim/refuse (no connections),
    GET /_sim/calls.

    Example: streamguard simulator --latency-ms 200 --fault rate_limited=0.05 --fault openai/gpt-4o:unavailable=0.2
    """
    from streamguard.dev.simulator import Latency, SimulatorSettings, fault_rules, serve

    try:
        rules = fault_rules(faults)
    except ValueError as error:
        raise InputError(f"--fault: {error}") from None
    settings = SimulatorSettings(
        host=host,
        port=port,
        seed=seed,
        latency=Latency(latency_ms, latency_sigma),
        first_token_ms=first_token_ms,
        per_chunk_ms=per_chunk_ms,
        hang_seconds=hang_seconds,
        drip_seconds=drip_seconds,
        idempotent=idempotent,
        faults=rules,
        log=log,
    )
    _run(lambda stop: serve(settings, ready=_announce(ready_file), stop=stop))


def _announce(ready_file: Path | None) -> Callable[[str], None]:
    def announce(address: str) -> None:
        if ready_file is not None:
            # Renamed into place: who waits for the file never reads half of it.
            unfinished = ready_file.with_name(ready_file.name + ".part")
            unfinished.write_text(address + "\n")
            unfinished.replace(ready_file)
        click.echo(f"listening on {address}")

    return announce


def _run(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    import uvloop

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in _STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(stop)

    try:
        uvloop.run(until_stopped())
    except OSError as error:
        raise InputError(f"cannot listen or write: {error.strerror or 'operating system error'}") from None


def _topic(given: str, partitions: int) -> tuple[str, int]:
    name, _, count = given.partition(":")
    if not name or (count and not (count.isdecimal() and int(count) > 0)):
        raise InputError(f"--topic: {given!r} is not NAME or NAME:PARTITIONS")
    return name, int(count) if count else partitions
