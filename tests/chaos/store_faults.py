"""Faults of the store and its disk. None of them may be felt by a request: what cannot be stored yet waits in Kafka."""

import asyncio
from random import Random

from tests.chaos.faults import Fault, Scene
from tests.support.disk import slow

STORE = "store"


async def store_away(scene: Scene, _: Random) -> str:
    """Killed, and started again only after a while."""
    async with scene.only(STORE):
        await scene.fleet.take_away(STORE)
        await asyncio.sleep(scene.away)
        scene.fleet.start(STORE)
        await scene.fleet.running(STORE)
    return f"{STORE} for {scene.away:.0f} s"


async def disk_full(scene: Scene, draw: Random) -> str:
    assert scene.fleet.disk is not None
    async with scene.only(STORE):
        await asyncio.to_thread(scene.fleet.disk.fill)
        try:
            await asyncio.sleep(draw.uniform(8.0, 15.0))
        finally:
            scene.fleet.disk.relieve()
    return STORE


async def disk_full_and_killed(scene: Scene, draw: Random) -> str:
    """It comes back while there is still no room."""
    assert scene.fleet.disk is not None
    async with scene.only(STORE):
        await asyncio.to_thread(scene.fleet.disk.fill)
        try:
            await asyncio.sleep(draw.uniform(3.0, 6.0))
            await scene.fleet.running(STORE)
            scene.fleet.kill(STORE)
            await asyncio.sleep(draw.uniform(3.0, 6.0))
        finally:
            scene.fleet.disk.relieve()
        await scene.fleet.running(STORE)
    return STORE


async def disk_slow(scene: Scene, draw: Random) -> str:
    async with scene.only(STORE):
        await slow(await scene.fleet.running(STORE), draw.uniform(8.0, 15.0))
    return STORE


def _nothing(_: Scene) -> float:
    return 0.0


_OFF = "it is not on the way of a request"
STORE_FAULTS = (
    Fault("store down for long", STORE, store_away, _nothing, _OFF),
    Fault("store's disk slow", STORE, disk_slow, _nothing, _OFF),
)
DISK_FAULTS = (
    Fault("store's disk full", STORE, disk_full, _nothing, _OFF),
    Fault("store's disk full, store killed", STORE, disk_full_and_killed, _nothing, _OFF),
)
"""They need a small disk."""
