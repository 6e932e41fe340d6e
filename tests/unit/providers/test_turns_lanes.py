"""Two lanes before one model, also when its tokens are short."""

import asyncio

from streamguard.providers.contract import RateLimit
from streamguard.providers.turns import Turn
from tests.unit.providers.turns_door import Door, settled


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
