"""The outlet over a broker that goes away."""

import asyncio
import time

import pytest

from streamguard.config import Cluster
from streamguard.dev.broker import EmbeddedBroker
from streamguard.intake.clients import make_producer
from streamguard.intake.gate import Gate
from streamguard.intake.outlet import Fenced, Outlet
from streamguard.intake.settings import Settings

SECONDS = 20.0


@pytest.mark.parametrize("after", [0.0, 0.05, 0.3])
async def test_a_stop_while_outputs_are_sent_again_closes_everything(after: float) -> None:
    with EmbeddedBroker(topics={"out": 4}) as broker:
        settings = Settings(cluster=Cluster(broker.address), group="g")
        gate = Gate(settings.lease, settings.calm, time.monotonic)
        gate.renew(time.monotonic())
        gate.calm(time.monotonic())
        outlet = Outlet(lambda: make_producer(settings), gate)
        await outlet.start()
        async with asyncio.timeout(SECONDS):
            await (await outlet.hand("out", b"k", b"v", 0, []))
            broker.close()
            waits = [await outlet.hand("out", b"k", b"v", number, []) for number in range(4)]
            await asyncio.sleep(after)
            await outlet.stop()
        assert {type(wait.exception()) for wait in waits} == {Fenced}
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # pyright: ignore[reportOptionalMemberAccess]  # a test is a task
