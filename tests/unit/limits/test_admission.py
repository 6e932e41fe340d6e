"""The state of a partition follows from the journal's decisions alone."""

from streamguard.config import Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.reason import Reason
from streamguard.events.stages import Decision
from streamguard.limits.admission import HOUR_US, Admission


def entry(request_id: str, at: int, *, user: str = "u", ip: str | None = None, refused: bool = False) -> JournalEntry:
    decision = Decision(action="refuse" if refused else "admit", at=at, partition=0, epoch=0)
    return JournalEntry(
        kind="decision",
        tenant_id="t",
        request_id=request_id,
        run=1,
        user_id=user,
        client_ip=ip,
        src=f"requests/0/{request_id}/0",
        decision=decision,
    )


def test_user_and_address_are_charged_together_or_not_at_all() -> None:
    admission = Admission(Limits(user_per_minute=2, ip_per_minute=3))
    for n in range(2):
        admission.apply(entry(f"a{n}", n, user="a", ip="1.1.1.1"))
    over = admission.over_rate("t", "a", "1.1.1.1", 10)
    assert over is not None
    assert over.reason is Reason.RATE_LIMITED_USER

    admission.apply(entry("refused", 10, user="a", ip="1.1.1.1", refused=True))
    assert admission.over_rate("t", "b", "1.1.1.1", 11) is None  # the refused one left the address alone
    admission.apply(entry("b0", 11, user="b", ip="1.1.1.1"))
    over = admission.over_rate("t", "b", "1.1.1.1", 12)
    assert over is not None
    assert over.reason is Reason.RATE_LIMITED_IP
    assert admission.over_rate("t", "b", "2.2.2.2", 12) is None


def test_a_decision_entered_twice_counts_once() -> None:
    admission = Admission(Limits(user_per_minute=2))
    for _ in range(3):
        admission.apply(entry("same", 5))

    assert admission.over_rate("t", "u", None, 6) is None
    assert len(admission) == 1


def test_ids_are_remembered_for_the_stated_time() -> None:
    admission = Admission(Limits(seen_hours=1))
    admission.apply(entry("old", 0))
    admission.apply(entry("young", HOUR_US))
    assert admission.seen("t", "old", 1) is not None

    admission.apply(entry("now", HOUR_US + 1))

    assert admission.seen("t", "old", 1) is None
    assert admission.seen("t", "young", 1) is not None


def test_a_tenant_cannot_see_anothers_ids() -> None:
    admission = Admission(Limits())
    admission.apply(entry("r", 0))

    assert admission.seen("other", "r", 1) is None


def test_time_neither_goes_back_nor_ahead_of_our_clock() -> None:
    admission = Admission(Limits())
    assert admission.now(record_us=100, clock_us=200) == 100
    assert admission.now(record_us=10_000, clock_us=200) == 200
    admission.apply(entry("r", 150))
    assert admission.now(record_us=100, clock_us=120) == 150
