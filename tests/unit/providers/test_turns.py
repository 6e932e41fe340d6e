"""Turns on a loop of virtual time: who enters when, who gives up when, and that nobody leaves a trace."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from prometheus_client import REGISTRY

from streamguard.config import BatchLane, Concurrency
from streamguard.providers.contract import RateLimit
from streamguard.providers.turns import Turn, Turns
from tests.support.virtual_time import VirtualClock, in_virtual_time


class Door:
    """Turns at one model with `most` places, and a clock."""

    def __init__(self, most: int = 2, batch: BatchLane | None = None) -> None:
        self.clock = VirtualClock()
        self.turns = Turns(Concurrency(), batch or BatchLane(), self.clock, lambda _: most)
        self.log: list[tuple[str, float]] = []

    async def enter(
        self, longest: float = 5.0, lane: str = "interactive", tokens: int = 10, model: str = "m"
    ) -> Turn | None:
        return await self.turns.enter("p", model, lane, tokens=tokens, longest=longest)

    async def must(self, longest: float = 5.0, lane: str = "interactive", tokens: int = 10, model: str = "m") -> Turn:
        turn = await self.enter(longest, lane, tokens, model)
        assert turn is not None
        return turn

    async def call(self, name: str, seconds: float, lane: str = "interactive", longest: float = 60.0) -> None:
        turn = await self.enter(longest, lane)
        self.log.append((name if turn else f"no {name}", self.clock.seconds))
        if turn:
            await self.clock.sleep(seconds)
            turn.answered(None)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        in_virtual_time(self.clock, main)


async def settled() -> None:
    """Everything that can go on without time has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def others() -> int:
    """Tasks that are left, once those that were cancelled are gone."""
    await settled()
    return len(asyncio.all_tasks()) - 1


def test_a_free_place_is_taken_without_a_switch_of_tasks() -> None:
    door = Door()

    async def main() -> None:
        entering = door.enter()
        with pytest.raises(StopIteration) as done:
            entering.send(None)
        assert isinstance(done.value.value, Turn)
        assert len(asyncio.all_tasks()) == 1

    door.run(main())


def test_who_finds_no_place_waits_for_one_and_they_come_in_order() -> None:
    door = Door(most=2)

    async def main() -> None:
        await asyncio.gather(*(door.call(str(n), 1.0) for n in range(6)))

    door.run(main())
    assert door.log == [("0", 0), ("1", 0), ("2", 1), ("3", 1), ("4", 2), ("5", 2)]


def test_who_waits_too_long_gives_up_in_time_and_takes_nothing_with_him() -> None:
    door = Door(most=1)

    async def main() -> None:
        turn = await door.must()
        assert await door.enter(longest=0.5) is None
        assert door.clock.seconds == 0.5
        assert await door.enter(longest=0.0) is None
        assert door.clock.seconds == 0.5
        turn.leave()
        (await door.must()).leave()
        assert await others() == 0

    door.run(main())


def test_an_end_is_told_once() -> None:
    door = Door(most=2)

    async def main() -> None:
        turn = await door.must()
        turn.answered(None)
        turn.leave()
        turn.limited(9.0, None)
        turn.answered(None)
        held = [await door.must(), await door.must()]
        assert await door.enter(longest=0.1) is None
        held[0].leave()
        held[0].leave()
        await door.must()
        assert await door.enter(longest=0.1) is None

    door.run(main())


def test_a_429_lets_nobody_in_until_the_time_it_said_and_sends_on_who_cannot_wait() -> None:
    door = Door(most=4)

    async def main() -> None:
        turns = [await door.must() for _ in range(4)]
        impatient = asyncio.create_task(door.enter(longest=2.0))
        patient = asyncio.create_task(door.enter(longest=4.0))
        await settled()
        turns[0].limited(3.0, None)
        await settled()
        assert impatient.done()
        assert impatient.result() is None
        assert await door.enter(longest=2.9) is None
        assert door.clock.seconds == 0
        for turn in turns[1:]:
            turn.answered(None)
        assert await patient is not None
        assert door.clock.seconds == 3
        assert await door.must(model="other")
        assert await others() == 0

    door.run(main())


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    door = Door(most=4)

    async def main() -> None:
        turns = [await door.must() for _ in range(2)]
        turns[0].limited(5.0, None)
        turns[1].limited(1.0, None)
        await door.must(longest=10)
        assert door.clock.seconds == 5

    door.run(main())


