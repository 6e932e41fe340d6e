"""The line of state: what it says, and how requests under way are counted from what the broker knows."""

import os

from hypothesis import given
from hypothesis import strategies as st

from streamguard.cli.dev.looking import memory_of
from streamguard.cli.dev.state import Ended, State
from streamguard.stream.flow import FLOW
from streamguard.stream.standing import UnderWay

STAGES = [name for name in FLOW if name != "settle"]


def test_a_line_says_what_ended_how_fast_and_what_waits() -> None:
    ended = Ended({"answered": 1_200, "failed": 3}, p50_us=63_600, p99_us=1_802_000, cost_nusd=12_300_000)
    state = State(ended, under_way=2, unstored=5, dead_letters=1, restarts=1, memory=812_400_000)
    assert state.words() == (
        "ended 1,203 (1,200 answered, 0 refused, 3 failed) · p50 64 ms, p99 1,802 ms · $0.0123 · "
        "under way 2, to be stored 5 · dead letters 1 · restarts 1 · memory 812 MB"
    )


def test_what_is_not_known_is_not_invented() -> None:
    state = State(None, under_way=None, unstored=None, dead_letters=None, restarts=0, memory=None)
    assert state.words() == "the store does not answer · the broker does not answer · restarts 0"
    idle = State(Ended(), under_way=0, unstored=0, dead_letters=0, restarts=0, memory=None)
    assert idle.words() == "ended 0 (0 answered, 0 refused) · under way 0 · dead letters 0 · restarts 0"


def waiting(**lags: int) -> dict[str, int]:
    return {name: lags.get(name, 0) for name in STAGES}


def test_a_request_counts_once_though_each_stage_has_yet_to_commit_it() -> None:
    late = dict.fromkeys(STAGES, 13)
    assert UnderWay().count(late, come=13, admitted=13, ended=4) == 9
    assert UnderWay().count(late, come=13, admitted=13, ended=13) == 0
    assert UnderWay().count(waiting(admit=13), come=13, admitted=0, ended=0) == 13


def test_repeats_letters_and_replays_count_for_nothing_once_all_was_still() -> None:
    under_way = UnderWay()
    assert under_way.count(waiting(), come=20, admitted=15, ended=18) == 0
    assert under_way.count(waiting(admit=2, invoke=1), come=22, admitted=16, ended=18) == 2


@given(st.lists(st.tuples(*[st.integers(0, 50)] * (len(STAGES) + 3)), max_size=20))
def test_it_is_never_less_than_nothing_nor_more_than_what_stages_have_left(looks: list[tuple[int, ...]]) -> None:
    under_way = UnderWay()
    for come, admitted, ended, *lags in looks:
        found = under_way.count(dict(zip(STAGES, lags, strict=True)), come, admitted, ended)
        assert 0 <= found <= sum(lags)


def test_memory_is_that_of_the_processes_that_run() -> None:
    own = memory_of([os.getpid()])
    assert own is None or 10_000_000 < own < 10_000_000_000
    assert memory_of([os.getpid(), 2**22 + 1]) in (None, memory_of([os.getpid()]))
