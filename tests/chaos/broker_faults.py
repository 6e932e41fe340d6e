"""Faults of brokers and of the network between them and a worker."""

import asyncio
from random import Random

from tests.chaos.faults import Fault, Scene

DOWN = 4.0
"""Seconds that a killed broker is down at least."""


async def broker_killed(scene: Scene, draw: Random) -> str:
    """One at a time: with two of three down nothing can be promised but that it waits."""
    number = draw.randrange(len(scene.nodes))
    async with scene.only("brokers"):
        node = scene.nodes[number]
        await scene.operate(node.kill)
        await asyncio.sleep(DOWN + draw.uniform(0.0, 6.0))
        await scene.operate(node.start)
    return f"node {number + 1}"


def _down(scene: Scene) -> float:
    return DOWN if len(scene.nodes) == 1 else 0.0


BROKER_FAULTS = (Fault("broker killed", "brokers", broker_killed, _down, "the broker being down"),)
