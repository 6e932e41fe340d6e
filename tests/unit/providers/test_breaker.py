"""The breaker: by example, and as a state machine against a plain model."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamguard.config import Breaker as BreakerSettings
from streamguard.providers.breaker import Breaker, Breakers, Permit

SETTINGS = BreakerSettings(failures=3, failure_rate=0.5, window=10, minimum_calls=8, open_seconds=5, probes=2)


def call(breaker: Breaker, now: float, *, good: bool) -> bool:
    permit = breaker.permit(now)
    assert permit is not None
    if good:
        breaker.success(permit, now)
        return False
    return breaker.failure(permit, now)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    assert [call(breaker, now, good=False) for _ in range(3)] == [False, False, True]
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert breaker.state(0) == "open"
    assert breaker.permit(4.99) is None


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        call(breaker, 0, good=False)
        call(breaker, 0, good=True)
    assert breaker.state(0) == "closed"


def test_the_failure_rate_opens_it_once_there_are_enough_calls() -> None:
    breaker = Breaker(SETTINGS)
    for good in (True, False, True, False, True, False, True):
        call(breaker, 0, good=good)
    assert breaker.state(0) == "closed"
    assert call(breaker, 0, good=False)
    assert breaker.state(0) == "open"


def test_calls_before_the_window_count_no_more() -> None:
    breaker = Breaker(SETTINGS)
    for good in (True, False, True, False, True, False, True):
        call(breaker, 0, good=good)
    assert not call(breaker, 11, good=False)


def test_half_open_lets_one_call_through_at_a_time_and_closes_after_enough() -> None:
    breaker = opened()
    first = breaker.permit(5)
    assert first is not None
    assert breaker.permit(5) is None
    breaker.success(first, 5)
    assert breaker.state(5) == "half_open"
    call(breaker, 6, good=True)
    assert breaker.state(6) == "closed"


def test_a_failed_probe_opens_it_again_for_the_whole_time() -> None:
    breaker = opened()
    assert call(breaker, 5, good=False)
    assert breaker.permit(9.9) is None
    assert breaker.permit(10) is not None


def test_a_probe_that_says_nothing_leaves_its_place_to_the_next() -> None:
    breaker = opened()
    permit = breaker.permit(5)
    assert permit is not None
    breaker.release(permit)
    assert breaker.permit(5) is not None


def test_late_news_of_an_older_state_changes_nothing() -> None:
    breaker = Breaker(SETTINGS)
    late_success, late_failure = breaker.permit(0), breaker.permit(0)
    assert late_success is not None
    assert late_failure is not None
    for _ in range(3):
        call(breaker, 0, good=False)
    probe = breaker.permit(5)
    assert probe is not None
    breaker.success(late_success, 5)
    assert not breaker.failure(late_failure, 5)
    breaker.release(late_failure)
    assert breaker.permit(5) is None  # the probe is still the only one
    assert breaker.state(5) == "half_open"


def test_each_model_has_its_own() -> None:
    breakers = Breakers(SETTINGS)
    for _ in range(3):
        call(breakers.of("a", "m"), 0, good=False)
    assert breakers.of("a", "m") is breakers.of("a", "m")
    assert breakers.of("a", "n").state(0) == "closed"
    assert breakers.states(0) == {("a", "m"): "open", ("a", "n"): "closed"}


class BreakerMachine(RuleBasedStateMachine):
    """Any order of calls, ends and waits, beside a model that keeps only what the rules speak of."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(SETTINGS)
        self.now = 0.0
        self.out: list[tuple[Permit, str]] = []
        self.opened_at: float | None = None
        self.in_a_row = 0

    @rule()
    def ask(self) -> None:
        before = self.breaker.state(self.now)
        permit = self.breaker.permit(self.now)
        if before == "open":
            assert permit is None
        if before == "closed":
            assert permit is not None
        if permit is not None:
            self.out.append((permit, before))

    @precondition(lambda self: bool(self.out))
    @rule(data=st.data(), ending=st.sampled_from(["success", "failure", "release"]))
    def end(self, data: st.DataObject, ending: str) -> None:
        permit, _ = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state(self.now)
        if ending == "success":
            self.breaker.success(permit, self.now)
            assert self.breaker.state(self.now) != "open" or before == "open"
        elif ending == "release":
            self.breaker.release(permit)
            assert self.breaker.state(self.now) == before
        elif self.breaker.failure(permit, self.now):
            assert before != "open"
            assert self.breaker.state(self.now) == "open"
            self.opened_at = self.now
        else:
            assert self.breaker.state(self.now) == before

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.9, 5.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def open_lasts_exactly_its_time(self) -> None:
        state = self.breaker.state(self.now)
        if state == "open":
            assert self.opened_at is not None
            assert self.now < self.opened_at + SETTINGS.open_seconds

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        if self.breaker.state(self.now) == "half_open":
            current = max((permit.era for permit, _ in self.out), default=0)
            probes = [permit for permit, state in self.out if state == "half_open" and permit.era == current]
            assert len(probes) <= 1


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
