"""Each request one end: what the records of one identity, all stages together, say of each other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from streamguard.stream.planned import Identity
from streamguard.stream.topics import DEAD_LETTERS
from tests.chaos.audit_records import Answer, Decided, Kept, Sum, Told
from tests.chaos.audit_rows import Booked
from tests.chaos.audit_steps import Line

ONE_EACH = ("outcomes", "responses", "telemetry", "settlements")
"""A request that was decided on has one record in each of these."""
_AT_MOST_ONE = (
    "admission-journal",
    "admitted",
    "guarded",
    "invocations",
    "invocations-batch",
    "completions",
    "payloads",
    "cache-entries",
)

ByIdentity = Mapping[Identity, Mapping[str, Sequence[Kept]]]


def by_identity(line: Line) -> ByIdentity:
    """Records that count and name a request, by request and topic."""
    found: defaultdict[Identity, defaultdict[str, list[Kept]]] = defaultdict(lambda: defaultdict(list))
    for topic in line.evidence.records:
        for one in line.valid(topic):
            if one.identity is not None and topic != DEAD_LETTERS:
                found[one.identity][topic].append(one)
    return found


def unsent(line: Line) -> list[str]:
    """What was acknowledged to its sender and is not there, as often as it was acknowledged."""
    there = Counter(
        (one.topic, one.digest) for records in line.evidence.records.values() for one in records if one.digest
    )
    asked = Counter((one.topic, one.digest) for one in line.evidence.sent)
    named = {one.digest: one.identity for one in line.evidence.sent if one.identity is not None}
    return [
        f"{_name(named[digest]) if digest in named else f'a record of bytes {digest.hex()}'} was acknowledged {count} times and "
        f"is {there[topic, digest]} times in {topic}"
        for (topic, digest), count in asked.items()
        if there[topic, digest] < count
    ]


def ends(line: Line, found: ByIdentity) -> tuple[list[str], list[str], list[str], list[str]]:
    """What is lost, twice, wrong otherwise, and which reservations are open, each with its place."""
    lost: list[str] = []
    twice: list[str] = []
    wrong: list[str] = []
    still_open: list[str] = []
    replayed = _replayed(line)
    for identity, by_topic in found.items():
        name = _name(identity)
        if not _has_to_end(line, by_topic):
            wrong += [f"{name} was never asked, and is in {topic}" for topic in by_topic if topic != "requests"]
            continue
        for topic in (*ONE_EACH, *_AT_MOST_ONE):
            records = by_topic.get(topic, ())
            if len(records) > 1:
                twice.append(f"{name} is {len(records)} times in {topic}: {', '.join(map(str, records))}")
            elif not records and topic == "settlements" and _reserved(by_topic):
                still_open.append(f"{name} was let in ({by_topic['admission-journal'][0]}) and has no settlement")
            elif not records and topic in ONE_EACH:
                lost.append(f"{name} has nothing in {topic}")
        if "admission-journal" not in by_topic and identity not in replayed:
            wrong.append(f"{name} has no decision")
        wrong += _disagreements(name, by_topic)
    return lost, twice, wrong, still_open


def _has_to_end(line: Line, by_topic: Mapping[str, Sequence[Kept]]) -> bool:
    """Whether any record that was asked is more than sent on to another partition or buried without a decision."""
    if any(
        one.source is not None and one.source.place.topic == DEAD_LETTERS for all_ in by_topic.values() for one in all_
    ):
        return True
    for one in by_topic.get("requests", ()):
        topics = {output.topic for output in line.counting(one)}
        if topics not in ({"requests"}, {DEAD_LETTERS}):
            return True
    return False


def _replayed(line: Line) -> set[Identity]:
    """Those that came back from the dead letters behind admit: nobody decides on them again."""
    return {
        one.identity
        for topic, records in line.evidence.records.items()
        for one in records
        if topic != "requests"
        and one.identity is not None
        and one.source is not None
        and one.source.place.topic == DEAD_LETTERS
    }


def _reserved(by_topic: Mapping[str, Sequence[Kept]]) -> bool:
    return any(
        isinstance(one.fact, Decided) and one.fact.action == "admit" for one in by_topic.get("admission-journal", ())
    )


def _disagreements(name: str, by_topic: Mapping[str, Sequence[Kept]]) -> Iterable[str]:
    outcome = _only(by_topic, "outcomes")
    if outcome is None or not isinstance(told := outcome.fact, Told):
        return
    for topic in ("responses", "telemetry", "settlements", "completions", "cache-entries"):
        one = _only(by_topic, topic)
        if one is None:
            continue
        if isinstance(one.fact, Told | Booked) and (one.fact.status, one.fact.reason) != (told.status, told.reason):
            yield f"{name}: {outcome} says {_end(told)}, {one} says {_end(one.fact)}"
        elif isinstance(one.fact, Sum) and one.fact.status not in ("", told.status):
            yield f"{name}: {outcome} says {told.status}, {one} says {one.fact.status}"
        if isinstance(one.fact, Told) and one.fact.signature != told.signature:
            yield f"{name}: {one} was not made with {outcome}: their signatures differ"
        if isinstance(one.fact, Told | Booked | Sum | Answer) and one.fact.cost_nusd != told.cost_nusd:
            yield f"{name}: {outcome} costs {told.cost_nusd} nusd, {one} says {one.fact.cost_nusd}"
    settlement = _only(by_topic, "settlements")
    made = sum(call.status != "skipped" for call in told.calls)
    if settlement is not None and isinstance(settlement.fact, Sum) and settlement.fact.calls != made:
        yield f"{name}: {outcome} has {made} calls, {settlement} says {settlement.fact.calls}"


def _only(by_topic: Mapping[str, Sequence[Kept]], topic: str) -> Kept | None:
    records = by_topic.get(topic, ())
    return records[0] if len(records) == 1 else None


def _end(fact: Told | Booked) -> str:
    return f"{fact.status} {fact.reason}" if fact.reason else fact.status


def _name(identity: Identity) -> str:
    return "/".join(map(str, identity))
