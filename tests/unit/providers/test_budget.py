"""The retry budget: its rules by example, and a whole line of questions through it."""

import pytest

from streamguard.clock import FakeClock
from streamguard.config import RetryBudget
from streamguard.metrics import RETRY_BUDGET_EXHAUSTED
from streamguard.providers.budget import Budget, RetryBudgets, Stake
from tests.unit.providers.budget_line import DOWN, FLAKY, HANGING, HEALTHY, Line, always, between

WELL = always(HEALTHY)
SETTINGS = RetryBudget(share=0.2, window=10, per_second=0)


def answer(budget: Budget, questions: int) -> None:
    for _ in range(questions):
        stake = budget.open()
        assert stake.first()
        stake.end(live=True)


def fail(budget: Budget, questions: int) -> list[Stake]:
    """Questions whose first choice fails and whose next candidate answers."""
    stakes = [budget.open() for _ in range(questions)]
    assert all([stake.first() for stake in stakes])
    assert all([stake.fallback() for stake in stakes])
    for stake in stakes:
        stake.end(live=True)
    return stakes


def test_five_answers_allow_one_further_call() -> None:
    budget = Budget("p", SETTINGS, FakeClock())
    answer(budget, 4)
    assert not budget.open().retry()
    answer(budget, 1)
    assert budget.open().retry()
    assert not budget.open().retry()


def test_the_floor_and_the_share_do_not_add_up() -> None:
    budget = Budget("p", RetryBudget(share=0.2, window=10, per_second=0.5), FakeClock())
    assert budget.left == 5
    answer(budget, 25)
    assert budget.left == 5
    answer(budget, 25)
    assert budget.left == 10


def test_answers_and_further_calls_are_forgotten_after_the_window() -> None:
    clock = FakeClock()
    budget = Budget("p", SETTINGS, clock)
    answer(budget, 50)
    assert budget.open().retry()
    assert budget.left == 9
    clock.advance(10.6)
    assert budget.left == 0
    answer(budget, 5)
    assert budget.left == 1


def test_a_question_that_was_sent_to_its_first_choice_is_never_refused_one_fallback() -> None:
    budget = Budget("p", SETTINGS, FakeClock())
    out = [budget.open() for _ in range(20)]
    assert all([stake.first() for stake in out])
    assert all([stake.fallback() for stake in out])
    assert budget.left <= -20
    assert not any(stake.fallback() or stake.retry() for stake in out)
    assert not budget.open().fallback()


def test_questions_pass_by_a_first_choice_that_uses_the_budget_up() -> None:
    budget = Budget("p", SETTINGS, FakeClock())
    answer(budget, 40)
    fail(budget, 8)
    assert not budget.exhausted  # 8 of 48, no more than the share
    fail(budget, 3)
    assert budget.exhausted
    before = RETRY_BUDGET_EXHAUSTED.labels("p", "first")._value.get()  # pyright: ignore[reportPrivateUsage] - it has no reader
    assert not budget.open().first()
    assert RETRY_BUDGET_EXHAUSTED.labels("p", "first")._value.get() == before + 1  # pyright: ignore[reportPrivateUsage] - as above


def test_what_is_out_counts_before_it_fails() -> None:
    clock = FakeClock()
    budget = Budget("p", SETTINGS, clock)
    answer(budget, 50)
    clock.advance(9)
    fail(budget, 20)
    clock.advance(6)  # the good answers are forgotten: every question that is sent there fails
    passing = [budget.open() for _ in range(200)]
    assert not any([stake.first() for stake in passing])
    for stake in passing:
        stake.end(live=True)
    sent = [budget.open().first() for _ in range(100)].count(True)
    assert sent == pytest.approx(0.8 * 0.2 * 220 - 20, abs=1)


def test_others_that_fail_do_not_keep_questions_from_a_good_first_choice() -> None:
    budget = Budget("p", RetryBudget(share=0.2, window=10, per_second=0.5), FakeClock())
    while budget.open().retry():
        pass
    assert budget.left < 1
    assert not budget.exhausted


def test_a_bad_first_choice_is_tried_now_and_then() -> None:
    clock = FakeClock()
    budget = Budget("p", RetryBudget(share=0.2, window=10, per_second=0.5), clock)
    fail(budget, 30)
    tried = 0
    for _ in range(100):
        clock.advance(0.1)
        stake = budget.open()
        if stake.first():
            tried += 1
            assert stake.fallback()
        stake.end(live=False)
    assert 4 <= tried <= 6


