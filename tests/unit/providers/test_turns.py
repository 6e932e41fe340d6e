"""Turns on a loop of virtual time: who enters when, who gives up when, and that nobody leaves a trace."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from streamguard.providers.contract import RateLimit
from streamguard.providers.turns import Turn
from tests.unit.providers.turns_door import Door, others, settled


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


def test_a_server_that_wants_to_be_left_alone_for_a_year_is_asked_again_after_a_minute() -> None:
    door = Door(most=4)

    async def main() -> None:
        (await door.must()).limited(31_536_000.0, None)
        assert await door.enter(longest=59.0) is None
        assert door.clock.seconds == 0
        await door.must(longest=61.0)
        assert door.clock.seconds == 60

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
