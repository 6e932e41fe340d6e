"""The audit finds what is wrong: each error is planted into a clean run, found, and named with its place."""

from dataclasses import replace

import pytest

from streamguard.intake.marks import Place
from streamguard.stream.planned import Identity
from tests.chaos.audit import Sent, examine
from tests.chaos.audit_example import COST, clean_run
from tests.chaos.audit_planting import (
    Plant,
    again,
    calls,
    changed,
    committed,
    piece,
    stored,
    swapped,
    with_fact,
    without,
)
from tests.chaos.audit_records import Told

CLEAN = clean_run()
FIRST_CALLS = next(one.fact for one in CLEAN.records["outcomes"] if isinstance(one.fact, Told)).calls

PLANTED: dict[str, tuple[Plant, str, str]] = {
    # what is planted, as which kind of finding it appears, and what names its place
    "a dropped outcome": (without("outcomes", 2), "lost", "acme/r2/1 has nothing in outcomes"),
    "a dropped response": (without("responses", 2), "lost", "completions/0/1 has no output in responses"),
    "a dropped record between the stages": (without("guarded", 1), "lost", "nothing came of admitted/0/2"),
    "a dropped dead letter": (without("dead-letters", 0), "lost", "nothing came of requests/0/6"),
    "a dropped request": (
        without("requests", 2),
        "lost",
        "acme/r2/1 was acknowledged 1 times and is 0 times in requests",
    ),
    "bytes dropped": (without("requests", 6), "lost", "is 0 times in requests"),
    "a duplicated outcome": (again("outcomes", 1), "twice", "admitted/0/1 has 2 outputs in outcomes"),
    "a duplicated dead letter": (again("dead-letters", 0), "twice", "requests/0/6 has 2 outputs in dead-letters"),
    "an outcome of another step": (
        changed("outcomes", 1, identity=Identity("acme", "r0")),
        "twice",
        "acme/r0/1 is 2 times in outcomes",
    ),
    "a swapped pair of a conversation": (swapped("guarded", 0, 1), "order", "guarded/0/1 of admitted/0/0"),
    "a swapped pair of a tenant": (swapped("admitted", 0, 1), "order", "admitted/0/1 of requests/0/0"),
    "a void record that counted": (
        changed("admitted", 4, fact=CLEAN.records["admitted"][5].fact),
        "twice",
        "2 outputs in admitted",
    ),
    "a decision of no owner": (
        without("admission-journal", 0),
        "wrong",
        "admitted/0/0 is of epoch 0, where the journal has no marker",
    ),
    "a decision of a replaced owner": (
        with_fact("admission-journal", 2, epoch=77),
        "lost",
        "requests/0/1 has no output in admission-journal",
    ),
    "an outcome without request": (
        changed("outcomes", 1, identity=Identity("acme", "nobody")),
        "wrong",
        "acme/nobody/1 was never asked",
    ),
    "a record made from nothing": (changed("guarded", 0, source=None), "wrong", "guarded/0/0 names no input"),
    "response and outcome differ": (
        with_fact("responses", 0, status="failed"),
        "wrong",
        "outcomes/0/0 says answered, responses/0/0 says failed",
    ),
    "response and outcome of two decisions": (
        with_fact("responses", 0, signature="x"),
        "wrong",
        "their signatures differ",
    ),
    "a reason that differs": (with_fact("telemetry", 1, reason="other"), "wrong", "telemetry/0/1 says refused other"),
    "wrong bytes in a dead letter": (
        changed("dead-letters", 0, digest=b"other"),
        "wrong",
        "dead-letters/0/0 holds other bytes than requests/0/6",
    ),
    "a dead letter of another place": (
        with_fact("dead-letters", 0, at=None),
        "wrong",
        "names another place than requests/0/6",
    ),
    "a letter replayed twice": (
        again("admitted", -1),
        "twice",
        "dead-letters/0/1 was replayed 2 times: admitted/0/12, admitted/0/13",
    ),
    "a letter replayed with other bytes": (
        changed("admitted", -1, digest=b"other"),
        "wrong",
        "admitted/0/12 holds other bytes than dead-letters/0/1",
    ),
    "a letter replayed as the same pass": (
        changed("admitted", -1, identity=Identity("acme", "f0", 1)),
        "wrong",
        "admitted/0/12 was replayed from dead-letters/0/1 and is no further pass of admitted/0/11",
    ),
    "a settlement missing": (without("settlements", 0), "open_reservations", "acme/r0/1 was let in"),
    "no payload": (without("payloads", 0), "lost", "outcomes/0/0 has no output in payloads"),
    "a cache entry that is not owed": (
        with_fact("outcomes", 0, books=frozenset({"telemetry", "settlements", "payloads"})),
        "wrong",
        "outcomes/0/0 owes",
    ),
    "one nano-dollar off in telemetry": (
        with_fact("telemetry", 0, cost_nusd=COST + 1),
        "wrong",
        f"telemetry/0/0 says {COST + 1}",
    ),
    "one nano-dollar off in a settlement": (
        with_fact("settlements", 0, cost_nusd=COST + 1),
        "wrong",
        f"settlements/0/0 says {COST + 1}",
    ),
    "one nano-dollar off in an outcome": (
        with_fact("outcomes", 0, cost_nusd=COST - 1),
        "wrong",
        f"outcomes/0/0 costs {COST - 1}",
    ),
    "bytes that were acknowledged and are not there": (
        lambda run: replace(run, sent=[*run.sent, Sent.raw(b"k", b"?")]),
        "lost",
        "a record of bytes",
    ),
    "a commit too far": (committed(12, {}, early_ms=100), "committed_too_far", "at 12, before it was done"),
    "a mark too high": (committed(2, {Place("guarded", 0): 3}), "committed_too_far", "mark 3"),
    "a commit past the end": (committed(99, {}), "committed_too_far", "at 99, behind its end"),
    "something left": (
        lambda run: replace(run, committed={**run.committed, Place("outcomes", 0): 3}),
        "undrained",
        "outcomes/0 is committed at 3",
    ),
    "a missing row": (
        stored("requests", lambda rows: rows[1:]),
        "rows",
        "requests: 0 rows of telemetry/0/0 instead of 1",
    ),
    "a doubled row": (
        stored("requests", lambda rows: [*rows, rows[0]]),
        "rows",
        "requests: 2 rows of telemetry/0/0 instead of 1",
    ),
    "a row of nothing": (
        stored("requests", lambda rows: [*rows, replace(rows[0], at=rows[0].at._replace(offset=99))]),
        "rows",
        "a row of telemetry/0/99",
    ),
    "a row with another cost": (
        stored("requests", lambda rows: [replace(rows[0], cost_nusd=1), *rows[1:]]),
        "rows",
        "the row of telemetry/0/0 says",
    ),
    "a row of another": (
        stored("requests", lambda rows: [replace(rows[0], identity=rows[1].identity), *rows[1:]]),
        "rows",
        "is of acme/r1/1",
    ),
    "a missing payload row": (stored("payloads", lambda rows: rows[1:]), "rows", "payloads: 0 rows of payloads/0/0"),
    "missing rows of calls": (stored("calls", lambda parts: {}), "rows", "calls: 0 rows of telemetry/0/0 instead of 1"),
    "other rows of verdicts": (
        stored("verdicts", lambda parts: {at: replace(one, digest=b"x") for at, one in parts.items()}),
        "rows",
        "verdicts: the rows of telemetry/0/0",
    ),
    "a double payment": (
        calls(lambda all_: [*all_, replace(all_[2], seq=99, begun_ms=all_[-1].ended_ms)]),
        "paid_twice",
        "the call acme/r2/1/1 (99) of acme/r2/1 began",
    ),
    "a call booked twice": (with_fact("outcomes", 2, calls=FIRST_CALLS), "paid_twice", "which was booked before"),
    "a call that was never made": (calls(lambda all_: all_[:-1]), "wrong", "acme/f0/2/1"),
    "another price": (
        calls(lambda all_: [*all_[:-1], replace(all_[-1], cost_nusd=COST + 1)]),
        "wrong",
        f"books {COST} nusd",
    ),
    "an answer that was cut": (
        calls(lambda all_: [*all_[:-1], replace(all_[-1], finished=False)]),
        "wrong",
        "unfinished",
    ),
    "calls that overlap": (
        calls(lambda all_: [all_[0], replace(all_[1], ended_ms=(all_[2].begun_ms or 0) + 5), *all_[2:]]),
        "order",
        "of r0 and r2 behind it, the calls overlap",
    ),
    "calls in the wrong order": (
        calls(lambda all_: [replace(all_[0], begun_ms=(all_[2].begun_ms or 0) + 5), *all_[1:]]),
        "order",
        "began when the second's had begun",
    ),
    "an answer that readers do not hold whole": (
        without("response-chunks", 2),
        "shown",
        "its reader holds 5 characters and is open",
    ),
    "an answer without its beginning": (without("response-chunks", 1), "shown", "holds 0 characters and is broken"),
    "an answer that was shown otherwise": (piece(2, text="night"), "shown", "holds 10 characters and is final"),
    "a stream begun anew and not ended": (piece(0, stream=9), "shown", "holds 2 characters and is open"),
    "something kept of a cancelled request": (
        piece(4, mark=None, text="x"),
        "shown",
        "is failed, its reader holds 1 characters",
    ),
    "an answer taken back": (piece(2, mark="retracted"), "shown", "and is retracted"),
    "chunks of a request that wanted none": (piece(0, request_id="r0"), "shown", "acme/r0 wanted no pieces"),
    "cancelled though nobody asked": (
        lambda run: replace(run, sent=[replace(one, cancelled=False) for one in run.sent]),
        "wrong",
        "is cancelled, and nobody asked for that",
    ),
    "a broken stream that was never asked for": (
        calls(lambda all_: [one for one in all_ if not one.partial]),
        "wrong",
        "which was not given",
    ),
    "a gap": (
        lambda run: replace(
            run, ends={**run.ends, Place("outcomes", 0): 99}, committed={**run.committed, Place("outcomes", 0): 99}
        ),
        "wrong",
        "outcomes/0 ends at 99 and holds",
    ),
}


