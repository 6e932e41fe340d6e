"""The breaker of one model, by example: what opens it, what closes it, and what it does with the records of others."""

from streamguard.clock import FakeClock
from streamguard.config import Breaker as BreakerSettings
from streamguard.events.fleet import BreakerChange
from streamguard.providers.breaker import Breaker, Claimed, Permit

SETTINGS = BreakerSettings(
    failures=3,
    failure_rate=0.5,
    window=10,
    minimum_calls=8,
    slow=8,
    slow_rate=0.75,
    open_seconds=5,
    probes=2,
    claim_wait=0.5,
    probe_seconds=15,
)
FAST, SLOW = 0.1, 8.1


def change(state: str, version: int, *, worker: str = "other", left: float | None = None) -> BreakerChange:
    until = None if left is None else FakeClock().now_us() + round(left * 1e6)
    return BreakerChange.model_validate(
        {
            "provider": "p",
            "model": "m",
            "state": state,
            "version": version,
            "worker": worker,
            "until": until,
            "cause": "claim",
        }
    )


class Setting:
    """A breaker, alone unless it `shares`; then `said` is what it wrote."""

    def __init__(self, *, shares: bool = False) -> None:
        self.clock = FakeClock()
        self.said: list[BreakerChange] = []
        self.breaker = Breaker(SETTINGS, self.clock, "p", "m", worker="me", say=self.said.append if shares else None)

    def permit(self) -> Permit:
        permit = self.breaker.permit()
        assert isinstance(permit, Permit)
        return permit

    def call(self, *, good: bool, seconds: float = FAST) -> bool:
        permit = self.permit()
        return self.breaker.success(permit, seconds) if good else self.breaker.failure(permit, seconds)

    def opened(self) -> "Setting":
        assert [self.call(good=False) for _ in range(3)] == [False, False, True]
        return self

    def reads_own(self) -> "Setting":
        self.breaker.apply(self.said[-1])
        return self

    @property
    def last(self) -> tuple[str, int, str, float | None]:
        """State, version, cause and seconds left of what was said last."""
        said = self.said[-1]
        left = None if said.until is None else (said.until - self.clock.now_us()) / 1e6
        return said.state, said.version, said.cause, left


def test_failures_in_a_row_open_it() -> None:
    setting = Setting().opened()
    assert setting.breaker.state == "open"
    setting.clock.advance(4.99)
    assert setting.breaker.permit() is None


def test_a_success_between_failures_keeps_it_closed() -> None:
    setting = Setting()
    for _ in range(3):
        setting.call(good=False)
        setting.call(good=True)
    assert setting.breaker.state == "closed"


def test_the_failure_rate_opens_it_once_there_are_enough_calls() -> None:
    setting = Setting()
    for good in (True, False, True, False, True, False, True):
        setting.call(good=good)
    assert setting.breaker.state == "closed"
    assert setting.call(good=False)
    assert setting.breaker.state == "open"


def test_calls_before_the_window_count_no_more() -> None:
    setting = Setting()
    for good in (True, False, True, False, True, False, True):
        setting.call(good=good)
    setting.clock.advance(11)
    assert not setting.call(good=False)


def test_slow_successes_open_it_by_their_share_and_never_count_as_failures() -> None:
    setting = Setting()
    for seconds in (FAST, FAST, SLOW, SLOW, SLOW, SLOW, SLOW):
        assert not setting.call(good=True, seconds=seconds)
    assert setting.call(good=True, seconds=SLOW)
    assert setting.breaker.state == "open"


def test_a_slow_failure_is_slow_too() -> None:
    setting = Setting()
    for good in (True, True, True, True, True, True, False):
        assert not setting.call(good=good, seconds=SLOW)
    assert setting.call(good=False, seconds=SLOW)


def test_half_open_lets_one_call_through_at_a_time_and_closes_after_enough() -> None:
    setting = Setting().opened()
    setting.clock.advance(5)
    first = setting.permit()
    assert setting.breaker.permit() is None
    assert not setting.breaker.success(first, FAST)
    assert setting.breaker.state == "half_open"
    setting.call(good=True)
    assert setting.breaker.state == "closed"


def test_a_failed_probe_opens_it_again_for_the_whole_time() -> None:
    setting = Setting().opened()
    setting.clock.advance(5)
    assert setting.call(good=False)
    setting.clock.advance(4.9)
    assert setting.breaker.permit() is None
    setting.clock.advance(0.1)
    setting.permit()


def test_probes_that_are_slow_open_it_again() -> None:
    setting = Setting().opened()
    setting.clock.advance(5)
    assert not setting.call(good=True, seconds=SLOW)
    assert setting.call(good=True, seconds=SLOW)
    assert setting.breaker.state == "open"


def test_a_probe_that_says_nothing_leaves_its_place_to_the_next() -> None:
    setting = Setting().opened()
    setting.clock.advance(5)
    setting.breaker.release(setting.permit())
    setting.permit()


def test_late_news_of_an_older_state_changes_nothing() -> None:
    setting = Setting()
    late_success, late_failure = setting.permit(), setting.permit()
    setting.opened()
    setting.clock.advance(5)
    setting.permit()
    setting.breaker.success(late_success, FAST)
    assert not setting.breaker.failure(late_failure, FAST)
    setting.breaker.release(late_failure)
    assert setting.breaker.permit() is None  # the probe is still the only one
    assert setting.breaker.state == "half_open"


