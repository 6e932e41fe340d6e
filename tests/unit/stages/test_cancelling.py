"""What a worker remembers of cancellations, by example and as a state machine against a plain model."""

import asyncio
from contextlib import AbstractContextManager

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamguard.clock import FakeClock
from streamguard.stages.cancelling import Cancellations

KEEP, MOST = 60.0, 5


def test_what_is_watched_is_stopped() -> None:
    cancellations = Cancellations(FakeClock())
    with cancellations.watch("acme", "r1") as stop, cancellations.watch("acme", "r2") as other:
        assert not stop.is_set()
        cancellations.tell("acme", "r1")
        assert stop.is_set()
        assert not other.is_set()


def test_what_was_told_before_is_stopped_when_it_comes() -> None:
    cancellations = Cancellations(FakeClock())
    cancellations.tell("acme", "r1")
    with cancellations.watch("acme", "r1") as stop:
        assert stop.is_set()


def test_another_tenants_request_of_the_same_name_goes_on() -> None:
    cancellations = Cancellations(FakeClock())
    cancellations.tell("acme", "r1")
    with cancellations.watch("globex", "r1") as stop:
        assert not stop.is_set()


def test_all_that_watch_one_request_are_stopped() -> None:
    cancellations = Cancellations(FakeClock())
    with cancellations.watch("acme", "r1") as first, cancellations.watch("acme", "r1") as second:
        cancellations.tell("acme", "r1")
        assert (first.is_set(), second.is_set()) == (True, True)
    assert cancellations.watched == 0


def test_an_hour_later_it_is_forgotten() -> None:
    clock = FakeClock()
    cancellations = Cancellations(clock)
    cancellations.tell("acme", "r1")
    clock.advance(3599)
    cancellations.tell("acme", "r1")  # read again after an interruption: that does not make it younger
    with cancellations.watch("acme", "r1") as stop:
        assert stop.is_set()
    clock.advance(2)
    with cancellations.watch("acme", "r1") as stop:
        assert not stop.is_set()
    assert cancellations.remembered == 0


class Machine(RuleBasedStateMachine):
    """Names are told, watched and left in any order; the model keeps lists and looks through all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.real = Cancellations(self.clock, keep=KEEP, most=MOST)
        self.told: list[tuple[str, float]] = []
        self.open: list[tuple[str, AbstractContextManager[asyncio.Event], asyncio.Event, bool]] = []

    def known(self) -> list[str]:
        now = self.clock.monotonic()
        self.told = [(name, at) for name, at in self.told if now - at < KEEP]
        return [name for name, _ in self.told]

    @rule(name=st.sampled_from("abcdefgh"))
    def tell(self, name: str) -> None:
        if name not in self.known():
            self.told = [*self.told, (name, self.clock.monotonic())][-MOST:]
        self.open = [(one, gate, stop, due or one == name) for one, gate, stop, due in self.open]
        self.real.tell("t", name)

    @rule(name=st.sampled_from("abcdefgh"))
    def watch(self, name: str) -> None:
        gate = self.real.watch("t", name)
        self.open.append((name, gate, gate.__enter__(), name in self.known()))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        _, gate, _, _ = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        gate.__exit__(None, None, None)

    @rule(seconds=st.floats(0, KEEP))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def exactly_those_that_were_told_are_stopped(self) -> None:
        assert [stop.is_set() for _, _, stop, _ in self.open] == [due for _, _, _, due in self.open]
        assert self.real.watched == len({name for name, _, _, _ in self.open})

    @invariant()
    def no_more_is_kept_than_may_be(self) -> None:
        assert self.real.remembered <= MOST


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
