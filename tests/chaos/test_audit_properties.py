"""Whatever a clean run looks like: no single record can go missing or come twice without the audit finding it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.intake.marks import Place
from streamguard.stream.planned import Identity
from tests.chaos.audit import Evidence, examine
from tests.chaos.audit_example import BROKEN, Example
from tests.chaos.audit_planting import again, swapped, without
from tests.chaos.audit_records import Decided, Kept, Piece

KINDS = ("answered", "cached", "repeated", "refused", "broken", "misplaced", "twice", "streamed", "cancelled")


@st.composite
def runs(draw: st.DrawFn) -> Evidence:
    """Up to a dozen requests of any kind, in a few conversations, under one or two owners of the journal."""
    run = Example()
    run.own(0)
    run.own(1)
    for number, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12))):
        if draw(st.integers(0, 5)) == 0:
            run.own(0)
        if kind == "broken":
            run.broken()
            continue
        request = run.send(Identity("acme", f"r{number}"), cancelled=kind == "cancelled")
        placed = run.moved(request, 1) if kind == "misplaced" else request
        admitted = run.admit(placed, draw(st.sampled_from(("talk", "other", f"r{number}"))))
        if kind == "refused":
            run.refuse(admitted)
        elif kind in ("streamed", "cancelled"):
            run.stream(admitted, answered=kind == "streamed")
        else:
            run.answer(admitted, cached=kind == "cached", repeated=kind == "repeated")
        if kind == "twice":
            run.send(Identity("acme", f"r{number}"))
    return run.evidence()


@given(runs())
def test_every_clean_run_is_clean(run: Evidence) -> None:
    findings = examine(run)
    assert findings.ok, findings.summary()


@settings(max_examples=60)
@given(runs(), st.data())
def test_no_record_goes_missing_unseen(run: Evidence, data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from([name for name, records in run.records.items() if records]))
    at = data.draw(st.integers(0, len(run.records[topic]) - 1))
    if _unused(run, run.records[topic][at]):
        return
    assert not examine(without(topic, at)(run)).ok, f"{run.records[topic][at]} is gone"


@settings(max_examples=60)
@given(runs(), st.data())
def test_no_record_comes_twice_unseen(run: Evidence, data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from([name for name, records in run.records.items() if records]))
    at = data.draw(st.integers(0, len(run.records[topic]) - 1))
    one = run.records[topic][at]
    if _marker(one) or (topic == "requests" and one.identity is not None and one.source is None):
        return  # a marker that came late is void, and services may send a request again
    if isinstance(one.fact, Piece) and one.source is None:
        return  # readers pass over what they know
    findings = examine(again(topic, at)(run))
    late = findings.void > examine(run).void  # behind a newer owner's marker: it counts for nobody, which is the rule
    assert late or not findings.ok, f"{one} is there twice"


@settings(max_examples=60)
@given(runs(), st.data())
def test_no_pair_of_a_key_is_swapped_unseen(run: Evidence, data: st.DataObject) -> None:
    """Of one stage, that is: a refusal may stand before the answer to an earlier request."""
    topics = [name for name in run.records if name not in ("requests", "dead-letters")]
    pairs = [
        (topic, first, second)
        for topic in topics
        for second, later in enumerate(run.records[topic])
        for first, earlier in enumerate(run.records[topic][:second])
        if _same_lane(earlier, later)
    ]
    if pairs:
        topic, first, second = data.draw(st.sampled_from(pairs))
        assert not examine(swapped(topic, first, second)(run)).ok, f"{topic}: {first} and {second}"


def _same_lane(one: Kept, two: Kept) -> bool:
    if one.source is None or two.source is None:
        return False
    return (one.place, one.key, one.source.place) == (two.place, two.key, two.source.place)


def _marker(one: Kept) -> bool:
    return isinstance(one.fact, Decided) and one.fact.epoch is None


def _unused(run: Evidence, one: Kept) -> bool:
    """A marker under which nothing was decided, and what was shown in a stream that was begun anew: only their offsets can be
    missed, see the last test."""
    if isinstance(one.fact, Piece):
        return one.fact.chunk.stream == BROKEN
    return _marker(one) and not any(
        isinstance(other.fact, Decided)
        and (other.fact.partition, other.fact.epoch) == (one.place.partition, one.offset)
        for other in run.records["admission-journal"]
    )


def test_an_offset_that_is_missing_is_found_whatever_it_held() -> None:
    run = Example()
    run.own(0)
    run.own(0)
    evidence = run.evidence()
    journal = Place("admission-journal", 0)
    gone = Evidence(
        records={**evidence.records, journal.topic: evidence.records[journal.topic][1:]},
        sent=(),
        ends=evidence.ends,
        committed=evidence.committed,
        calls=(),
    )
    assert examine(gone).wrong == ["admission-journal/0 ends at 2 and holds 1 records"]
