"""Work that is cut off by an event: which of several ends it has, and that nothing of it is left."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from streamguard.providers.abort import Stopped, until


async def for_ever() -> None:
    await asyncio.Event().wait()


async def until_stopped(stop: asyncio.Event, seen: list[str]) -> str:
    try:
        async with until(stop):
            try:
                await for_ever()
            except asyncio.CancelledError:
                seen.append("cut")
                raise
    except Stopped:
        return "stopped"
    return "ended"


async def begun(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that has run until its first wait."""
    task = asyncio.create_task(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def nothing_else_runs() -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_body_is_cancelled_and_its_end_is_stopped() -> None:
    stop, seen = asyncio.Event(), list[str]()
    task = await begun(until_stopped(stop, seen))
    stop.set()
    assert await task == "stopped"
    assert seen == ["cut"]
    assert task.cancelling() == 0
    assert await nothing_else_runs()


async def test_without_an_event_nothing_happens() -> None:
    async with until(None):
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="its own"):
        async with until(None):
            raise ValueError("its own")


async def test_an_event_that_is_set_already_lets_nothing_begin() -> None:
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(Stopped):
        async with until(stop):
            pytest.fail("the body began")
    assert await nothing_else_runs()


async def test_a_body_that_ends_first_is_not_stopped() -> None:
    stop = asyncio.Event()
    async with until(stop):
        await asyncio.sleep(0)
    stop.set()
    for _ in range(3):
        await asyncio.sleep(0)  # would raise if the cancellation came after the body
    assert await nothing_else_runs()


async def test_a_body_that_ends_while_the_news_is_on_its_way_is_not_stopped() -> None:
    """The event is set, its watcher woken, and the body ends before the watcher could tell: no cancellation is left behind."""
    for rounds in range(5):
        stop = asyncio.Event()
        async with until(stop):
            await asyncio.sleep(0)  # the watcher waits now
            stop.set()
            for _ in range(rounds):
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    break
        for _ in range(3):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_an_error_of_the_body_goes_through() -> None:
    async def work() -> None:
        async with until(asyncio.Event()):
            await asyncio.sleep(0)
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await work()
    assert await nothing_else_runs()


async def test_an_error_that_the_body_makes_of_being_cut_goes_through() -> None:
    stop = asyncio.Event()

    async def work() -> None:
        async with until(stop):
            try:
                await for_ever()
            except asyncio.CancelledError:
                raise ValueError("its own") from None

    task = await begun(work())
    stop.set()
    with pytest.raises(ValueError, match="its own"):
        await task
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    stop, seen = asyncio.Event(), list[str]()
    task = await begun(until_stopped(stop, seen))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await nothing_else_runs()


@pytest.mark.parametrize("event_first", [True, False])
async def test_a_cancellation_from_outside_wins_when_both_come_at_once(*, event_first: bool) -> None:
    stop, seen = asyncio.Event(), list[str]()
    task = await begun(until_stopped(stop, seen))
    if event_first:
        stop.set()
        await asyncio.sleep(0)  # the watcher has ended, its cancellation comes next
        task.cancel()
    else:
        task.cancel()
        stop.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cut"]


async def test_a_timeout_inside_stays_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with until(asyncio.Event()), asyncio.timeout(0):
            await for_ever()
    assert await nothing_else_runs()


async def test_a_timeout_outside_stays_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), until(asyncio.Event()):
            await for_ever()
    assert await nothing_else_runs()


@pytest.mark.parametrize("timeout_inside", [True, False])
async def test_of_a_timeout_and_a_stop_at_once_the_outer_one_wins(*, timeout_inside: bool) -> None:
    stop = asyncio.Event()
    limits: list[asyncio.Timeout] = []

    async def work() -> str:
        limit = asyncio.timeout(None)
        limits.append(limit)
        try:
            if timeout_inside:
                async with until(stop), limit:
                    await for_ever()
            else:
                async with limit, until(stop):
                    await for_ever()
        except Stopped:
            return "stopped"
        except TimeoutError:
            return "timeout"
        return "ended"

    task = await begun(work())
    stop.set()
    await asyncio.sleep(0)  # the watcher has ended: its cancellation and the timeout's come in one round of the loop
    limits[0].reschedule(0)
    assert await task == ("stopped" if timeout_inside else "timeout")
    assert task.cancelling() == 0


async def test_one_inside_another_each_ends_its_own() -> None:
    outer, inner = asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def work() -> None:
        async with until(outer):
            try:
                async with until(inner):
                    await for_ever()
            except Stopped:
                ends.append("inner")
            await for_ever()

    task = await begun(work())
    inner.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert ends == ["inner"]
    assert not task.done()
    outer.set()
    with pytest.raises(Stopped):
        await task


async def test_many_wait_for_one_event() -> None:
    stop = asyncio.Event()
    tasks = [await begun(until_stopped(stop, [])) for _ in range(20)]
    stop.set()
    assert await asyncio.gather(*tasks) == ["stopped"] * 20
    assert await nothing_else_runs()
