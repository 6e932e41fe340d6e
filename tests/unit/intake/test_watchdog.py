"""When a worker that lives but does not move must leave."""

import pytest

from streamguard.intake.errors import Stalled, TooManyBuried, TwinInstance
from streamguard.intake.marks import Place
from streamguard.intake.watchdog import BurialLimit, Watchdog, Watched

IN = Place("in", 0)


def watchdog() -> Watchdog:
    return Watchdog(stall=30, deadline=45, now=0)


def test_no_commit_accepted_for_long() -> None:
    dog = watchdog()
    dog.check_commits(30)
    dog.accepted(25)
    dog.check_commits(55)
    with pytest.raises(Stalled, match="no commit was accepted for 31 s"):
        dog.check_commits(56)


def test_records_wait_and_none_is_delivered() -> None:
    dog = watchdog()
    assert not dog.must_look(30)
    assert dog.must_look(31)
    dog.looked(31, 0)
    assert not dog.must_look(61)
    dog.moved(61)
    assert dog.must_look(92)
    with pytest.raises(Stalled, match="7 records wait and none was delivered for 31 s"):
        dog.looked(92, 7)


def test_the_lowest_offset_is_stuck() -> None:
    dog = watchdog()
    dog.check_frontiers(0, [Watched(IN, 5, 3)])
    dog.check_frontiers(75, [Watched(IN, 5, 3)])
    with pytest.raises(Stalled, match="in/0: offset 5 is stuck"):
        dog.check_frontiers(76, [Watched(IN, 5, 3)])


@pytest.mark.parametrize("between", [Watched(IN, 6, 3), Watched(IN, 5, 0)])
def test_moving_and_resting_are_not_stuck(between: Watched) -> None:
    dog = watchdog()
    dog.check_frontiers(0, [Watched(IN, 5, 3)])
    dog.check_frontiers(50, [between])
    dog.check_frontiers(100, [between])


def test_five_assignments_after_refused_commits_within_a_minute_are_a_twin() -> None:
    dog = watchdog()
    for now in (0, 10, 20, 30):
        dog.refused()
        dog.assigned(now)
    dog.assigned(35)  # an ordinary one
    dog.refused()
    with pytest.raises(TwinInstance, match="same instance id"):
        dog.assigned(40)


def test_the_same_over_a_longer_time_are_not() -> None:
    dog = watchdog()
    for now in range(0, 200, 20):
        dog.refused()
        dog.assigned(now)


def test_a_refused_commit_followed_by_an_accepted_one_is_forgotten() -> None:
    dog = watchdog()
    for now in range(10):
        dog.refused()
        dog.accepted(now)
        dog.assigned(now)


def test_burials_within_the_window() -> None:
    limit = BurialLimit(2, 60)
    for now in (0, 30, 60, 90, 120):  # never three within a minute
        limit.buried(now)
    with pytest.raises(TooManyBuried, match="more than 2 inputs were buried within 60 s"):
        limit.buried(121)