def test_a_clean_run_is_clean() -> None:
    findings = examine(CLEAN)
    assert findings.ok, findings.summary()
    assert (findings.requests, findings.outcomes, findings.dead_letters) == (11, 12, 2)
    assert (findings.repeated_calls, findings.repeated_nusd, findings.cost_nusd) == (1, COST, 10 * COST - 2)
    assert (findings.streams, findings.cancelled) == (2, 1)
    assert (findings.estimated_calls, findings.estimated_nusd, findings.charged_nusd) == (2, 2 * COST - 2, 2 * COST)
    assert findings.void == 2, "what a deposed owner wrote counts for nobody"
    assert findings.unchecked == []


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_and_named(name: str) -> None:
    plant, kind, words = PLANTED[name]
    findings = examine(plant(CLEAN))
    found = findings.found.get(kind, [])
    assert any(words in one for one in found), findings.found


def test_an_answer_that_nobody_heard_is_counted_beside_what_was_booked() -> None:
    """The outcome says that its call failed, without a word of the provider: it was paid all the same."""
    timed_out = replace(FIRST_CALLS[0], status="error", cost_nusd=None, response_id=None)
    run = with_fact("outcomes", 0, calls=(timed_out, *FIRST_CALLS))(CLEAN)
    findings = examine(run)
    assert (findings.unheard_calls, findings.repeated_calls) == (1, 0), findings.summary()
    assert findings.found.keys() == {"wrong"}, "only the settlement, which counts calls, differs"
    told = with_fact("outcomes", 0, calls=(replace(timed_out, told=True), *FIRST_CALLS))(CLEAN)
    assert any("was told that acme/r0/1/1 failed" in one for one in examine(told).wrong)


def test_a_call_that_nobody_waited_for_may_be_read_after_its_completion_but_only_once() -> None:
    """A busy simulator reads late what was cancelled; a call that no outcome names was made by one that should not have."""
    unheard = replace(FIRST_CALLS[0], status="error", cost_nusd=None, response_id=None)
    assert CLEAN.calls is not None
    late = replace(CLEAN.calls[0], seq=99, begun_ms=CLEAN.calls[-1].ended_ms, finished=False, cost_nusd=0)
    run = with_fact("outcomes", 0, calls=(unheard, *FIRST_CALLS))(CLEAN)
    assert examine(calls(lambda all_: [*all_, late])(run)).paid_twice == []
    assert len(examine(calls(lambda all_: [*all_, late, replace(late, seq=100)])(run)).paid_twice) == 1
    assert len(examine(calls(lambda all_: [*all_, late])(CLEAN)).paid_twice) == 1
