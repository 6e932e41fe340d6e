"""One run of chaos: brokers, the fleet, a steady stream of requests, faults by the schedule, and what became of it all."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeVar

import orjson
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.sink import GROUP
from tests.chaos import plan
from tests.chaos.audit_reading import groups
from tests.chaos.broker_faults import BROKER_FAULTS, CLUSTER_FAULTS, DOOR
from tests.chaos.driver import Driver
from tests.chaos.faults import Fault, Scene, taken
from tests.chaos.fleet import PARTITIONS, Fleet, Member
from tests.chaos.outside_faults import OUTSIDE_FAULTS
from tests.chaos.process_faults import CLOCK, PROCESS_FAULTS, clock_jumps
from tests.chaos.report import Report, Struck
from tests.chaos.schedule import Strike, schedule
from tests.chaos.start_faults import START_FAULTS
from tests.chaos.store_faults import DISK_FAULTS, STORE_FAULTS
from tests.chaos.verdict import judge
from tests.support.audit import CommitLog, ended
from tests.support.cluster import KafkaCluster
from tests.support.disk import SmallDisk
from tests.support.faketime import FakeTime
from tests.support.kafka import KafkaNode, required
from tests.support.unavailable import Unavailable

STALL = 90.0
"""Seconds without any end after the last request: then the rest is given up as lost."""
DRAIN = 60.0
Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`seconds` of sending at `rate` a second to `nodes` brokers. `kinds` are the faults to choose from (None: all that fit)
    but for those `without`. About `every` seconds one strikes, with the chance `mixed` together with another, but none in
    the last `tail` seconds. A store that is down for long is down `away` seconds."""

    seed: int = 1
    seconds: float = 600.0
    nodes: int = 3
    rate: float = 33.0
    kinds: Sequence[str] | None = None
    without: Sequence[str] = ()
    every: float = 22.0
    mixed: float = 0.4
    tail: float = 45.0
    away: float = 60.0


async def run(options: Options, directory: Path, tell: Tell = lambda _: None) -> Report:
    """Everything, from the first broker to the last process's end. Raises what keeps a run from being one."""
    directory.mkdir(parents=True, exist_ok=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers that are away are the test
    logging.getLogger("streamguard.processes").setLevel(logging.ERROR)  # so are processes that end
    before = _children()
    begun = time.monotonic()

    def say(text: str) -> None:
        tell(f"[{time.monotonic() - begun:6.1f} s] {text}")

    with ThreadPoolExecutor(1, "brokers") as operator:
        brokers = KafkaCluster(directory, doors=[DOOR]) if options.nodes > 1 else KafkaNode(directory / "node-1")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(operator, brokers.start)
            report = await _on(brokers, operator, options, directory, say)
        finally:
            await loop.run_in_executor(operator, brokers.stop)
    report.left_running = sorted(_children() - before)
    (directory / "report.json").write_bytes(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2))
    return report


async def _on(
    kafka: KafkaCluster | KafkaNode, operator: ThreadPoolExecutor, options: Options, directory: Path, say: Tell
) -> Report:
    brokers = kafka.brokers
    nodes, cluster = (kafka.nodes, kafka) if isinstance(kafka, KafkaCluster) else ([kafka], None)
    async with AsyncExitStack() as stack:
        clock = _where_there_is(lambda: FakeTime(directory / "clock"), say)
        if (disk := _where_there_is(lambda: SmallDisk(directory / "disk", megabytes=512), say)) is not None:
            stack.enter_context(disk)
        fleet = Fleet(
            brokers, directory, _members(clock, cluster), prefix="chaos.", replication=min(3, len(nodes)), disk=disk
        )
        began = time.monotonic()
        await stack.enter_async_context(fleet)
        say(f"the line works after {time.monotonic() - began:.1f} s")
        driver = await stack.enter_async_context(Driver(brokers, fleet.topics, PARTITIONS))
        commits = CommitLog(brokers, *groups(fleet.topics.prefix))
        watching = asyncio.create_task(commits.run(every=0.5))
        scene = Scene(fleet, driver, nodes, operator, clock, cluster, options.away)
        chosen = _chosen(options, scene)
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
        done = await driver.finish(STALL)
        say("all ended" if done else f"{driver.tally.outstanding} have not ended")
        drained = await _drained(brokers, fleet)
        say("drained" if not drained else f"not drained: {drained[:5]}")
        await ended(watching)
        verdict = await judge(scene, commits.seen)
        say("audited")
        return Report(
            seed=options.seed,
            seconds=options.seconds,
            nodes=len(nodes),
            requests=len(driver.sent),
            struck=struck,
            ended=driver.ended,
            drained=drained,
            findings=verdict.wrong,
            counted=verdict.counted,
            exits=dict(fleet.exits),
            given_up=fleet.given_up,
        )


async def _shake(scene: Scene, faults: Mapping[str, Fault], strikes: Sequence[Strike], say: Tell) -> list[Struck]:
    begun = time.monotonic()

    async def strike(one: Strike) -> Struck:
        await asyncio.sleep(max(0.0, begun + one.at - time.monotonic()))
        fault = faults[one.kind]
        at, error, on = _now_ms(), None, fault.on
        taken.set(moments := [])
        try:
            async with asyncio.timeout(180):
                on = await fault.strike(scene, Random(one.seed))
        except Exception as failure:  # noqa: BLE001 - a fault that cannot be inflicted is told in the report
            error = f"{type(failure).__name__}: {failure}"
        at = min(moments, default=at)
        say(f"{one.kind}: {on}" + (f": {error}" if error else f", {(_now_ms() - at) / 1000:.1f} s"))
        return Struck(one.kind, on, at, _now_ms(), 0.0, fault.because, error)

    struck = await asyncio.gather(*map(strike, strikes))
    struck = [replace(one, floor=faults[one.kind].floor(scene)) for one in struck]
    return sorted(struck, key=lambda one: one.began_ms)


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


def _members(clock: FakeTime | None, cluster: KafkaCluster | None) -> list[Member]:
    members = [
        Member("all"),
        Member("front", ("admit", "guard")),
        Member("model", ("lookup", "invoke", "invoke_batch")),
        Member("back", ("verify", "settle")),
        Member("spare", spare=True),
    ]
    if clock is not None:
        members.append(
            Member(CLOCK, ("admit", "guard", "invoke", "invoke_batch", "settle"), environment=clock.environment())
        )
    if cluster is not None:
        stages = ("admit", "lookup", "invoke", "verify", "settle")
        members.append(Member(DOOR, stages, brokers=cluster.door(DOOR).brokers))
    return members


def _where_there_is(make: Callable[[], T], say: Tell) -> T | None:
    """A tool, or None where it cannot be had; faults that need it are left out then. In CI it must be there."""
    try:
        return make()
    except Unavailable as reason:
        if required():
            raise
        say(f"left out: {reason}")
        return None


def _chosen(options: Options, scene: Scene) -> dict[str, Fault]:
    every = {
        fault.kind: fault for fault in (*PROCESS_FAULTS, *BROKER_FAULTS, *OUTSIDE_FAULTS, *START_FAULTS, *STORE_FAULTS)
    }
    if scene.fleet.disk is not None:
        every |= {fault.kind: fault for fault in DISK_FAULTS}
    if scene.cluster is not None:
        every |= {fault.kind: fault for fault in CLUSTER_FAULTS}
    if scene.clock is None:
        every = {kind: fault for kind, fault in every.items() if fault.strike is not clock_jumps}
    kinds = [kind for kind in options.kinds or every if kind not in options.without]
    return {kind: every[kind] for kind in kinds}


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def tell_on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
