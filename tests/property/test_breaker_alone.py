"""The breaker of one worker without a log, in any order of calls, ends and waits, beside a model that keeps all it was told."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamguard.clock import FakeClock
from streamguard.config import Breaker as BreakerSettings
from streamguard.providers.breaker import Breaker, Permit, State

SETTINGS = BreakerSettings(
    failures=4,
    failure_rate=0.5,
    window=10,
    minimum_calls=6,
    slow=8,
    slow_rate=0.7,
    open_seconds=5,
    probes=2,
    probe_seconds=15,
)


@dataclass
class Ended:
    part: int
    failed: bool
    slow: bool


class Model:
    """What the settings say in words, over lists."""

    def __init__(self) -> None:
        self.state: State = "closed"
        self.until = 0.0
        self.ended: list[Ended] = []
        self.generation = 0

    def become(self, state: State, until: float = 0.0) -> None:
        self.state, self.until, self.ended = state, until, []
        self.generation += 1

    def end(self, now: float, failed: bool, slow: bool) -> bool:
        """Whether this opens it."""
        self.ended.append(Ended(int(now), failed, slow))
        if self.state == "half_open":
            return self._end_probe(now)
        recent = [one for one in self.ended if one.part > int(now) - 10]
        failures, slows = sum(one.failed for one in recent), sum(one.slow for one in recent)
        enough = len(recent) >= SETTINGS.minimum_calls
        row = next((n for n, one in enumerate(reversed(self.ended)) if not one.failed), len(self.ended))
        before = len(recent) - row
        chance = before >= SETTINGS.minimum_calls and ((failures - row) / before) ** row > 1.1e-5
        opens = (
            (row >= SETTINGS.failures and not chance)
            or (failed and enough and failures / len(recent) >= SETTINGS.failure_rate)
            or (slow and enough and slows / len(recent) >= SETTINGS.slow_rate)
        )
        if opens:
            self.become("open", now + SETTINGS.open_seconds)
        return opens

    def _end_probe(self, now: float) -> bool:
        slows = sum(one.slow for one in self.ended)
        done = len(self.ended) == SETTINGS.probes
        if self.ended[-1].failed or (done and slows / SETTINGS.probes >= SETTINGS.slow_rate):
            self.become("open", now + SETTINGS.open_seconds)
            return True
        if done:
            self.become("closed")
        else:
            self.until = now + SETTINGS.probe_seconds
        return False


class AloneMachine(RuleBasedStateMachine):
    """`out` are the calls under way, with the model's generation when they began."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = Breaker(SETTINGS, self.clock)
        self.model = Model()
        self.out: list[tuple[Permit, int]] = []

    @rule()
    def ask(self) -> None:
        now, model = self.clock.monotonic(), self.model
        if model.state != "closed" and now >= model.until:
            model.become("half_open", now + SETTINGS.probe_seconds)
        probing = any(generation == model.generation for _, generation in self.out)
        allowed = model.state == "closed" or (model.state == "half_open" and not probing)
        permit = self.breaker.permit()
        assert isinstance(permit, Permit) == allowed
        if isinstance(permit, Permit):
            self.out.append((permit, model.generation))

    @precondition(lambda self: bool(self.out))
    @rule(data=st.data(), ending=st.sampled_from(["success", "failure", "release"]), slow=st.booleans())
    def end(self, data: st.DataObject, ending: str, slow: bool) -> None:
        self.end_one(data.draw(st.integers(0, len(self.out) - 1)), ending, slow)

    def end_one(self, number: int, ending: str, slow: bool) -> None:
        permit, generation = self.out.pop(number)
        seconds = 8.1 if slow else 8.0
        now, news = self.clock.monotonic(), generation == self.model.generation
        if ending == "release":
            self.breaker.release(permit)
        elif ending == "success":
            assert self.breaker.success(permit, seconds) == (news and self.model.end(now, False, slow))
        else:
            assert self.breaker.failure(permit, seconds) == (news and self.model.end(now, True, slow))

    @rule(times=st.integers(1, 6), kinds=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=3))
    def calls_one_after_another(self, times: int, kinds: list[tuple[bool, bool]]) -> None:
        for failed, slow in kinds * times:
            before = len(self.out)
            self.ask()
            if len(self.out) > before:
                self.end_one(before, "failure" if failed else "success", slow)

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.9, 5.0, 11.0, 15.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def they_agree(self) -> None:
        assert self.breaker.state == self.model.state


TestAlone = AloneMachine.TestCase
TestAlone.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
