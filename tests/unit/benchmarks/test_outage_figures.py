"""What a run through an outage comes to, of questions made up by hand."""

import pytest

from benchmarks.outage_figures import By, Made, Schedule, Seen, figures, noticed, percentile, recovered, worst_minute

RUN = Schedule(90.0)  # down from 10 to 40, flaky from 50 to 80


def seen(due: float, by: By = "flagship", *calls: Made, took: float = 0.05) -> Seen:
    return Seen(due, took, by, calls or (Made(due, by == "flagship"),))


def through_an_outage() -> list[Seen]:
    """Ten questions a second; the flagship is called in vain for a second, and comes back two seconds late."""
    line: list[Seen] = []
    for tenth in range(900):
        due = tenth / 10
        if 10 <= due < 11:
            line.append(seen(due, "other_vendor", Made(due, True, "server_error"), Made(due + 0.1, False)))
        else:
            line.append(seen(due, "other_vendor" if 11 <= due < 42 else "flagship"))
    return line


def test_sections_are_thirds_and_the_healthy_one_is_cut_in_three() -> None:
    found = figures(through_an_outage(), RUN, rate=10, capacity=None)
    assert {name: part.questions for name, part in found.parts.items()} == {"healthy": 300, "down": 300, "flaky": 300}
    assert RUN.minute == 30
    assert Schedule(600).minute == 60


def test_times_to_notice_and_to_recover() -> None:
    found = figures(through_an_outage(), RUN, rate=10, capacity=None)
    assert found.noticed == 1.0
    assert found.recovered == pytest.approx(2.0, abs=0.11)
    assert found.settled == 0.0
    assert found.wasted == 10


def test_a_fleet_that_goes_on_asking_has_not_noticed_and_one_that_stays_away_has_not_recovered() -> None:
    asking = [seen(tenth / 10) for tenth in range(900)]
    assert noticed(asking, 10, 40) is None
    away = [seen(tenth / 10, "other_vendor") for tenth in range(900)]
    assert noticed(away, 10, 40) == 0.0
    assert recovered(away, 40, 50) is None


def test_the_worst_minute_counts_calls_when_they_begin_and_questions_when_they_are_due() -> None:
    line = [seen(second, "flagship") for second in range(60)]
    assert worst_minute(line, 10, 60) == 1.0
    line[30] = seen(30, "flagship", *(Made(30.0 + each, True, "server_error") for each in range(6)))
    assert worst_minute(line, 10, 60) == 1.5
    late = [seen(0, "flagship", Made(55.0, True)), *line[1:30]]
    assert worst_minute(late, 60, 60) == 1.0


def test_shares_and_the_bound_that_capacity_sets() -> None:
    found = figures(through_an_outage(), RUN, rate=10, capacity=4)
    assert (found.all.live, found.parts["down"].bound) == (1.0, 0.4)
    assert found.all.bound == pytest.approx(0.8)
    assert found.parts["down"].answered == {"other_vendor": 1.0}
    assert found.parts["down"].calls == pytest.approx(310 / 300)
    line = [seen(0.0, "static"), seen(1.0, "none"), seen(2.0, "economy"), seen(3.0, "flagship")]
    assert figures(line, RUN, rate=1, capacity=None).all.live == 0.5


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([], 0.5) == 0.0
