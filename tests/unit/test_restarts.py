"""When a process that fails is started again, and when no more."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.processes import RestartPolicy, Restarts

POLICY = RestartPolicy(first_pause=0.5, longest_pause=4.0, failures=6, window=60.0)


def test_pauses_double_up_to_the_longest_and_then_it_gives_up() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.pause_after(float(second)) for second in range(6)] == [0.5, 1.0, 2.0, 4.0, 4.0, None]
    assert restarts.failures == 6


def test_failures_leave_the_window_and_the_pauses_begin_anew() -> None:
    restarts = Restarts(POLICY)
    for second in range(4):
        restarts.pause_after(float(second))
    assert restarts.pause_after(62.9) == 1.0  # the one of second 3 still counts
    assert restarts.pause_after(200.0) == 0.5


@given(st.lists(st.floats(0, 30), max_size=40))
def test_it_gives_up_exactly_when_the_window_holds_too_many(gaps: list[float]) -> None:
    restarts, now, times = Restarts(POLICY), 0.0, list[float]()
    for gap in gaps:
        now += gap
        times.append(now)
        within = sum(time > now - POLICY.window for time in times)
        pause = restarts.pause_after(now)
        assert (pause is None) == (within >= POLICY.failures)
        assert pause is None or POLICY.first_pause <= pause <= POLICY.longest_pause
