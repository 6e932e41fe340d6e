"""A question cut off at each of its steps: nothing of it stays behind, and what was begun is booked."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from streamguard.events.fleet import BreakerChange
from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.providers.errors import EmptyAnswer, RateLimited, ServerFailed, StreamBroken
from streamguard.providers.fake import Pieces
from tests.unit.providers.asking import USAGE, Setting

STEPS = 400
WAIT = 5.0
"""Seconds that a question waits for a place at its last candidate."""


class Reader:
    """Reads along, and is never quicker than a turn of the loop."""

    async def begin(self) -> None:
        await asyncio.sleep(0)

    async def text(self, piece: str) -> None:
        await asyncio.sleep(0)

    async def end(self) -> None:
        await asyncio.sleep(0)


async def troubled() -> Setting:
    """Retries, a fallback, an answer in the wrong form."""
    return Setting(
        (ServerFailed(status=503), RateLimited(status=429, retry_after=1), EmptyAnswer(status=200, usage=USAGE), 99.0),
        (Pieces(["one ", "two"], then=StreamBroken()), Pieces(["bad ", "form"], usage=USAGE)),
        places=1,
    )


async def probing() -> Setting:
    """The preferred candidate's breaker is open, and its time is over."""
    setting = await troubled()
    for _ in range(3):
        permit = await setting.breakers.permit("a", "flagship", longest=0)
        assert permit is not None
        setting.breakers.failure(permit, 0.1)
    setting.clock.advance(6)
    return setting


async def claiming() -> Setting:
    """The same, with a log in which claims are read back late."""
    setting, loop = await probing(), asyncio.get_running_loop()

    def publish(change: BreakerChange) -> None:
        loop.call_soon(loop.call_soon, setting.breakers.apply, change)

    setting.breakers.share(publish)
    return setting


def out(setting: Setting) -> float:
    """Questions that the budget believes to be with the first choice still."""
    budget = setting.fleet.budgets.of("a")
    stake = budget.open()
    assert stake.first()
    assert stake.retry()
    stake.end(live=False)
    assert budget.left < 1000.0
    setting.clock.advance(100)  # what was seen is forgotten but for its price: a call for each that is out
    return 1000.0 - budget.left


def form(text: str, tool_calls: Sequence[ToolCall]) -> str | None:
    return None if text == "good" else "it is not good"


@pytest.mark.parametrize("make", [troubled, probing, claiming])
@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_nothing_stays_behind(make: Callable[[], Awaitable[Setting]], queue: bool, cancelled: bool) -> None:
    too_late = 0
    for steps in range(STEPS):
        setting, stop = await make(), asyncio.Event()
        held = await setting.fleet.turns.enter("b", "spare", "interactive", tokens=1, longest=0) if queue else None
        asking = asyncio.create_task(setting.ask(stop=stop, audience=Reader(), check=form))
        for _ in range(steps):
            await asyncio.sleep(0)
            if held is not None and setting.clock.slept[-1:] == [WAIT]:  # it has begun to wait for its place
                held.leave()
        over = asking.done()
        if cancelled:
            asking.cancel()
        else:
            stop.set()
        answered = (await asyncio.gather(asking, return_exceptions=True))[0]
        if held is not None:
            held.leave()
        if cancelled and not over:
            assert isinstance(answered, asyncio.CancelledError)
        elif not over:
            assert not isinstance(answered, BaseException)
            too_late += answered.failure is not Reason.CANCELLED
            begun = len(setting.flagship.asked) + len(setting.spare.asked)
            assert sum(call.status != "skipped" for call in answered.calls) - begun in (0, 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1, steps
        if setting.breakers.probing("a", "flagship"):
            assert await setting.breakers.permit("a", "flagship", longest=1) is not None, steps
        setting.clock.advance(100)
        for provider, model in (("a", "flagship"), ("b", "spare")):
            turn = await setting.fleet.turns.enter(provider, model, "interactive", tokens=1, longest=0)
            assert turn is not None, (steps, model)
            permit = await setting.breakers.permit(provider, model, longest=1)
            assert permit is not None, (steps, model)
        assert out(setting) == 0, steps
        if over:
            assert too_late <= 2
            return
    raise AssertionError(f"it takes more than {STEPS} steps")
