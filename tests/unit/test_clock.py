"""The clock that tests turn by hand."""

from streamguard.clock import FakeClock, SystemClock


async def test_both_its_clocks_move_when_told_and_by_each_sleep() -> None:
    clock = FakeClock(now_us=1_000)
    clock.advance(1.5)
    assert (clock.now_us(), clock.monotonic()) == (1_501_000, 1.5)
    await clock.sleep(0.25)
    assert (clock.now_us(), clock.monotonic()) == (1_751_000, 1.75)
    assert clock.slept == [0.25]


async def test_a_sleep_of_less_than_nothing_turns_no_clock_back() -> None:
    clock = FakeClock()
    before = clock.now_us()
    await clock.sleep(-3.0)
    assert (clock.now_us(), clock.monotonic(), clock.slept) == (before, 0.0, [-3.0])


async def test_many_small_steps_add_up() -> None:
    clock = FakeClock(now_us=0)
    for _ in range(100_000):
        clock.advance(1e-6)
    assert clock.now_us() == 100_000


async def test_the_machines_clocks_go_on() -> None:
    clock = SystemClock()
    wall, monotonic = clock.now_us(), clock.monotonic()
    await clock.sleep(-1)
    await clock.sleep(0.002)
    assert clock.monotonic() - monotonic >= 0.002
    assert wall > 1_700_000_000_000_000  # microseconds, after 2023