def test_a_429_without_a_time_pauses_nobody_and_halves_the_limit() -> None:
    door = Door(most=4)

    async def main() -> None:
        turns = [await door.must() for _ in range(4)]
        for turn in turns:
            turn.limited(None, None)
        assert [await door.must() for _ in range(2)]
        assert await door.enter(longest=0.1) is None

    door.run(main())


def test_tokens_that_are_not_there_are_waited_for_or_not_at_all() -> None:
    door = Door(most=9)

    async def main() -> None:
        (await door.must(tokens=10)).answered(RateLimit(tokens_left=1000, tokens_reset=0.0))
        (await door.must(tokens=800)).answered(RateLimit(tokens_left=200, tokens_reset=8.0))
        assert await door.enter(tokens=600, longest=3.0) is None
        assert door.clock.seconds == 0
        (await door.must(tokens=200)).leave()
        turn = await door.must(tokens=600, longest=7.0)  # a hundred a second come back
        assert door.clock.seconds == pytest.approx(6.0)
        turn.leave()
        assert await others() == 0

    door.run(main())


def test_requests_that_are_not_there_are_waited_for_until_the_reset_when_that_is_all_that_is_known() -> None:
    door = Door(most=9)

    async def main() -> None:
        (await door.must()).limited(None, RateLimit(requests_left=0, requests_reset=2.0))
        assert await door.enter(longest=1.9) is None
        assert door.clock.seconds == 0
        await door.must(longest=2.1)
        assert door.clock.seconds == 2

    door.run(main())


def test_headers_that_come_late_are_carried_on_to_now() -> None:
    door = Door(most=9)

    async def main() -> None:
        first = await door.must()
        second = await door.must()
        await door.clock.sleep(10)
        second.answered(RateLimit(requests_left=0, requests_reset=4.0))  # of ten seconds ago
        await door.must(longest=0.1)
        first.answered(RateLimit(requests_left=0, requests_reset=600.0))  # older news
        await door.must(longest=0.1)

    door.run(main())


def test_calls_that_began_after_a_call_count_though_its_headers_do_not_know_them() -> None:
    door = Door(most=9)

    async def main() -> None:
        turns = [await door.must() for _ in range(4)]
        turns[0].answered(RateLimit(requests_left=4, requests_reset=60.0))
        await door.must(longest=0)
        assert await door.enter(longest=1) is None

    door.run(main())


def test_batch_calls_get_every_tenth_turn_while_others_wait() -> None:
    door = Door(most=1)

    async def main() -> None:
        calls = [door.call(f"b{n}", 1.0, lane="batch") for n in range(3)] + [door.call(f"i{n}", 1.0) for n in range(25)]
        await asyncio.gather(*calls)

    door.run(main())
    names = [name for name, _ in door.log]
    assert names[0] == "b0"  # it came first, and nobody else was there
    assert [names.index("b1"), names.index("b2")] == [10, 20]
    assert [name for name in names if name[0] == "i"] == [f"i{n}" for n in range(25)]


async def short_of_tokens(door: Door) -> None:
    """From now on a hundred tokens a second come, and none is there."""
    (await door.must()).answered(RateLimit(tokens_left=1000, tokens_reset=0.0))
    (await door.must(tokens=1000)).answered(RateLimit(tokens_left=0, tokens_reset=10.0))


