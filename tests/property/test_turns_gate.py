"""The gate as a state machine: whatever comes in whatever order, places are neither lost nor given twice, and nobody starves."""

from math import ceil

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamguard.config import BatchLane, Concurrency
from streamguard.providers.concurrency import Limit
from streamguard.providers.contract import RateLimit
from streamguard.providers.turns_gate import Gate, Ticket

MOST = 6
BATCH = BatchLane(share=0.25, max_share=0.5)
TURNS_UNTIL_BATCH = ceil(1 / BATCH.share)
TURNS_UNTIL_USUAL = ceil(1 / (1 - BATCH.share))


class GateMachine(RuleBasedStateMachine):
    """`overtaken` counts, for who stands first in a lane, the turns that the other lane had while he could have had them."""

    rates = False

    def __init__(self) -> None:
        super().__init__()
        self.limit = Limit(Concurrency(), MOST)
        self.gate = Gate(self.limit, BATCH)
        self.now = 0.0
        self.paused_until = 0.0
        self.waiting: tuple[list[Ticket], list[Ticket]] = [], []
        self.inside: list[Ticket] = []
        self.overtaken = [0, 0]

    def entered(self, ticket: Ticket, *, waited: bool) -> None:
        """Called in the moment of entering."""
        assert self.now >= self.paused_until
        assert len(self.inside) < self.limit.calls
        lane, other = self.waiting[ticket.batch], self.waiting[not ticket.batch]
        batch_inside = sum(each.batch for each in self.inside)
        most = max(1, int(BATCH.max_share * self.limit.calls))
        if ticket.batch:
            assert batch_inside < most
        if waited:
            assert lane[0] is ticket
            lane.pop(0)
        else:
            assert not lane
        self.overtaken[ticket.batch] = 0
        if other and (ticket.batch or batch_inside < most):
            self.overtaken[not ticket.batch] += 1
        elif not other:
            self.overtaken[not ticket.batch] = 0
        self.inside.append(ticket)

    @rule(batch=st.booleans(), tokens=st.integers(0, 60), patience=st.sampled_from([0.0, 1.0, 5.0, 1000.0]))
    def come(self, batch: bool, tokens: int, patience: float) -> None:
        ticket = Ticket(batch=batch, tokens=tokens, until=self.now + patience)

        def decided() -> None:
            if ticket.state == "inside":
                self.entered(ticket, waited=True)
            else:
                assert ticket.state == "refused"
                self.forget(ticket)

        self.gate.ask(ticket, self.now)
        if ticket.state == "inside":
            self.entered(ticket, waited=False)
        elif ticket.state == "waiting":
            ticket.decided = decided
            self.waiting[batch].append(ticket)
        else:
            assert patience < 1000  # only who cannot wait is sent away

    def forget(self, ticket: Ticket) -> None:
        lane = self.waiting[ticket.batch]
        if lane[0] is ticket:
            self.overtaken[ticket.batch] = 0
        lane.remove(ticket)

    @precondition(lambda self: self.waiting[0] or self.waiting[1])
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([*self.waiting[0], *self.waiting[1]]))
        self.gate.withdraw(ticket, self.now)
        assert ticket.state == "refused"
        assert ticket not in self.waiting[ticket.batch]
        self.gate.withdraw(ticket, self.now)

    @precondition(lambda self: self.inside)
    @rule(data=st.data(), how=st.sampled_from(["leave", "answered", "answered", "answered", "limited", "pause"]))
    def end(self, data: st.DataObject, how: str) -> None:
        ticket = self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1)))
        rate = data.draw(RATES) if self.rates else None
        if how == "leave":
            self.gate.leave(ticket, self.now)
        elif how == "answered":
            self.gate.answered(ticket, rate, self.now)
        elif how == "limited":
            self.gate.limited(ticket, None, rate, self.now)
        else:
            seconds = data.draw(st.sampled_from([0.0, 1.0, 3.0]))
            self.paused_until = max(self.paused_until, self.now + seconds)
            self.gate.limited(ticket, seconds, rate, self.now)
        self.gate.leave(ticket, self.now)
        self.gate.limited(ticket, 99.0, None, self.now)

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5]))
    def wait(self, seconds: float) -> None:
        """Time passes, with a look whenever the gate wants one."""
        end = self.now + seconds
        while self.gate.look_at is not None and self.gate.look_at <= end:
            assert self.gate.look_at > self.now
            self.now = self.gate.look_at
            self.gate.look(self.now)
        self.now = end

    @invariant()
    def the_books_agree(self) -> None:
        assert self.gate.in_use == len(self.inside)
        assert self.gate.waiting() == len(self.waiting[0]) + len(self.waiting[1])

    @invariant()
    def nobody_waits_before_a_free_place(self) -> None:
        free = self.gate.in_use < self.limit.calls
        if self.rates or not free:
            return
        if self.now < self.paused_until:
            assert not self.gate.waiting() or self.gate.look_at == self.paused_until
            return
        if self.gate.waiting() and self.limit.share < 1.0 and self.gate.look_at is not None:
            assert self.now < self.gate.look_at <= self.now + 30.0
            return
        assert not self.waiting[0]
        if self.waiting[1]:
            assert sum(each.batch for each in self.inside) >= max(1, int(BATCH.max_share * self.limit.calls))

    @invariant()
    def nobody_starves(self) -> None:
        if not self.rates:  # for tokens a batch call may be overtaken
            assert self.overtaken[1] <= TURNS_UNTIL_BATCH
        assert self.overtaken[0] <= TURNS_UNTIL_USUAL

    def teardown(self) -> None:
        """When everything goes on, everybody who can wait gets in, and in the end all places are there."""
        for _ in range(10_000):
            if not self.gate.waiting() and not self.inside:
                break
            while self.inside:
                self.gate.leave(self.inside.pop(0), self.now)
                self.the_books_agree()
            self.wait(1.0)
        assert not self.gate.waiting()
        self.wait(1000)
        for number in range(self.limit.calls + 1):
            ticket = Ticket(batch=False, tokens=0, until=self.now)
            self.gate.ask(ticket, self.now)
            assert (ticket.state == "inside") == (number < self.limit.calls)


LEFT = st.integers(0, 100)
RESET = st.sampled_from([None, 0.0, 0.5, 2.0, 30.0])
RATES = st.none() | st.builds(RateLimit, requests_left=LEFT, requests_reset=RESET, tokens_left=LEFT, tokens_reset=RESET)


class RatedGateMachine(GateMachine):
    """The same with what headers say."""

    rates = True


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestRatedGateMachine = RatedGateMachine.TestCase
TestRatedGateMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
