"""Faults of brokers and of the network between them and a worker."""

import asyncio
import os
import signal
from random import Random

from tests.chaos.faults import Fault, Scene
from tests.chaos.fleet import SESSION, START_SECONDS
from tests.support.cut import Door

DOWN = 4.0
"""Seconds that a killed broker is down at least."""
DOOR = "door"
"""The worker that reaches the brokers only through a door that can be cut."""
IN_SYNC = 90.0
"""Seconds within which a node that came back has all that it missed."""


async def broker_killed(scene: Scene, draw: Random) -> str:
    """One at a time: with two of three down nothing can be promised but that everything waits."""
    number = draw.randrange(len(scene.nodes))
    async with scene.only("brokers"):
        node = scene.nodes[number]
        await scene.operate(node.kill)
        await asyncio.sleep(DOWN + draw.uniform(0.0, 6.0))
        await scene.operate(node.start)
        await _in_sync(scene)
    return f"node {number + 1}"


async def broker_frozen(scene: Scene, draw: Random) -> str:
    """For longer than the others wait for it: it wakes as a leader that leads nothing any more."""
    number = draw.randrange(len(scene.nodes))
    async with scene.only("brokers"):
        pid = scene.nodes[number].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(DOWN + draw.uniform(0.0, 4.0))
        finally:
            os.kill(pid, signal.SIGCONT)
        await _in_sync(scene)
    return f"node {number + 1}"


async def leaders_moved(scene: Scene, draw: Random) -> str:
    assert scene.cluster is not None
    async with scene.only("brokers"):
        topics = [scene.fleet.topics.full(topic.name) for topic in scene.fleet.topics]
        moved = await scene.cluster.move_leaders([*topics, "__consumer_offsets"], draw)
        await _in_sync(scene)
    assert moved, "no leader moved"
    return f"{moved} partitions"


async def cut_long(scene: Scene, draw: Random) -> str:
    """A black hole for longer than a session: its partitions are others' when it hears of them again."""
    return await _cut(scene, draw, SESSION + draw.uniform(2.0, 8.0))


async def cut_short(scene: Scene, draw: Random) -> str:
    return await _cut(scene, draw, SESSION * draw.uniform(0.2, 0.7))


async def connections_reset(scene: Scene, draw: Random) -> str:
    assert scene.cluster is not None
    async with scene.only(DOOR):
        await _used(scene.cluster.door(DOOR))
        for _ in range(draw.randint(1, 4)):
            scene.cluster.door(DOOR).reset()
            await asyncio.sleep(draw.uniform(0.1, 1.0))
    return DOOR


async def _cut(scene: Scene, draw: Random, seconds: float) -> str:
    """What was sent meanwhile arrives late, or never."""
    late = draw.random() < 0.5
    assert scene.cluster is not None
    async with scene.only(DOOR):
        door = scene.cluster.door(DOOR)
        await _used(door)
        door.cut()
        try:
            await asyncio.sleep(seconds)
        finally:
            door.heal(late=late)
        await asyncio.sleep(SESSION)
    return f"{DOOR} for {seconds:.1f} s, then {'late' if late else 'reset'}"


async def _used(door: Door) -> None:
    """Until somebody is connected through it: else nobody would be cut off."""
    async with asyncio.timeout(START_SECONDS):
        while not door.connections:
            await asyncio.sleep(0.05)


async def _in_sync(scene: Scene) -> None:
    """The next broker may be struck only when every partition has all of its replicas again."""
    if scene.cluster is not None:
        await scene.cluster.until_in_sync(seconds=IN_SYNC)


def _missed(scene: Scene) -> float:
    """Alone it is missed for as long as it is down; of several, until its session ends, of which a heartbeat may be over."""
    return DOWN if scene.cluster is None else 2.5


BROKER_FAULTS = (
    Fault("broker killed", "brokers", broker_killed, _missed, "the session of a broker; of a single one, its absence"),
)
CLUSTER_FAULTS = (
    Fault("broker frozen", "brokers", broker_frozen, _missed, "the session of a broker"),
    Fault("leaders moved", "brokers", leaders_moved, lambda _: 0.0, "clients look for the new leader"),
    Fault("network cut past the session", "worker", cut_long, lambda _: SESSION, "session"),
    Fault("network cut within the session", "worker", cut_short, lambda _: SESSION * 0.2, "the cut"),
    Fault("connections reset", "worker", connections_reset, lambda _: 0.0, "connecting anew"),
)
"""They need several brokers, or a door."""
