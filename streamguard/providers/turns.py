"""Places for calls: how many a model takes at once, and who gets the next one (`turns_gate`). This is its asyncio side."""

import asyncio
from collections.abc import Callable

from streamguard.clock import Clock
from streamguard.config import BatchLane, Concurrency
from streamguard.metrics import CONCURRENCY_LIMIT, TURN_WAIT_SECONDS
from streamguard.providers.concurrency import Limit
from streamguard.providers.contract import RateLimit
from streamguard.providers.turns_gate import Gate, Ticket


class Turn:
    """A place for one call. Exactly one end counts, the first that is told."""

    __slots__ = ("_desk", "_ticket")

    def __init__(self, desk: "_Desk", ticket: Ticket) -> None:
        self._desk = desk
        self._ticket = ticket

    def leave(self) -> None:
        """The call was cancelled, or failed in any way but 429. Idempotent, and nothing after another end."""
        self._desk.gate.leave(self._ticket, self._desk.now())
        self._desk.settle()

    def answered(self, rate: RateLimit | None) -> None:
        """The call was answered, with these headers: the limit may grow."""
        self._desk.gate.answered(self._ticket, rate, self._desk.now())
        self._desk.settle()

    def limited(self, retry_after: float | None, rate: RateLimit | None) -> None:
        """The call was refused with 429: fewer calls at once, and none for `retry_after` seconds. Of calls that were under way
        together only the first to say so lowers the limit. Without `retry_after` nobody is paused."""
        self._desk.gate.limited(self._ticket, retry_after, rate, self._desk.now())
        self._desk.settle()


class Turns:
    """Places at all models. One a worker; not safe to share between threads."""

    def __init__(self, settings: Concurrency, batch: BatchLane, clock: Clock, most: Callable[[str], int]) -> None:
        """`most` tells a provider's `max_concurrency`."""
        self._settings = settings
        self._batch = batch
        self._clock = clock
        self._most = most
        self._desks: dict[tuple[str, str], _Desk] = {}

    async def enter(self, provider: str, model: str, lane: str, *, tokens: int, longest: float) -> Turn | None:
        """A place for one call of about `tokens` tokens, question and answer together.

        None when there is none within `longest` seconds: then, or as soon as that is known, since the model asked for a longer
        pause. At once, without a switch of tasks, when there is a place and it is nobody else's turn. Cancelled, it leaves
        nothing behind. One of the turn's ends must be told.
        """
        key = (provider, model)
        desk = self._desks.get(key)
        if desk is None:
            limit = Limit(self._settings, self._most(provider))
            gauge = CONCURRENCY_LIMIT.labels(provider, model)
            desk = self._desks[key] = _Desk(Gate(limit, self._batch), self._clock, gauge.set)
        came = desk.now()
        ticket = Ticket(batch=lane == "batch", tokens=tokens, until=came + longest)
        desk.gate.ask(ticket, came)
        try:
            if ticket.state == "waiting":
                await desk.wait(ticket, longest)
        finally:
            _WAITED[ticket.batch](desk.now() - came)
        return Turn(desk, ticket) if ticket.state == "inside" else None


class _Desk:
    """One model's gate, with the tasks that wait for it and for the time."""

    def __init__(self, gate: Gate, clock: Clock, show_limit: Callable[[float], None]) -> None:
        self.gate = gate
        self.now = clock.monotonic
        self._clock = clock
        self._show_limit = show_limit
        self._shown = 0
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0.0
        self.settle()

    async def wait(self, ticket: Ticket, longest: float) -> None:
        """Returns when the ticket's waiting is over, one way or the other."""
        decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not decided.done():
                decided.set_result(None)

        def late(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                self._withdraw(ticket)

        ticket.decided = tell
        self.settle()
        timer = asyncio.create_task(self._clock.sleep(longest))
        timer.add_done_callback(late)
        try:
            await decided
        except asyncio.CancelledError:
            # the place may have come in the very moment of the cancellation
            self.gate.leave(ticket, self.now())
            self._withdraw(ticket)
            raise
        finally:
            timer.cancel()

    def settle(self) -> None:
        """After each change: the limit is shown, and the time is watched while somebody waits for it."""
        if self.gate.limit != self._shown:
            self._shown = self.gate.limit
            self._show_limit(self._shown)
        at = self.gate.look_at
        if self._timer is not None and (at is None or at != self._timer_at):
            self._timer.cancel()
            self._timer = None
        if at is not None and self._timer is None:
            self._timer_at = at
            self._timer = asyncio.create_task(self._clock.sleep(at - self.now()))
            self._timer.add_done_callback(self._look)

    def _withdraw(self, ticket: Ticket) -> None:
        self.gate.withdraw(ticket, self.now())
        self.settle()

    def _look(self, task: asyncio.Task[None]) -> None:
        if task is self._timer:
            self._timer = None
            self.gate.look(self.now())
            self.settle()


_WAITED = (TURN_WAIT_SECONDS.labels("interactive").observe, TURN_WAIT_SECONDS.labels("batch").observe)
