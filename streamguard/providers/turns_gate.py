"""Who is let in to a model next. Pure: the time is an argument, and whoever waits is called back.

Two lanes, each first come, first served. While both wait, one turn in `1 / share` is the batch lane's, by counting and not by
chance: its head passes after at most that many turns of others, and so does the head of the interactive lane. Batch calls are
never more than `max_share` of the limit at once (one always may), so that who comes meanwhile finds the rest free.

Below one call at once (`Limit.share`) calls begin one by one, the usual length of a call divided by the share apart.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from streamguard.config import BatchLane
from streamguard.providers.concurrency import Limit
from streamguard.providers.contract import RateLimit
from streamguard.providers.turns_rate import LONGEST, Left

_DUE = 1.0 - 1e-9
_NEWS = 0.2
"""What the newest answer counts in the usual length of calls."""
_SLOWEST = 30.0
"""Seconds; no call waits longer only because the limit is below one call at once."""


class Ticket:
    """One call's way through the gate. `until` is how long it can wait; `decided` is called once when that is over, unless it
    was over at once."""

    __slots__ = ("batch", "began", "decided", "era", "number", "state", "tokens", "until", "used")

    def __init__(self, *, batch: bool, tokens: int, until: float) -> None:
        self.batch = batch
        self.tokens = tokens
        self.until = until
        self.state: Literal["waiting", "inside", "refused", "over"] = "waiting"
        self.decided: Callable[[], None] | None = None
        self.era = self.number = 0
        self.began = self.used = 0.0


class Gate:
    """The gate of one model."""

    def __init__(self, limit: Limit, batch: BatchLane) -> None:
        self._limit = limit
        self._batch = batch
        self._waiting = OrderedDict[Ticket, None](), OrderedDict[Ticket, None]()
        self._inside = [0, 0]
        self._due = 0.0
        self._paused_until = float("-inf")
        self._seconds = 0.0  # that an answer takes, of late
        self._next_at = float("-inf")
        self._requests, self._tokens = Left(), Left()
        self._number = 0
        self._used = 0.0
        self.look_at: float | None = None
        """When `look` must be called, since time alone lets somebody in; None: nobody waits for that."""

    @property
    def in_use(self) -> int:
        """Calls that are inside."""
        return self._inside[0] + self._inside[1]

    @property
    def limit(self) -> int:
        """Calls at once, as it is now."""
        return self._limit.calls

    def waiting(self) -> int:
        """Calls that wait, of both lanes."""
        return len(self._waiting[0]) + len(self._waiting[1])

    def ask(self, ticket: Ticket, now: float) -> None:
        """A new call. Its state says what became of it: inside, refused since it would wait too long, or waiting."""
        self._waiting[ticket.batch][ticket] = None
        if now < self._paused_until and ticket.until < self._paused_until:
            self._refuse(ticket)
        else:
            self.look(now)

    def withdraw(self, ticket: Ticket, now: float) -> None:
        """A call that waits goes away. Nothing for one that does not wait."""
        if ticket.state == "waiting":
            self._refuse(ticket)
            self.look(now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """A call has ended, in a way that says nothing about the limit. Nothing for one that is not inside."""
        if ticket.state == "inside":
            ticket.state = "over"
            self._inside[ticket.batch] -= 1
            self.look(now)

    def answered(self, ticket: Ticket, rate: RateLimit | None, now: float) -> None:
        """A call was answered."""
        if ticket.state == "inside":
            self._limit.answered(self.in_use)
            took = now - ticket.began
            self._seconds += (took - self._seconds) * (_NEWS if self._seconds else 1.0)
            self._told(ticket, rate, ticket.began)
            self.leave(ticket, now)

    def limited(self, ticket: Ticket, retry_after: float | None, rate: RateLimit | None, now: float) -> None:
        """A call was refused with 429: the limit falls, and nobody enters for `retry_after` seconds, at most for `LONGEST`. Those
        who cannot wait that long are refused at once."""
        if ticket.state == "inside":
            self._limit.refused(self.in_use, ticket.era)
            self._told(ticket, rate, now)
            if retry_after is not None:
                self._paused_until = max(self._paused_until, now + min(retry_after, LONGEST))
                for lane in self._waiting:
                    for late in [each for each in lane if each.until < self._paused_until]:
                        self._refuse(late)
            self.leave(ticket, now)

    def look(self, now: float) -> None:
        """Let in whoever may enter now."""
        self.look_at = None
        while self.waiting():
            if now < self._paused_until:
                self._wait_for(self._paused_until)
                return
            if self.in_use >= self._limit.calls:
                return
            if now < self._next_at and self._limit.share < 1.0:
                self._wait_for(self._next_at)
                return
            ticket = self._next(now)
            if ticket is None:
                return
            del self._waiting[ticket.batch][ticket]
            self._enter(ticket, now)

    def _next(self, now: float) -> Ticket | None:
        """Whose turn it is; None when those that could have it must wait for tokens, or the batch lane for its own calls."""
        usual = self._ready(0, now)
        most = max(1, int(self._batch.max_share * self._limit.calls))
        batch = self._ready(1, now) if self._inside[1] < most else None
        if usual is None:
            return batch if not self._waiting[0] else None
        if not self._waiting[1] or self._inside[1] >= most:
            return usual
        # a batch call that waits for tokens may be overtaken, but keeps its turn
        self._due += self._batch.share
        if batch is None or self._due < _DUE:
            self._due = min(1.0, self._due)
            return usual
        self._due -= 1.0
        return batch

    def _ready(self, lane: int, now: float) -> Ticket | None:
        """The lane's first, if there are tokens for it; those before it that would wait too long for them are refused."""
        while self._waiting[lane]:
            ticket = next(iter(self._waiting[lane]))
            at = max(self._requests.ready_at(1, now), self._tokens.ready_at(ticket.tokens, now))
            if at <= now:
                return ticket
            if at <= ticket.until:
                self._wait_for(at)
                return None
            self._refuse(ticket)
        return None

    def _wait_for(self, time: float) -> None:
        self.look_at = time if self.look_at is None else min(self.look_at, time)

    def _enter(self, ticket: Ticket, now: float) -> None:
        self._number += 1
        self._used += ticket.tokens
        self._requests.use(1, now)
        self._tokens.use(ticket.tokens, now)
        self._inside[ticket.batch] += 1
        self._next_at = now + min(_SLOWEST, self._seconds / self._limit.share)
        ticket.state, ticket.era, ticket.began = "inside", self._limit.era, now
        ticket.number, ticket.used = self._number, self._used
        if ticket.decided is not None:
            ticket.decided()

    def _refuse(self, ticket: Ticket) -> None:
        del self._waiting[ticket.batch][ticket]
        ticket.state = "refused"
        if ticket.decided is not None:
            ticket.decided()

    def _told(self, ticket: Ticket, rate: RateLimit | None, at: float) -> None:
        if rate is None:
            return
        number = ticket.number
        if rate.requests_left is not None:
            since = float(self._number - number)
            self._requests.told(rate.requests_left, rate.requests_reset, at=at, number=number, since=since)
        if rate.tokens_left is not None:
            since = self._used - ticket.used
            self._tokens.told(rate.tokens_left, rate.tokens_reset, at=at, number=number, since=since)
