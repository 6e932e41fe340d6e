"""The schedule of a run and the report about it, without any process."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tests.chaos.report import AFTERMATH_MS, Ended, Report, Struck
from tests.chaos.schedule import QUIET, schedule

KINDS = {
    "worker killed": "worker",
    "worker frozen": "worker",
    "worker joins": "worker",
    "broker killed": "brokers",
    "leaders moved": "brokers",
    "store killed": "store",
    "disk full": "store",
    "provider down": "simulator",
}


def test_the_same_seed_gives_the_same_strikes_and_another_one_others() -> None:
    assert schedule(1, 600, KINDS) == schedule(1, 600, KINDS)
    assert schedule(1, 600, KINDS) != schedule(2, 600, KINDS)


def test_nothing_strikes_in_the_first_seconds_nor_in_the_last() -> None:
    for seed in range(20):
        times = [strike.at for strike in schedule(seed, 600, KINDS, tail=60)]
        assert times == sorted(times)
        assert min(times) >= QUIET
        assert max(times) <= 540 + 22  # the partner of the last one


def test_no_kind_comes_a_second_time_before_all_have_come_once() -> None:
    for seed in range(20):
        kinds = [strike.kind for strike in schedule(seed, 600, KINDS)]
        assert set(kinds[: len(KINDS) + 1]) == set(KINDS)


def test_a_few_short_runs_see_every_kind() -> None:
    seen = Counter(strike.kind for seed in range(1, 5) for strike in schedule(seed, 60, KINDS, tail=10, every=15))
    assert set(seen) == set(KINDS)


def test_two_faults_of_one_thing_never_strike_together() -> None:
    mixed = 0
    for seed in range(50):
        strikes = schedule(seed, 600, KINDS)
        for before, after in pairwise(strikes):
            if after.at - before.at < 3.0:
                mixed += 1
                assert KINDS[before.kind] != KINDS[after.kind]
    assert mixed > 100


def test_the_silence_of_a_fault_is_the_longest_gap_of_a_partition_around_it() -> None:
    ended = [Ended(0, at, 20) for at in range(0, 60_000, 500)]
    ended += [Ended(1, at, 20) for at in range(0, 60_000, 500) if not 20_000 < at < 27_000] + [Ended(1, 27_100, 6_900)]
    report = _report(ended, [Struck("freeze", "a", 20_100, 26_000, 5.0, "session")])

    silence = report.silences()["freeze"]

    assert (silence.times, silence.longest, silence.waited, silence.floor) == (1, 7.0, 6.9, 5.0)


def test_a_silence_counts_for_a_fault_that_struck_alone_where_there_is_one() -> None:
    ended = [Ended(0, at, 20) for at in range(0, 200_000, 500) if not 20_000 < at < 27_000]
    alone = Struck("store killed", "store", 100_000, 101_000, 0.0, "")
    mixed = Struck("store killed", "store", 20_200, 21_000, 0.0, "")
    freeze = Struck("freeze", "a", 20_000, 26_000, 5.0, "session")
    assert _report(ended, [freeze, mixed]).silences()["store killed"].longest == 7.0
    assert _report(ended, [freeze, mixed, alone]).silences()["store killed"].longest == 0.5
    assert 26_000 + AFTERMATH_MS < 100_000


def test_whatever_is_wrong_fails_the_run() -> None:
    clean = _report([], [])
    assert clean.ok
    assert not replace(clean, findings={"lost": ["one"]}).ok
    assert not replace(clean, drained=["guard: 0 at 3 of 4"]).ok
    assert not replace(clean, given_up=["worker"]).ok
    assert not replace(clean, left_running=[17]).ok
    assert not replace(clean, struck=[Struck("freeze", "a", 0, 1, 0.0, "", "TimeoutError")]).ok


def _report(ended: Sequence[Ended], struck: Sequence[Struck]) -> Report:
    return Report(seed=1, seconds=60.0, nodes=1, requests=0, ended=ended, struck=struck, drained=[], findings={})
