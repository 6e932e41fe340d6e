"""Which intake is asked before a call: that of the step that is running, whatever else runs beside it."""

import asyncio
from collections.abc import Mapping, Sequence

from streamguard.intake.contract import Output, Received
from streamguard.stream.passage import passable, passage, within

RECORD = Received("t", 0, 1, 2, b"k", b"v", ())


class Gate:
    """An intake that lets nothing through before it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    @property
    def passable(self) -> bool:
        return self.open.is_set()

    async def passage(self) -> None:
        self.asked += 1
        await self.open.wait()


async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
    await asyncio.sleep(0)
    await asyncio.create_task(passage())  # what a step begins belongs to it
    await passage()
    return [Output("done", record.key, record.value, ())]


async def test_each_step_waits_for_its_own_intake() -> None:
    one, other = Gate(), Gate()
    first = asyncio.create_task(within(lambda: one, step)(RECORD, {}))
    second = asyncio.create_task(within(lambda: other, step)(RECORD, {}))
    other.open.set()

    assert [output.topic for output in await second] == ["done"]
    assert (one.asked, other.asked) == (1, 2)
    assert not first.done()

    one.open.set()
    assert [output.topic for output in await first] == ["done"]
    assert (one.asked, other.asked) == (2, 2)


async def test_each_step_hears_of_its_own_intake_only_and_at_any_moment() -> None:
    one, other = Gate(), Gate()
    heard: list[bool] = []

    async def listening(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        await passage()
        one.open.clear()
        heard.append(passable())
        return []

    one.open.set()
    await within(lambda: one, listening)(RECORD, {})
    other.open.set()
    await within(lambda: other, listening)(RECORD, {})
    assert heard == [False, True]
    assert passable()


async def test_after_a_step_nothing_of_it_is_left() -> None:
    gate = Gate()
    gate.open.set()
    await within(lambda: gate, step)(RECORD, {})
    await passage()
    assert gate.asked == 2
