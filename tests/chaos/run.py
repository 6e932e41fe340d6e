"""One run of chaos: brokers, the fleet, a steady stream of requests, faults by the schedule, and what became of it all."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.sink import GROUP
from tests.chaos import plan
from tests.chaos.broker_faults import BROKER_FAULTS
from tests.chaos.driver import Driver
from tests.chaos.faults import Fault, Scene
from tests.chaos.fleet import PARTITIONS, Fleet, Member
from tests.chaos.outside_faults import OUTSIDE_FAULTS
from tests.chaos.process_faults import PROCESS_FAULTS
from tests.chaos.report import Report, Struck
from tests.chaos.schedule import Strike, schedule
from tests.chaos.verdict import examine_run
from tests.support.audit import CommitLog
from tests.support.kafka import KafkaNode

STALL = 90.0
"""Seconds without any end after the last request: then the rest is given up as lost."""
DRAIN = 60.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of sending at `rate` a second. `kinds` are the faults to choose from; None: all that fit."""

    seed: int
    seconds: float
    nodes: int = 3
    rate: float = 33.0
    kinds: Sequence[str] | None = None
    every: float = 22.0
    mixed: float = 0.4
    tail: float = 45.0


async def run(options: Options, directory: Path, tell: Tell = lambda _: None) -> Report:
    """Everything, from the first broker to the last process's end. Raises what keeps a run from being one."""
    directory.mkdir(parents=True, exist_ok=True)
    before = _children()
    begun = time.monotonic()

    def say(text: str) -> None:
        tell(f"[{time.monotonic() - begun:6.1f} s] {text}")

    with ThreadPoolExecutor(1, "brokers") as operator:
        nodes = [KafkaNode(directory / "node-1")]
        loop = asyncio.get_running_loop()
        try:
            for node in nodes:
                await loop.run_in_executor(operator, node.start)
            report = await _on(nodes, operator, options, directory, say)
        finally:
            for node in nodes:
                await loop.run_in_executor(operator, node.stop)
    report.left_running = sorted(_children() - before)
    return report


async def _on(
    nodes: Sequence[KafkaNode], operator: ThreadPoolExecutor, options: Options, directory: Path, say: Tell
) -> Report:
    brokers = ",".join(node.brokers for node in nodes)
    async with AsyncExitStack() as stack:
        fleet = Fleet(brokers, directory, _members(), prefix="chaos.", replication=min(3, len(nodes)))
        began = time.monotonic()
        await stack.enter_async_context(fleet)
        start_seconds = time.monotonic() - began
        say(f"the line works after {start_seconds:.1f} s")
        driver = await stack.enter_async_context(Driver(brokers, fleet.topics, PARTITIONS))
        logs = {stage: CommitLog(brokers, group_name(fleet.topics.prefix, stage)) for stage in FLOW}
        watching = [asyncio.create_task(log.run(every=1.0)) for log in logs.values()]
        scene = Scene(fleet, driver, nodes, operator, start_seconds)
        chosen = _chosen(options)
        strikes = schedule(
            options.seed,
            options.seconds,
            {fault.kind: fault.on for fault in chosen.values()},
            tail=options.tail,
            every=options.every,
            mixed=options.mixed,
        )
        count = round(options.seconds * options.rate)
        shaking = asyncio.create_task(_shake(scene, chosen, strikes, say))
        await driver.send(plan.requests(count, options.seed), per_second=options.rate)
        say("all sent")
        struck = await shaking
        await driver.acknowledged()
        ended = await driver.finish(STALL)
        say("all ended" if ended else f"{driver.tally.outstanding} have not ended")
        drained = await _drained(brokers, fleet)
        say("drained" if not drained else f"not drained: {drained[:5]}")
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        findings = await examine_run(brokers, fleet, driver, {stage: log.seen for stage, log in logs.items()})
        return Report(
            seed=options.seed,
            seconds=options.seconds,
            nodes=len(nodes),
            requests=len(driver.sent),
            struck=struck,
            ended_ms=dict(driver.ended_ms),
            drained=drained,
            findings=findings,
            exits=dict(fleet.exits),
        )


async def _shake(scene: Scene, faults: dict[str, Fault], strikes: Sequence[Strike], say: Tell) -> list[Struck]:
    begun = time.monotonic()

    async def strike(one: Strike) -> Struck:
        await asyncio.sleep(max(0.0, begun + one.at - time.monotonic()))
        fault = faults[one.kind]
        at, error, on = _now_ms(), None, fault.on
        try:
            async with asyncio.timeout(180):
                on = await fault.strike(scene, Random(one.seed))
        except Exception as failure:  # noqa: BLE001 - a fault that cannot be inflicted is told in the report
            error = f"{type(failure).__name__}: {failure}"
        say(f"{one.kind}: {on}" + (f": {error}" if error else f", {(_now_ms() - at) / 1000:.1f} s"))
        return Struck(one.kind, on, at, _now_ms(), fault.floor(scene), fault.because, error)

    return sorted(await asyncio.gather(*map(strike, strikes)), key=lambda one: one.began_ms)


async def _drained(brokers: str, fleet: Fleet) -> list[str]:
    """Wait until each stage has committed its source's end; what has not after a while."""
    admin, reader = AIOKafkaAdminClient(bootstrap_servers=brokers), AIOKafkaConsumer(bootstrap_servers=brokers)
    await admin.start()
    await reader.start()
    sources = {group_name(fleet.topics.prefix, stage): [FLOW[stage].source] for stage in FLOW}
    sources[fleet.topics.prefix + GROUP] = ["telemetry", "payloads"]
    try:
        until = time.monotonic() + DRAIN
        while True:
            behind: list[str] = []
            for group, names in sources.items():
                places = [
                    TopicPartition(fleet.topics.full(name), number) for name in names for number in range(PARTITIONS)
                ]
                committed = await admin.list_consumer_group_offsets(group, partitions=places)
                ends = await reader.end_offsets(places)
                behind += [
                    f"{group}: {place.topic}/{place.partition} at {committed[place].offset} of {end}"
                    for place, end in ends.items()
                    if max(0, committed[place].offset) != end
                ]
            if not behind or time.monotonic() > until:
                return behind
            await asyncio.sleep(0.5)
    finally:
        await reader.stop()
        await admin.close()


def _members() -> list[Member]:
    return [
        Member("all-1"),
        Member("all-2"),
        Member("front", ("admit", "guard")),
        Member("model", ("lookup", "invoke")),
        Member("back", ("verify", "settle")),
        Member("spare", spare=True),
    ]


def _chosen(options: Options) -> dict[str, Fault]:
    every = {fault.kind: fault for fault in (*PROCESS_FAULTS, *BROKER_FAULTS, *OUTSIDE_FAULTS)}
    return every if options.kinds is None else {kind: every[kind] for kind in options.kinds}


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def tell_on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
