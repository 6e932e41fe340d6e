"""The retry budget as a state machine, beside a log of everything that happened."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from streamguard.clock import FakeClock
from streamguard.config import RetryBudget
from streamguard.providers.budget import Budget, Stake

SETTINGS = RetryBudget(share=0.3, window=10, per_second=0.25)
FLOOR = 2.5


@given(st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_no_window_allows_more_than_its_share(seed: int) -> None:
    """A minute with something in every part of the window, asked for all that can be had."""
    rng, clock = Random(seed), FakeClock()
    budget = Budget("p", RetryBudget(share=0.3, window=10, per_second=0), clock)
    answers: list[float] = []
    taken: list[float] = []
    for _ in range(1200):
        clock.advance(rng.uniform(0, 0.1))
        now = clock.monotonic()
        if rng.random() < (0.9 if int(now / 7) % 2 else 0.1):
            budget.open().end(live=True)
            answers.append(now)
        while budget.open().retry():
            taken.append(now)
            within = [sum(now - 10 < time for time in times) for times in (taken, answers)]
            assert within[0] <= 0.3 * within[1] + 1e-9
    assert len(taken) > 0.2 * len(answers)


class BudgetMachine(RuleBasedStateMachine):
    """Questions in any order of events, over any time. Times are quarters of a second, so that the edges of windows are met."""

    open = Bundle("open")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.budget = Budget("p", SETTINGS, self.clock)
        self.answers: list[float] = []
        self.taken: list[float] = []
        self.owing: set[Stake] = set()
        self.asked: dict[Stake, float] = {}

    @rule(target=open, number=st.integers(1, 8))
    def come(self, number: int) -> object:
        return multiple(*(self.budget.open() for _ in range(number)))

    @rule(stake=open)
    def ask_first(self, stake: Stake) -> None:
        free = not self.budget.exhausted
        known = stake in self.asked
        assert stake.first() == (known or free)
        if free and not known:
            self.asked[stake] = self.clock.monotonic()
            self.owing.add(stake)

    @rule(stake=open)
    def again(self, stake: Stake) -> None:
        self.may_be_charged(stake.retry())

    @rule(stake=open)
    def next(self, stake: Stake) -> None:
        leave = stake.fallback()
        if stake in self.owing:
            assert leave
            self.owing.discard(stake)
            self.taken.append(self.clock.monotonic())
        else:
            self.may_be_charged(leave)

    @rule(stake=consumes(open), live=st.booleans())
    def end(self, stake: Stake, live: bool) -> None:
        stake.end(live=live)
        stake.end(live=True)
        self.owing.discard(stake)
        if live:
            self.answers.append(self.clock.monotonic())

    @rule(quarters=st.sampled_from([1, 2, 7, 20, 39, 40, 41, 42, 200]))
    def wait(self, quarters: int) -> None:
        self.clock.advance(quarters / 4)

    def may_be_charged(self, leave: bool) -> None:
        """What was not owed keeps within the window's allowance, all that was owed included."""
        if leave:
            self.taken.append(self.clock.monotonic())
            taken, answered = self.window(self.taken), self.window(self.answers)
            assert taken <= max(FLOOR, SETTINGS.share * answered) + 1e-9

    def window(self, times: list[float]) -> int:
        start = self.clock.monotonic() - SETTINGS.window
        return sum(time > start for time in times)

    @invariant()
    def a_quiet_budget_is_never_stuck(self) -> None:
        last = max([*self.taken, *self.asked.values()], default=0.0)
        if self.clock.monotonic() > last + SETTINGS.window + 1:
            assert not self.budget.exhausted
            assert self.budget.left <= max(FLOOR, SETTINGS.share * self.window(self.answers)) + 1e-9

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.budget._parts) <= 21  # pyright: ignore[reportPrivateUsage] - memory has no other face


TestBudgetMachine = BudgetMachine.TestCase
TestBudgetMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