def test_a_batch_call_that_waits_for_tokens_is_overtaken_and_has_the_next_turn() -> None:
    door = Door(most=1)

    async def main() -> None:
        await short_of_tokens(door)
        held = await door.must(tokens=0)
        batch = [asyncio.create_task(door.enter(lane="batch", tokens=size, longest=60)) for size in (500, 1, 1, 1)]
        usual = [asyncio.create_task(door.enter(tokens=0, longest=60)) for _ in range(60)]
        await settled()
        order: list[str] = []
        await door.clock.sleep(1)
        held.leave()
        for _ in range(30):  # all of these find the batch call's tokens missing
            await settled()
            await hand_on(usual, batch, order)
        assert order == ["usual"] * 30
        await door.clock.sleep(4.5)
        for _ in range(20):
            await settled()
            await hand_on(usual, batch, order)
        assert order[30:].count("batch") == 2
        assert order[30:].index("batch") <= 1

    async def hand_on(
        usual: list[asyncio.Task[Turn | None]], batch: list[asyncio.Task[Turn | None]], order: list[str]
    ) -> None:
        for name, lane in (("usual", usual), ("batch", batch)):
            for task in [each for each in lane if each.done()]:
                lane.remove(task)
                order.append(name)
                turn = await task
                assert turn is not None
                turn.leave()
                return

    door.run(main())


def test_no_batch_call_takes_the_tokens_that_another_waits_for() -> None:
    door = Door(most=4)

    async def main() -> None:
        await short_of_tokens(door)
        usual = asyncio.create_task(door.enter(tokens=300, longest=60))
        batch = asyncio.create_task(door.enter(lane="batch", tokens=0, longest=60))
        await door.clock.sleep(2.9)
        assert not batch.done()
        await door.clock.sleep(0.2)
        assert usual.done()
        assert batch.done()

    door.run(main())


def test_who_waited_behind_one_that_gives_up_goes_on_at_once() -> None:
    door = Door(most=4)

    async def main() -> None:
        await short_of_tokens(door)
        first = asyncio.create_task(door.enter(tokens=900, longest=60))
        second = asyncio.create_task(door.enter(tokens=50, longest=60))
        await door.clock.sleep(1)
        assert not second.done()
        first.cancel()
        assert await second is not None
        assert door.clock.seconds == 1

    door.run(main())


def test_batch_calls_leave_the_rest_of_the_places_free() -> None:
    door = Door(most=8)

    async def main() -> None:
        batch = [asyncio.create_task(door.enter(lane="batch")) for _ in range(8)]
        await settled()
        assert sum(task.done() for task in batch) == 4
        for _ in range(4):
            await door.must(longest=0)
        for task in batch:
            task.cancel()

    door.run(main())


def test_a_batch_call_may_have_the_only_place() -> None:
    door = Door(most=1)

    async def main() -> None:
        await door.must(lane="batch", longest=0)

    door.run(main())


def test_a_cancellation_in_the_moment_a_place_comes_gives_the_place_on() -> None:
    door = Door(most=1)

    async def main() -> None:
        turn = await door.must()
        first = asyncio.create_task(door.enter())
        second = asyncio.create_task(door.enter())
        await settled()
        turn.leave()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second is not None
        await settled()
        assert await others() == 0

    door.run(main())


def test_the_limit_and_the_waits_are_shown() -> None:
    door = Door(most=4)
    labels = {"provider": "p", "model": "shown"}
    waits = ("streamguard_turn_wait_seconds_sum", {"lane": "batch"})

    async def main() -> None:
        before = REGISTRY.get_sample_value(*waits) or 0.0
        turns = [await door.must(model="shown") for _ in range(4)]
        assert REGISTRY.get_sample_value("streamguard_concurrency_limit", labels) == 4
        turns[0].limited(None, None)
        assert REGISTRY.get_sample_value("streamguard_concurrency_limit", labels) == 2
        assert await door.enter(lane="batch", model="shown", longest=3.0) is None
        assert REGISTRY.get_sample_value(*waits) == before + 3

    door.run(main())
