"""Turns under any mixture of callers that wait, give up, are cancelled and are refused: no trace is left of any of them."""

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.config import BatchLane, Concurrency
from streamguard.providers.turns import Turns
from tests.support.virtual_time import VirtualClock, in_virtual_time

MOST = 3
TENTHS = st.integers(0, 30).map(lambda tenths: tenths / 10)


@dataclass(frozen=True, slots=True)
class Caller:
    """Seconds, all of them; `cancelled` after that long."""

    comes: float
    holds: float
    longest: float
    cancelled: float | None
    batch: bool
    ending: str


CALLERS = st.builds(
    Caller,
    comes=TENTHS,
    holds=TENTHS,
    longest=TENTHS,
    cancelled=st.none() | TENTHS,
    batch=st.booleans(),
    ending=st.sampled_from(["answered", "answered", "leave", "limited", "pause"]),
)


@given(st.lists(CALLERS, max_size=25))
@settings(max_examples=150, deadline=None)
def test_nobody_leaves_a_trace(callers: list[Caller]) -> None:
    clock = VirtualClock()
    turns = Turns(Concurrency(), BatchLane(), clock, lambda _: MOST)
    inside = 0

    async def call(caller: Caller) -> None:
        nonlocal inside
        came = clock.seconds
        lane = "batch" if caller.batch else "interactive"
        turn = await turns.enter("p", "m", lane, tokens=1, longest=caller.longest)
        assert clock.seconds <= came + caller.longest + 1e-6
        if turn is None:
            return
        inside += 1
        assert inside <= MOST
        try:
            await clock.sleep(caller.holds)
        except asyncio.CancelledError:
            inside -= 1
            turn.leave()
            raise
        inside -= 1
        if caller.ending == "answered":
            turn.answered(None)
        elif caller.ending != "leave":
            turn.limited(0.7 if caller.ending == "pause" else None, None)
        turn.leave()

    async def come(caller: Caller) -> None:
        await clock.sleep(caller.comes)
        task = asyncio.create_task(call(caller))
        if caller.cancelled is not None:
            await clock.sleep(caller.cancelled)
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def main() -> None:
        await asyncio.gather(*(come(caller) for caller in callers))
        assert inside == 0
        await clock.sleep(0)
        await clock.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        # all places are there again: as many as the limit says, found by asking until there is none
        await clock.sleep(30)
        held = 0
        while await turns.enter("p", "m", "interactive", tokens=1, longest=0) is not None:
            held += 1
        assert 1 <= held <= MOST
        if not any(caller.ending in ("limited", "pause") for caller in callers):
            assert held == MOST

    in_virtual_time(clock, main())
