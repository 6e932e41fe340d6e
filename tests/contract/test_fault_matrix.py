"""Every way a provider fails × which of its calls fail × both vendors × whole and streamed, over real sockets.

Asserted of each cell: how it ends, the calls made and their errors, what each cost next to the simulator's own books, and time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import pytest

from streamguard.dev.simulator import Fault
from streamguard.events.reason import Reason
from streamguard.events.usage import Call
from tests.support.matrix import BETWEEN, CALL, FALLBACK, FIRST_TOKEN, INVOKE, TOTAL, Seen, run_all
from tests.support.matrix_servers import MODELS, PHASES, RETRY_AFTER, STATIC, Cell

SLACK = 1.0
"""Seconds that a busy machine may add to anything."""
EARLY = 0.005
"""Seconds that timers may fire before their time, and clocks may differ."""

Cost = Literal["free", "unknown", "counted", "guessed"]
"""Of a failed call. `free`: 0, here and there. `unknown`: None, since nobody here can tell. `counted`: equal to the books, and
marked as an estimate where no usage came. `guessed`: an estimate of at least the input, and no more than what the books say
unless they say nothing."""


@dataclass(frozen=True)
class Fails:
    """How one call fails: its error, its HTTP status, its cost, and the seconds it lasts at the first candidate. `key`: whether
    a retry repeats the idempotency key; a provider that knows it would repeat a whole but useless answer."""

    error: str | None
    status: int | None
    cost: Cost
    lasts: float = 0.0
    estimated: bool = False
    key: Literal["same", "new"] = "same"


@dataclass(frozen=True)
class Row:
    """`first`, `twice` and `every` are the calls of the three phases in order: `a` to the first candidate, `b` to the second,
    small where it failed, large where it answered. `wait`: seconds before a retry at least."""

    fault: Fault | None
    whole: Fails | None
    stream: Fails
    first: str
    twice: str
    every: str
    wait: float = 0.0


LIMITED, FAILED = Fails("rate_limited", 429, "free"), Fails("server_error", 500, "free")
AWAY, BUSY = Fails("server_error", 503, "free"), Fails("server_error", 529, "free")
REFUSED, KEY, LONG = Fails("connect", None, "free"), Fails("auth", 401, "free"), Fails("bad_request", 400, "free")
LATE = Fails("timeout", None, "unknown", CALL)
NO_TOKEN = Fails("first_token_late", None, "unknown", FIRST_TOKEN)
STALLED = Fails("stream_stalled", None, "counted", BETWEEN, estimated=True)
DRIPPED = Fails("timeout", None, "guessed", CALL, estimated=True)
RESET, TORN = Fails("disconnected", None, "unknown"), Fails("stream_broken", 200, "guessed", estimated=True)
BROKEN = Fails("stream_broken", 200, "counted", estimated=True)
EMPTY = Fails("empty_answer", 200, "counted", key="new")
NO_ANSWER = Fails("invalid_response", 200, "unknown", key="new")
NO_STREAM = Fails("invalid_response", 200, "guessed", estimated=True, key="new")
TOO_LARGE = Fails("response_too_large", 200, "unknown")
TOO_LONG = Fails("response_too_large", 200, "counted", estimated=True)
UNTOLD = Fails(None, 200, "counted", estimated=True)

# fmt: off
ROWS = {
    "429_retry_after":     Row(Fault.RATE_LIMITED,        LIMITED,   LIMITED,   "aA", "aaA", "aaab", wait=RETRY_AFTER),
    "429_silent":          Row(Fault.RATE_LIMITED_SILENT, LIMITED,   LIMITED,   "aA", "aaA", "aaaab"),
    "500":                 Row(Fault.SERVER_ERROR,        FAILED,    FAILED,    "aA", "aaA", "aaaab"),
    "503":                 Row(Fault.UNAVAILABLE,         AWAY,      AWAY,      "aA", "aaA", "aaaab"),
    "529":                 Row(Fault.OVERLOADED,          BUSY,      BUSY,      "aA", "aaA", "aaaab"),
    "connect_refused":     Row(None,                      REFUSED,   REFUSED,   "aA", "aaA", "aaaab"),
    "revoked_key":         Row(Fault.REVOKED_KEY,         KEY,       KEY,       "aB", "aB",  "ab"),
    "context_length":      Row(Fault.CONTEXT_LENGTH,      LONG,      LONG,      "aB", "aB",  "ab"),
    "hang_before_headers": Row(Fault.HANG,                LATE,      NO_TOKEN,  "aB", "aB",  "abbbb"),
    "hang_midway":         Row(Fault.HANG_MID,            LATE,      STALLED,   "aB", "aB",  "abbbb"),
    "slow_drip":           Row(Fault.SLOW_DRIP,           LATE,      DRIPPED,   "aB", "aB",  "abbbb"),
    "reset_midway":        Row(Fault.RESET,               RESET,     TORN,      "aA", "aaA", "aaaab"),
    "empty_body":          Row(Fault.EMPTY_BODY,          NO_ANSWER, TORN,      "aA", "aaA", "aaaab"),
    "empty_answer":        Row(Fault.EMPTY_ANSWER,        EMPTY,     EMPTY,     "aA", "aaA", "aaaab"),
    "broken_json":         Row(Fault.GARBAGE,             NO_ANSWER, BROKEN,    "aA", "aaA", "aaaab"),
    "wrong_content_type":  Row(Fault.HTML,                NO_ANSWER, NO_STREAM, "aA", "aaA", "aaaab"),
    "oversized":           Row(Fault.OVERSIZED,           TOO_LARGE, TOO_LONG,  "aB", "aB",  "ab"),
    "cut_stream":          Row(Fault.CUT_STREAM,          None,      BROKEN,    "aA", "aaA", "aaaab"),
    "error_in_stream":     Row(Fault.STREAM_ERROR,        None,      BROKEN,    "aA", "aaA", "aaaab"),
    "no_usage":            Row(Fault.NO_USAGE,            UNTOLD,    UNTOLD,    "A",  "A",   "A"),
}
# fmt: on


def cells(row: Row) -> tuple[Cell, ...]:
    """Those that there are: some faults are of streams alone."""
    return tuple(
        Cell(vendor, streamed, phase)
        for vendor in MODELS
        for streamed in (False, True)
        for phase in PHASES
        if streamed or row.whole is not None
    )


SLOW = frozenset(name for name, row in ROWS.items() if row.wait or row.stream.lasts)


@cache
def seen(*names: str) -> Mapping[tuple[str, Cell], Seen]:
    """All cells of these rows; the tests of the cells look at the outcome."""
    return run_all({name: (ROWS[name].fault, cells(ROWS[name])) for name in names})


MATRIX = [
    pytest.param(name, cell, id=f"{name}-{cell}", marks=[pytest.mark.slow] if name in SLOW else [])
    for name, row in ROWS.items()
    for cell in cells(row)
]


@pytest.mark.parametrize(("name", "cell"), MATRIX)
def test_each_cell_ends_as_the_table_says(name: str, cell: Cell) -> None:
    row, came = ROWS[name], seen(*(sorted(SLOW) if name in SLOW else [name]))[name, cell]
    expected = {"first": row.first, "twice": row.twice, "every": row.every}[cell.phase]
    fails = row.stream if cell.streamed else row.whole
    assert fails is not None
    calls = came.answered.calls
    _the_outcome(expected, cell, came)
    # the calls: to whom, and how each ended; nothing else reached a server
    assert [call.model for call in calls] == [cell.models["ab".index(place)] for place in expected.lower()]
    assert [call.status for call in calls] == ["ok" if place.isupper() else "error" for place in expected]
    assert set(came.books) == {call.call_id for call in calls if row.fault is not None or call.status == "ok"}
    assert [call.kind for call in calls] == _kinds(expected)
    for number, (place, call) in enumerate(zip(expected, calls, strict=True)):
        books = came.books.get(call.call_id)
        assert call.streamed == cell.streamed
        if place.isupper():
            assert (call.error, call.http_status, call.estimated) == (None, 200, fails is UNTOLD)
            assert books is not None
            assert call.cost_nusd == books["cost_nusd"] > 0
            continue
        lasts = fails.lasts if place == "a" else min(fails.lasts, FALLBACK)
        # behind the first candidate the limit for a call is shorter than the one for its first token
        late = fails.error == "first_token_late" and place == "b"
        assert (call.error, call.http_status) == ("timeout" if late else fails.error, fails.status)
        _the_cost(fails, call, books)
        _the_time(lasts, call, books, last=number == len(calls) - 1)
    _the_keys(fails, row, calls, came)
    _the_waits(row, calls)
    known = [call.cost_nusd for call in calls if call.cost_nusd is not None]
    assert came.answered.cost_nusd == sum(known)
    # what came until then is over, and everything was over in time
    assert sum(call.duration_us for call in calls) / 1e6 - EARLY <= came.seconds <= TOTAL + SLACK


def _the_outcome(expected: str, cell: Cell, came: Seen) -> None:
    answered, reader = came.answered, came.reader
    if expected[-1].isupper():
        last = answered.calls[-1]
        assert (answered.source, answered.failure, answered.model) == ("model", None, last.model)
        assert answered.degraded == (None if expected[-1] == "A" else "fallback")
        assert answered.text
    elif cell.static is not None:
        assert (answered.source, answered.degraded, answered.failure) == ("static", "static", None)
        assert answered.text == STATIC
    else:
        assert (answered.source, answered.failure) == ("none", Reason.PROVIDERS_EXHAUSTED)
        assert answered.text is None
    if cell.streamed:
        # each call begins anew for who watches, and only an answer that stands is whole
        assert len(reader.shown) == len(expected)
        assert reader.ends == expected[-1].isupper()
        if expected[-1].isupper():
            assert "".join(reader.shown[-1]) == answered.text


def _kinds(expected: str) -> list[str]:
    """The first call, and then by whom the one before it went to."""
    later = ["retry" if before == here else "fallback" for before, here in pairwise(expected.lower())]
    return ["first", *later]


def _the_cost(fails: Fails, call: Call, books: Mapping[str, Any] | None) -> None:
    there = 0 if books is None else books["cost_nusd"]
    assert call.estimated == fails.estimated
    match fails.cost:
        case "free":
            assert call.cost_nusd == there == 0
        case "unknown":
            assert (call.cost_nusd, call.usage) == (None, None)
        case "counted":
            assert call.cost_nusd == there > 0
        case "guessed":
            assert call.usage is not None
            assert call.cost_nusd
            assert call.usage.input_tokens > 0
            assert call.cost_nusd <= there or (there == 0 and call.usage.output_tokens == 0)


def _the_time(lasts: float, call: Call, books: Mapping[str, Any] | None, *, last: bool) -> None:
    took = call.duration_us / 1e6
    # the last one may be cut short by the limit for everything
    assert (0.0 if last else lasts - EARLY) <= took <= lasts + SLACK
    if books is not None:
        # the server sees at once that nobody listens any more; by itself it would go on for a minute
        ended = call.started_at + call.duration_us
        assert books["ended_at"] - ended <= SLACK * 1e6
        if books["fault"] == Fault.HANG:
            assert books["status"] == 499


def _the_keys(fails: Fails, row: Row, calls: Sequence[Call], came: Seen) -> None:
    if row.fault is None:
        return
    keys = [came.books[call.call_id]["idempotency_key"] for call in calls]
    for (before, call), (old, new) in zip(pairwise(calls), pairwise(keys), strict=True):
        assert (old == new) == (call.kind == "retry" and fails.key == "same"), (before.call_id, call.call_id)


def _the_waits(row: Row, calls: Sequence[Call]) -> None:
    tries = 0
    for before, call in pairwise(calls):
        tries = tries + 1 if call.kind == "retry" else 0
        waited = (call.started_at - before.started_at - before.duration_us) / 1e6
        if call.kind == "retry":
            most = min(INVOKE.backoff_cap, INVOKE.backoff * 2 ** (tries - 1))
            assert row.wait - EARLY <= waited <= row.wait + most + SLACK
        else:
            assert waited <= SLACK