def test_what_it_does_is_told_with_versions_causes_and_ends() -> None:
    setting = Setting(shares=True).opened()
    assert setting.last == ("open", 1, "in_a_row", 5.0)
    setting.reads_own()
    setting.clock.advance(5)
    assert isinstance(setting.breaker.permit(), Claimed)
    assert setting.last == ("half_open", 2, "claim", 15.0)
    setting.reads_own()
    setting.clock.advance(10)
    setting.call(good=True)
    assert setting.last == ("half_open", 3, "claim", 15.0)  # a slow provider's probes must not outlive the claim
    setting.reads_own().clock.advance(10)
    setting.call(good=True)
    assert setting.last == ("closed", 4, "probes_passed", None)
    assert len(setting.said) == 4


def test_a_claim_counts_once_it_is_read_back_and_not_before() -> None:
    setting = Setting(shares=True).opened().reads_own()
    setting.clock.advance(5)
    assert setting.breaker.permit() == Claimed(5.5)
    assert setting.breaker.permit() == Claimed(5.5)
    assert len(setting.said) == 2  # all wait for one claim
    setting.reads_own()
    setting.permit()
    assert setting.breaker.permit() is None


def test_who_claims_later_waits_for_the_first() -> None:
    setting = Setting(shares=True).opened().reads_own()
    setting.clock.advance(5)
    setting.breaker.permit()
    setting.breaker.apply(change("half_open", 2, left=20))
    setting.reads_own()
    assert setting.breaker.permit() is None
    setting.breaker.share(setting.said.append)
    assert len(setting.said) == 2  # what was overtaken is told no more
    setting.clock.advance(14.9)
    assert setting.breaker.permit() is None
    setting.clock.advance(0.1)  # the claimer died
    assert isinstance(setting.breaker.permit(), Claimed)
    assert setting.last == ("half_open", 3, "claim", 15.0)


def test_a_claim_that_is_late_is_waited_for_no_more_and_used_when_it_comes() -> None:
    setting = Setting(shares=True).opened().reads_own()
    setting.clock.advance(5)
    setting.breaker.permit()
    setting.clock.advance(0.5)
    assert setting.breaker.permit() is None
    setting.clock.advance(3)
    setting.reads_own()
    setting.permit()


def test_a_log_that_stays_silent_is_given_up() -> None:
    setting = Setting(shares=True).opened()
    setting.clock.advance(5)
    setting.breaker.permit()
    setting.clock.advance(14.9)
    assert setting.breaker.permit() is None
    setting.clock.advance(0.1)
    setting.permit()


def test_another_ones_open_is_followed_until_its_end() -> None:
    setting = Setting(shares=True)
    before = setting.permit()
    setting.breaker.apply(change("open", 7, left=3))
    assert setting.breaker.permit() is None
    assert not setting.breaker.failure(before, FAST)
    setting.clock.advance(3)
    assert isinstance(setting.breaker.permit(), Claimed)
    assert setting.last[:2] == ("half_open", 8)


def test_of_two_that_open_at_once_the_first_in_the_log_holds() -> None:
    setting = Setting(shares=True).opened()
    setting.breaker.apply(change("open", 1, left=2))
    setting.reads_own()
    setting.clock.advance(2)
    assert isinstance(setting.breaker.permit(), Claimed)


def test_an_end_long_ago_and_an_end_far_ahead_are_both_bounded() -> None:
    setting = Setting(shares=True)
    setting.breaker.apply(change("open", 1, left=-1e6))
    assert isinstance(setting.breaker.permit(), Claimed)
    for version, state, longest in ((2, "open", 5.0), (3, "half_open", 15.0)):
        for left in (1e9, None):
            setting = Setting(shares=True)
            setting.breaker.apply(change(state, version, left=left))
            setting.clock.advance(longest - 0.01)
            assert setting.breaker.permit() is None
            setting.clock.advance(0.02)
            assert isinstance(setting.breaker.permit(), Claimed)


def test_who_was_alone_tells_once_there_is_a_log_and_on_top_of_it() -> None:
    setting = Setting().opened()
    setting.breaker.apply(change("half_open", 4, worker="me-before", left=-1))
    assert setting.breaker.state == "half_open"  # of a log that is read before it is written, the log counts
    setting = Setting().opened()
    setting.breaker.share(setting.said.append)
    assert setting.last[:2] == ("open", 1)
    setting.clock.advance(5)
    setting.breaker.permit()
    setting.breaker.apply(setting.said[0])
    assert [(one.state, one.version) for one in setting.said] == [("open", 1), ("half_open", 1), ("half_open", 2)]
    setting.breaker.apply(setting.said[1])
    assert isinstance(setting.breaker.permit(), Claimed)
    setting.reads_own()
    setting.permit()


def test_without_the_log_a_claim_counts_at_once() -> None:
    setting = Setting(shares=True).opened().reads_own()
    setting.clock.advance(5)
    assert isinstance(setting.breaker.permit(), Claimed)
    setting.breaker.share(None)
    setting.permit()
    assert setting.breaker.permit() is None


def test_what_holds_is_repeated_once_behind_a_void_record_by_who_wrote_it() -> None:
    setting = Setting(shares=True).opened().reads_own()
    setting.breaker.apply(setting.said[0])
    assert len(setting.said) == 1
    setting.breaker.apply(change("open", 1, left=1))
    setting.breaker.apply(change("open", 1, worker="third", left=1))
    assert setting.said == [setting.said[0]] * 2
    setting.breaker.apply(change("half_open", 2, left=10))
    setting.breaker.apply(change("open", 1, worker="third", left=1))
    assert len(setting.said) == 2
