"""The audit must see what is lost, what comes twice, and what ends otherwise than planned."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.events.reason import Reason
from streamguard.stream.planned import End, Identity, Planned
from streamguard.stream.tally import Tally


def _planned(number: int, end: End = "outcome", reason: Reason | None = None) -> Planned:
    identity = None if end == "dead_letter" else Identity("t", f"r{number}")
    return Planned("kind", b"t", f"value {number}".encode(), end, identity, reason)


def _answer(tally: Tally, number: int, reason: str | None = None) -> None:
    tally.seen("response", Identity("t", f"r{number}"), 2.0, None)
    tally.seen("outcome", Identity("t", f"r{number}"), 2.0, reason)


def test_a_request_has_ended_only_with_both_response_and_outcome() -> None:
    tally = Tally()
    tally.sent(_planned(1), at=0.5)
    assert (tally.outstanding, tally.outstanding_bytes) == (1, len(b"value 1"))
    assert tally.seen("response", Identity("t", "r1"), 2.0, None)
    assert tally.outstanding == 1
    assert tally.audit().lost == 1
    assert tally.seen("outcome", Identity("t", "r1"), 2.5, None)
    assert (tally.outstanding, tally.outstanding_bytes, tally.latencies) == (0, 0, {Identity("t", "r1"): 1.5})
    assert tally.audit().lost == 0


def test_surplus_responses_and_outcomes_are_counted() -> None:
    tally = Tally()
    tally.sent(_planned(1), at=0)
    _answer(tally, 1)
    assert not tally.seen("outcome", Identity("t", "r1"), 3.0, None)
    assert not tally.seen("response", Identity("t", "r1"), 3.0, None)
    assert tally.audit().twice == 2
    assert tally.audit().outcomes == 1
    assert tally.outstanding == 0


def test_another_run_is_another_request() -> None:
    tally = Tally()
    tally.sent(_planned(1), at=0)
    assert not tally.seen("outcome", Identity("t", "r1", 2), 3.0, None)
    assert tally.audit().elsewhere == 1


def test_a_known_id_expects_nothing_of_its_own() -> None:
    tally = Tally()
    tally.sent(_planned(1), at=0)
    tally.sent(_planned(1, end="nothing"), at=1)
    _answer(tally, 1)
    audit = tally.audit()
    assert (audit.requests, audit.repeated, audit.responses, audit.lost, audit.twice) == (1, 1, 1, 0, 0)


def test_dead_letters_are_known_by_their_bytes() -> None:
    tally = Tally()
    tally.sent(_planned(1, end="dead_letter"), at=0)
    tally.sent(_planned(2, end="dead_letter"), at=0)
    tally.dead_letter(b"value 1")
    tally.dead_letter(b"something between the stages")
    audit = tally.audit()
    assert (audit.dead_letters, audit.lost, audit.inside, audit.unplanned) == (1, 1, 1, {})
    assert tally.missing() == [_planned(2, end="dead_letter")]


def test_what_ends_otherwise_than_planned_is_named() -> None:
    tally = Tally()
    tally.sent(_planned(1, reason=Reason.NO_CONSENT), at=0)
    tally.sent(_planned(2, reason=Reason.NO_CONSENT), at=0)
    tally.sent(_planned(3), at=0)
    _answer(tally, 1, "no_consent")
    _answer(tally, 2)
    tally.dead_letter(b"value 3")
    assert tally.audit().unplanned == {"kind: answered instead of no_consent": 1, "kind: dead letter": 1}
    assert tally.audit().lost == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["response", "outcome", "dead"]))))
def test_the_numbers_always_add_up(events: list[tuple[int, str]]) -> None:
    tally = Tally()
    for number in range(6):
        tally.sent(_planned(number), at=0)
    for number, what in events:
        if what == "dead":
            tally.dead_letter(f"value {number}".encode())
        else:
            tally.seen("response" if what == "response" else "outcome", Identity("t", f"r{number}"), 1.0, None)
    audit = tally.audit()
    assert tally.outstanding == audit.lost == audit.requests - tally.ended
    assert audit.responses + audit.outcomes + audit.dead_letters + audit.twice == len(events)
