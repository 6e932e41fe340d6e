"""Faults of processes: killed, told to end, frozen, joining, leaving, restarted in turn."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from tests.chaos.faults import Fault, Scene
from tests.chaos.fleet import SESSION
from tests.support.faketime import SEEN_WITHIN

CLOCK = "clock"
"""The worker whose wall clock can be set."""


async def worker_killed(scene: Scene, draw: Random) -> str:
    async with scene.claimed(draw, lambda: scene.fleet.workers) as name:
        await scene.started(name, scene.fleet.kill)
    return name


async def worker_ended(scene: Scene, draw: Random) -> str:
    async with scene.claimed(draw, lambda: scene.fleet.workers) as name:
        await scene.started(name, scene.fleet.restart)
    return name


async def worker_frozen(scene: Scene, draw: Random) -> str:
    """For longer than its session: its partitions are others' when it wakes."""
    async with scene.claimed(draw, lambda: scene.fleet.workers) as name:
        scene.fleet.freeze(name)
        await asyncio.sleep(SESSION + draw.uniform(1.0, 5.0))
        scene.fleet.thaw(name)
    return name


async def worker_held(scene: Scene, draw: Random) -> str:
    """For less than its session: it goes on as if nothing had been."""
    async with scene.claimed(draw, lambda: scene.fleet.workers) as name:
        scene.fleet.freeze(name)
        await asyncio.sleep(SESSION * draw.uniform(0.4, 0.9))
        scene.fleet.thaw(name)
    return name


async def frozen_in_rebalance(scene: Scene, draw: Random) -> str:
    """Between asking to join a group and its answer, while another one joins or leaves."""
    async with scene.claimed(draw, lambda: _spares(scene)) as spare, scene.claimed(draw, lambda: _old(scene)) as name:
        trap = scene.fleet.trap(name)
        trap.touch()
        leaves = spare in scene.fleet.pids
        moving = asyncio.create_task(scene.fleet.stop(spare) if leaves else scene.started(spare, scene.fleet.start))
        try:
            await scene.fleet.frozen(name)
            await asyncio.sleep(SESSION * draw.uniform(0.3, 0.9))
        finally:
            trap.unlink(missing_ok=True)
            scene.fleet.thaw(name)
            await moving
    return f"{name} while {spare} {'leaves' if leaves else 'joins'}"


async def joins(scene: Scene, draw: Random) -> str:
    async with scene.claimed(draw, lambda: _spares(scene)) as name:
        if name in scene.fleet.pids:
            await scene.fleet.stop(name)
            await asyncio.sleep(SESSION + 1.0)
        await scene.started(name, scene.fleet.start)
    return name


async def leaves(scene: Scene, draw: Random) -> str:
    """In order. Static members are missed only when their session ends."""
    async with scene.claimed(draw, lambda: _spares(scene)) as name:
        if name not in scene.fleet.pids:
            await scene.started(name, scene.fleet.start)
            await asyncio.sleep(SESSION)
        await scene.fleet.stop(name)
        await asyncio.sleep(SESSION)
    return name


async def rolling_restart(scene: Scene, draw: Random) -> str:
    names = _old(scene)
    draw.shuffle(names)
    for name in names:
        async with scene.only(name):
            await scene.started(name, scene.fleet.restart)
        await asyncio.sleep(1.0)
    return "all workers"


async def clock_jumps(scene: Scene, draw: Random) -> str:
    """By an hour ahead or behind, and back, while everyone else's stays."""
    clock = scene.clock
    assert clock is not None
    async with scene.only(CLOCK):
        await _loaded("libfaketime", await scene.fleet.running(CLOCK))
        hour = draw.choice((3600.0, -3600.0))
        clock.jump(hour)
        await asyncio.sleep(draw.uniform(6.0, 12.0))
        clock.back()
        await asyncio.sleep(SEEN_WITHIN)
    return f"{CLOCK} by {hour:+.0f} s"


async def _loaded(library: str, pid: int) -> None:
    """Until a process has it: without, its clock would stay as it is, and nobody would notice."""
    async with asyncio.timeout(10.0):
        while library not in Path(f"/proc/{pid}/maps").read_text():
            await asyncio.sleep(0.05)


def server_killed(name: str) -> Callable[[Scene, Random], Awaitable[str]]:
    async def strike(scene: Scene, _: Random) -> str:
        async with scene.only(name):
            await scene.fleet.running(name)
            scene.fleet.kill(name)
            await asyncio.sleep(0.5)
            await scene.fleet.running(name)
        return name

    return strike


def server_ended(name: str) -> Callable[[Scene, Random], Awaitable[str]]:
    async def strike(scene: Scene, _: Random) -> str:
        async with scene.only(name):
            await scene.fleet.restart(name)
        return name

    return strike


def server_frozen(name: str) -> Callable[[Scene, Random], Awaitable[str]]:
    async def strike(scene: Scene, draw: Random) -> str:
        async with scene.only(name):
            await scene.fleet.running(name)
            scene.fleet.freeze(name)
            await asyncio.sleep(SESSION + draw.uniform(1.0, 5.0))
            scene.fleet.thaw(name)
        return name

    return strike


def _old(scene: Scene) -> list[str]:
    """Those that are there all the time."""
    return [name for name in scene.fleet.workers if not scene.fleet.members[name].spare]


def _spares(scene: Scene) -> list[str]:
    return [member.name for member in scene.fleet.members.values() if member.spare]


def _nothing(_: Scene) -> float:
    return 0.0


def _start(scene: Scene) -> float:
    return min(scene.starts, default=0.0)


def _session(_: Scene) -> float:
    return SESSION


_OFF = "it is not on the way of a request"
PROCESS_FAULTS = (
    Fault("worker killed", "worker", worker_killed, _start, "start of a process"),
    Fault("worker ended by SIGTERM", "worker", worker_ended, _start, "start of a process"),
    Fault("worker frozen past its session", "worker", worker_frozen, _session, "session"),
    Fault("worker frozen within its session", "worker", worker_held, lambda _: SESSION * 0.4, "the freeze"),
    Fault("worker frozen inside a rebalance", "worker", frozen_in_rebalance, lambda _: SESSION * 0.3, "the freeze"),
    Fault("worker joins", "worker", joins, _nothing, "nothing but the rebalance"),
    Fault("worker leaves", "worker", leaves, _session, "session, as static members do not say goodbye"),
    Fault("rolling restart", "worker", rolling_restart, _start, "start of a process"),
    Fault("clock jumps by an hour", "worker", clock_jumps, _nothing, "timers go by the monotonic clock"),
    Fault("sink killed", "sink", server_killed("sink"), _nothing, _OFF),
    Fault("sink ended by SIGTERM", "sink", server_ended("sink"), _nothing, _OFF),
    Fault("sink frozen past its session", "sink", server_frozen("sink"), _nothing, _OFF),
    Fault("simulator killed", "simulator", server_killed("simulator"), _nothing, "retries, then a static answer"),
    Fault(
        "simulator ended by SIGTERM", "simulator", server_ended("simulator"), _nothing, "retries, then a static answer"
    ),
    Fault("store killed", "store", server_killed("store"), _nothing, _OFF),
    Fault("store ended by SIGTERM", "store", server_ended("store"), _nothing, _OFF),
)
