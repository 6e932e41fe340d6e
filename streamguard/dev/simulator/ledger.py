"""The simulator's own books: every call, what it cost, and whether its answer was written to the end."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from streamguard.clock import Clock
from streamguard.dev.simulator.call_log import CallLog
from streamguard.dev.simulator.settings import Price

CLIENT_GONE = 499
"""The status of a call whose client left before the answer, as proxies write it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call used. `input` includes what was read from the prompt cache and what was written to it."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0

    def cost(self, price: Price) -> int:
        """In nano-dollars."""
        read = price.input if price.cache_read is None else price.cache_read
        write = price.input if price.cache_write is None else price.cache_write
        fresh = self.input - self.cache_read - self.cache_write
        return fresh * price.input + self.cache_read * read + self.cache_write * write + self.output * price.output

    def beyond(self, paid: "Tokens") -> "Tokens":
        """What is left to pay of this when `paid` was paid for the same answer before."""
        return Tokens(
            max(0, self.input - paid.input),
            max(0, self.output - paid.output),
            max(0, self.cache_read - paid.cache_read),
            max(0, self.cache_write - paid.cache_write),
        )


NOTHING = Tokens(0, 0)


@dataclass(slots=True)
class Call:
    """One HTTP call to a model. Tokens and `cost_nusd` stay 0 until the answer is `finished`, or, of a stream, until it began.

    `finished` is an answer that was given to a connection that still stood; other answers were errors, or cut. `partial` is a
    stream that ended before its end, whoever was to blame: it is charged for its input and for what was written of it, as
    vendors do; nobody pays for a part of a whole answer. `repeated` is one that was made before under this idempotency key: it
    is charged only for what was not yet. `begun_at` and `ended_at` are microseconds since the Unix epoch; a call without
    `ended_at` is under way.
    """

    seq: int
    provider: str
    model: str
    idempotency_key: str | None
    request_id: str | None
    status: int = CLIENT_GONE
    fault: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0
    finished: bool = False
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    streamed: bool = False
    partial: bool = False
    repeated: bool = False
    begun_at: int = 0
    ended_at: int | None = None


_FIELDS = tuple(field.name for field in fields(Call))


@dataclass(slots=True)
class _Totals:
    calls: int = 0
    finished: int = 0
    unfinished: int = 0
    partial: int = 0
    by_status: dict[str, int] = field(default_factory=dict[str, int])
    by_fault: dict[str, int] = field(default_factory=dict[str, int])
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0


class Ledger:
    """Totals a model over all calls, and the last `kept` calls one by one."""

    def __init__(self, prices: Mapping[str, Price], kept: int, clock: Clock, log: CallLog | None = None) -> None:
        """`log` has the calls of those who kept these books before, and gets ours."""
        self._prices = prices
        self._clock = clock
        self._log = log
        self._under_way: dict[int, Call] = {}
        self._calls: deque[Call] = deque(maxlen=kept)
        self._totals: dict[tuple[str, str], _Totals] = {}
        self._begun = 0
        self._ended = 0
        for noted in log.read() if log is not None else ():
            self._take(Call(**noted))

    def begin(self, provider: str, model: str, idempotency_key: str | None, request_id: str | None) -> Call:
        """A call has come in."""
        self._begun += 1
        call = Call(self._begun, provider, model, idempotency_key, request_id, begun_at=self._clock.now_us())
        self._under_way[call.seq] = call
        self._note(call)
        return call

    def answering(self, call: Call, used: Tokens) -> None:
        """The answer is about to be written to its end. Who dies while writing it cannot tell whether it was read: on disk it
        counts, and costs, from here."""
        if self._log is not None:
            self._note(replace(call, ended_at=self._clock.now_us(), finished=True, **self._paid(call, used)))

    def finish(self, call: Call, used: Tokens) -> None:
        """The answer is written completely: it counts, and costs."""
        self._charge(call, used)
        call.finished = True

    def break_off(self, call: Call, used: Tokens) -> None:
        """A stream has ended before its end: what was written of it costs."""
        self._charge(call, used)
        call.partial = True

    def end(self, call: Call) -> None:
        """The call is over, in whatever way. Once a call."""
        call.ended_at = self._clock.now_us()
        del self._under_way[call.seq]
        self._note(call)
        self._enter(call)

    def _take(self, call: Call) -> None:
        """A call of the books' former keeper, who ended with those that were under way."""
        self._begun = max(self._begun, call.seq)
        call.ended_at = self._clock.now_us() if call.ended_at is None else call.ended_at
        self._enter(call)

    def _charge(self, call: Call, used: Tokens) -> None:
        for name, value in self._paid(call, used).items():
            setattr(call, name, value)

    def _paid(self, call: Call, used: Tokens) -> dict[str, Any]:
        return {
            "input_tokens": used.input,
            "output_tokens": used.output,
            "cache_read_tokens": used.cache_read,
            "cache_write_tokens": used.cache_write,
            "cost_nusd": used.cost(self._prices[call.model]),
        }

    def _note(self, call: Call) -> None:
        if self._log is not None:
            self._log.note({name: getattr(call, name) for name in _FIELDS})

    def _enter(self, call: Call) -> None:
        self._ended += 1
        self._calls.append(call)
        totals = self._totals.setdefault((call.provider, call.model), _Totals())
        totals.calls += 1
        status = str(call.status)
        totals.by_status[status] = totals.by_status.get(status, 0) + 1
        if call.fault is not None:
            totals.by_fault[call.fault] = totals.by_fault.get(call.fault, 0) + 1
        if call.finished:
            totals.finished += 1
        elif call.status in (200, CLIENT_GONE):
            totals.unfinished += 1
        totals.partial += call.partial
        totals.input_tokens += call.input_tokens
        totals.output_tokens += call.output_tokens
        totals.cost_nusd += call.cost_nusd

    def report(self, *, detail: bool) -> dict[str, Any]:
        """Totals a model and in all; with `detail` the calls themselves, those under way too, in the order of their arrival."""
        report: dict[str, Any] = {
            "calls": self._ended,
            "in_flight": len(self._under_way),
            "finished": sum(totals.finished for totals in self._totals.values()),
            "cost_nusd": sum(totals.cost_nusd for totals in self._totals.values()),
            "models": [
                {"provider": provider, "model": model, **asdict(totals)}
                for (provider, model), totals in sorted(self._totals.items())
            ],
        }
        if detail:
            calls = sorted((*self._calls, *self._under_way.values()), key=lambda call: call.seq)
            # not `asdict`, which copies deeply: a long log would hold up the answers of the models
            report["detail"] = [{name: getattr(call, name) for name in _FIELDS} for call in calls]
        return report