def test_without_any_share_or_floor_a_bad_first_choice_is_still_found_again() -> None:
    clock = FakeClock()
    budget = Budget("p", RetryBudget(share=0, window=10, per_second=0), clock)
    fail(budget, 1)
    assert budget.exhausted
    clock.advance(10)
    assert not budget.exhausted


def test_the_first_end_counts_and_a_question_asks_for_its_first_choice_once() -> None:
    budget = Budget("p", SETTINGS, FakeClock())
    stake = budget.open()
    assert stake.first()
    assert stake.first()
    stake.end(live=False)
    stake.end(live=True)
    answer(budget, 9)
    assert budget.left == pytest.approx(1.8)
    assert not budget.open().end(live=False)
    assert budget.left == pytest.approx(1.8)


def test_each_provider_has_its_own() -> None:
    budgets = RetryBudgets(SETTINGS, FakeClock())
    assert budgets.of("a") is budgets.of("a")
    answer(budgets.of("a"), 10)
    assert budgets.of("b").left == 0


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("latency", [0.3, 1.0, 5.0])
def test_a_flagship_that_fails_three_in_ten_costs_at_most_a_fifth_more_calls(latency: float, retries: int) -> None:
    for minute in Line((always(FLAKY), WELL, WELL), latency=latency, retries=retries).run(180):
        assert minute.live == minute.questions
        assert minute.calls_a_question <= 1.2
        assert minute.first > 0.2 * minute.questions  # it is used all the same, as far as the budget goes


@pytest.mark.parametrize("latency", [0.3, 1.0, 5.0])
def test_a_flagship_that_is_down_costs_no_answer_and_has_its_questions_back_within_seconds(latency: float) -> None:
    line = Line((between(60, 120, DOWN), WELL, WELL), latency=latency, unit=60)
    before, during, after = line.run(180)
    assert before.calls_a_question == 1
    assert during.live == during.questions
    assert during.calls_a_question <= 1.2
    assert after.live == after.questions
    passed_by = [time for time, model in line.calls if time > 120 and model]
    assert not passed_by or max(passed_by) < 120 + 4 + 2 * latency


def test_a_flagship_that_hangs_costs_what_was_out_when_it_did_and_no_more() -> None:
    _, during, after = Line((between(60, 120, HANGING), WELL, WELL)).run(180)
    assert during.live == during.questions
    caught = 10 * 50  # until the first call's time is up nobody can know
    assert during.calls <= during.questions + caught + 0.2 * (during.questions - caught)
    assert after.calls_a_question < 1.05


def test_when_everything_is_down_calls_stay_bounded_and_all_comes_back() -> None:
    down = between(60, 120, DOWN)
    _, during, after = Line((down, down, down), retries=3).run(180)
    assert during.live == 0
    assert during.calls_a_question < 1.2
    assert after.live == after.questions


def test_a_flagship_that_comes_back_alone_is_found() -> None:
    down = always(DOWN)
    units = Line((between(60, 120, DOWN), down, down), unit=10).run(180)
    assert units[-3].live == units[-3].questions
    assert units[14].live == units[14].questions


def test_with_a_next_candidate_that_fails_now_and_then_nearly_all_are_answered() -> None:
    _, during, _ = Line((between(60, 120, DOWN), always((0.05, 0.3)), WELL)).run(180)
    assert during.live > 0.98 * during.questions
    assert during.calls_a_question <= 1.2


def test_the_line_without_a_budget_asks_far_more() -> None:
    """What the simulation would say if the budget did nothing."""
    free = RetryBudget(share=1000)
    _, during, _ = Line((between(60, 120, DOWN), WELL, WELL), settings=free, retries=1).run(180)
    assert during.calls_a_question == pytest.approx(3, abs=0.1)


def test_who_insists_is_counted_like_others_and_has_a_fallback() -> None:
    budget = Budget("p", SETTINGS, FakeClock())
    fail(budget, 4)
    stake = budget.open()
    assert not stake.first()
    stake.insist()
    assert not stake.retry()
    before = budget.left
    assert stake.fallback()
    assert not stake.fallback()
    assert budget.left == before - 1
    stake.end(live=True)
