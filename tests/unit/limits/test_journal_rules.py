"""Which entries of the journal count, whoever wrote them, and however late."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.config import Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.stages import Decision
from streamguard.limits.journal import JournalReplay


def marker(based_on: int) -> JournalEntry:
    return JournalEntry(kind="marker", based_on=based_on)


def decided(request_id: str, epoch: int) -> JournalEntry:
    decision = Decision(action="admit", at=1, partition=0, epoch=epoch)
    return JournalEntry(
        kind="decision", tenant_id="t", request_id=request_id, run=1, user_id="u", src=request_id, decision=decision
    )


def replay(*entries: JournalEntry) -> JournalReplay:
    journal = JournalReplay(Limits())
    for offset, entry in enumerate(entries):
        journal.read(offset, entry)
    return journal


def test_a_late_decision_of_a_replaced_owner_is_void() -> None:
    journal = replay(marker(0), decided("a", 0), marker(2), decided("late", 0), decided("b", 2))

    assert journal.epoch == 2
    assert journal.void == {3}
    assert journal.admission.seen("t", "a", 1)
    assert journal.admission.seen("t", "b", 1)
    assert not journal.admission.seen("t", "late", 1)


def test_a_late_marker_of_a_replaced_owner_is_void() -> None:
    # the first owner saw the journal's end at 0, froze, and wrote its marker behind the second owner's
    journal = replay(marker(0), decided("a", 0), marker(0), decided("b", 0), decided("late", 2))

    assert journal.epoch == 0
    assert journal.void == {2, 4}
    assert journal.admission.seen("t", "b", 1)


def test_entries_before_the_first_marker_left_in_the_log_count() -> None:
    journal = replay(decided("a", 77), marker(1), decided("b", 1))

    assert journal.admission.seen("t", "a", 1)
    assert journal.admission.seen("t", "b", 1)


@given(st.data())
def test_however_owners_interleave_the_decisions_of_the_last_member_count(data: st.DataObject) -> None:
    """Owners join in order; each notes the end, is confirmed, and writes its marker and decisions at any later time.

    Who finds its marker void when it reads it back decides nothing, and while it is a member begins anew.
    """
    owners = data.draw(st.integers(1, 4))
    log: list[JournalEntry] = []
    noted: dict[int, int] = {}
    epochs: dict[int, int] = {}
    by_last: set[str] = set()
    member = -1
    for step in range(data.draw(st.integers(1, 40))):
        who = data.draw(st.integers(0, owners - 1))
        action = data.draw(st.sampled_from(["join", "mark", "decide"]))
        if action == "join" and (who > member or (who == member and who not in epochs)):
            noted[who], member, by_last = len(log), who, set()
        elif action == "mark" and who in noted and who not in epochs:
            log.append(marker(noted.pop(who)))
            if replay(*log).epoch == len(log) - 1:
                epochs[who] = len(log) - 1
        elif action == "decide" and who in epochs:
            log.append(decided(f"r{step}", epochs[who]))
            if who == member:
                by_last.add(f"r{step}")
    journal = replay(*log)
    if member in epochs:
        assert journal.epoch == epochs[member]
    assert all(journal.admission.seen("t", request_id, 1) for request_id in by_last)
