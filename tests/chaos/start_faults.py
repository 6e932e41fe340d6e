"""Faults of starts: a topic that is not there, and a second process that takes itself for a first one. Both must end with an
error that says so, and disturb nobody."""

import asyncio
import tomllib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from streamguard.cli.embedded_line.toml import to_toml
from streamguard.clock import SystemClock
from streamguard.config import Cluster
from streamguard.processes import Command, die_with_parent
from streamguard.stream.flow import FLOW
from streamguard.stream.readiness import until_stages_work
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from tests.chaos.faults import Fault, Scene
from tests.chaos.fleet import PARTITIONS, START_SECONDS

REFUSED_WITHIN = 120.0
"""Seconds within which a process that cannot work has said so and left. It waits half a minute for missing topics, and on a
busy machine has taken forty seconds to begin with that."""


async def topic_missing(scene: Scene, draw: Random) -> str:
    """A line beside ours lacks the topic that a stage writes to: its worker ends with an error that names it. Once the topic
    is there, it works."""
    stage = draw.choice(("guard", "lookup", "invoke", "verify", "settle"))
    missing = draw.choice(FLOW[stage].targets)
    prefix = f"lacks{draw.getrandbits(32):08x}."
    everything = Topics.load(prefix)
    replication = min(3, len(scene.nodes))
    lacking = Topics([topic for topic in everything if topic.name != missing], prefix)
    await create_missing(Cluster(scene.fleet.brokers), lacking, partitions=PARTITIONS, replication=replication)
    config = scene.fleet.directory / f"{prefix}toml"
    _with_prefix(scene.fleet.config(next(iter(scene.fleet.members))), prefix, config)
    name = f"lacks-{missing}"
    command = scene.fleet.beside(name, "worker", "--config", str(config), "--number", "0", "--stage", stage)
    status = await _ended(command, REFUSED_WITHIN)
    said = scene.fleet.log(name).read_text()
    assert status not in (None, 0), f"{stage} runs without {missing}: status {status}"
    assert everything.full(missing) in said, f"{stage} does not say that {missing} is missing"
    await create_missing(Cluster(scene.fleet.brokers), everything, partitions=PARTITIONS, replication=replication)
    running = asyncio.create_task(_ended(command, START_SECONDS + 10.0))
    await until_stages_work(
        Cluster(scene.fleet.brokers), everything, SystemClock(), stages=[stage], seconds=START_SECONDS
    )
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return f"{missing}, which {stage} writes to"


async def twin(scene: Scene, draw: Random) -> str:
    """A second process with the configuration and the number of one that runs: it refuses, and the first goes on. On one host a
    locked file tells, across hosts the group."""
    async with scene.claimed(draw, lambda: scene.fleet.workers) as name:
        first, log = scene.fleet.pids[name], f"twin-of-{name}"
        command = scene.fleet.command(name)
        environment = dict(command.environment or {})
        elsewhere = draw.random() < 0.5
        if elsewhere:
            home = scene.fleet.directory / "elsewhere"
            home.mkdir(exist_ok=True)
            environment["TMPDIR"] = str(home)
        again = Command(log, command.arguments, environment, scene.fleet.log(log))
        status = await _ended(again, REFUSED_WITHIN)
        assert status not in (None, 0), f"the twin of {name} runs: status {status}"
        assert "InstanceTaken" in scene.fleet.log(log).read_text(), f"the twin of {name} does not say what is wrong"
        assert scene.fleet.pids.get(name) == first, f"the twin of {name} ended it"
    return f"{name}, as if on another host" if elsewhere else name


async def _ended(command: Command, seconds: float) -> int | None:
    """The status with which a process ends by itself; None when it does not, and then it is ended."""
    assert command.output is not None
    with command.output.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            env=command.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(),
        )
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _with_prefix(source: Path, prefix: str, target: Path) -> None:
    settings: dict[str, Any] = tomllib.loads(source.read_text())
    settings["kafka"]["prefix"] = prefix
    settings["worker"]["instance"] = prefix + "worker"
    target.write_text(to_toml(settings))


def _nothing(_: Scene) -> float:
    return 0.0


START_FAULTS: Sequence[Fault] = (
    Fault("topic missing", "starts", topic_missing, _nothing, "it concerns another line"),
    Fault("two processes with one instance id", "worker", twin, _nothing, "the first goes on"),
)
