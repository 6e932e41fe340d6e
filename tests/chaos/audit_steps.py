"""Each input one step: every record of the line against the record it was made from, and the other way round."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from streamguard.intake.existing import InputId
from streamguard.stages.chunks import CHUNKS
from streamguard.stages.guard import Epochs
from streamguard.stream.flow import FLOW
from streamguard.stream.topics import DEAD_LETTERS
from tests.chaos.audit_evidence import Evidence
from tests.chaos.audit_records import Decided, Kept, Letter, Told

READ_BY: Mapping[str, str] = {route.source: stage for stage, route in FLOW.items()}
"""The stage that reads a topic."""
_STEPS: Mapping[str, Sequence[frozenset[str]]] = {
    stage: [frozenset(topics) for topics in steps]
    for stage, steps in {
        "admit": (("admission-journal", "admitted"), ("requests",)),
        "guard": (("guarded",), ("outcomes", "responses")),
        "lookup": (("invocations",), ("invocations-batch",), ("completions",)),
        "invoke": (("completions",),),
        "invoke_batch": (("completions",),),
        "verify": (("outcomes", "responses"), ("outcomes", "responses", CHUNKS)),
    }.items()
}
"""What a step of each stage may give, beside a dead letter. What settle gives depends on the outcome."""


@dataclass
class Line:
    """The records of a run, put in relation."""

    evidence: Evidence
    void: set[InputId] = field(default_factory=set[InputId])
    """Records of the journal and of `admitted` that do not count: a deposed owner wrote them."""

    def __post_init__(self) -> None:
        self.void = _void(self.records("admission-journal"), self.records("admitted"))

    def records(self, topic: str) -> Sequence[Kept]:
        return self.evidence.records.get(topic, ())

    def valid(self, topic: str) -> Iterable[Kept]:
        """Without those that do not count."""
        return (one for one in self.records(topic) if one.name not in self.void)

    @cached_property
    def inputs(self) -> Mapping[InputId, Kept]:
        """Whatever a stage (or a replay) can make a record from."""
        read = [*READ_BY, DEAD_LETTERS]
        return {one.name: one for topic in read for one in self.records(topic)}

    @cached_property
    def strangers(self) -> Sequence[Kept]:
        """Records that the line did not make: somebody sent them."""
        sent = {(one.topic, one.digest) for one in self.evidence.sent}
        return [
            one
            for topic, records in self.evidence.records.items()
            for one in records
            if (topic, one.digest) in sent and one.digest and (one.source is None or one.source not in self.inputs)
        ]

    @cached_property
    def outputs(self) -> Mapping[InputId, Sequence[Kept]]:
        """What was made from each input, what does not count included."""
        found: defaultdict[InputId, list[Kept]] = defaultdict(list)
        for records in self.evidence.records.values():
            for one in records:
                if one.source is not None:
                    found[one.source].append(one)
        return found

    def counting(self, record: Kept) -> Sequence[Kept]:
        """Outputs of a record that count."""
        return [one for one in self.outputs.get(record.name, ()) if one.name not in self.void]


def steps(line: Line) -> tuple[list[str], list[str], list[str]]:
    """What is lost, what is there twice, and what is wrong otherwise, each with its place."""
    lost: list[str] = []
    twice: list[str] = []
    wrong: list[str] = []
    decided = {one.identity for one in line.valid("admission-journal") if one.identity is not None}
    for topic, stage in READ_BY.items():
        for record in line.records(topic):
            outputs = line.counting(record)
            counts = Counter(one.topic for one in outputs)
            twice += [
                f"{record} has {count} outputs in {at}: {_places(outputs, at)}"
                for at, count in counts.items()
                if count > 1
            ]
            if record.name in line.void:
                wrong += [f"{one} was made from {record}, which is void" for one in outputs]
                continue
            there = frozenset(counts)
            if not there:
                if topic != "requests" or record.identity not in decided:
                    lost.append(f"nothing came of {record}")
                continue
            if not any(one.of <= there for one in outputs):
                missing = frozenset[str]().union(*(one.of for one in outputs)) - there
                lost.append(f"{record} has no output in {', '.join(sorted(missing))}")
            elif problem := _not_a_step(line, stage, record, there):
                wrong.append(problem)
            wrong += _not_its_own(record, outputs)
    twice += _letters_twice(line)
    wrong += _replays(line)
    wrong += _of_nothing(line)
    wrong += _of_no_owner(line)
    return lost, twice, wrong


def _not_a_step(line: Line, stage: str, record: Kept, there: frozenset[str]) -> str | None:
    rest = there - {DEAD_LETTERS}
    if DEAD_LETTERS in there:
        return None
    if not record.readable:
        return f"{record} cannot be read, and gave {', '.join(sorted(there))} instead of a dead letter"
    if stage == "settle":
        assert isinstance(record.fact, Told)
        owed = record.fact.books if line.evidence.payloads else record.fact.books - {"payloads"}
        return None if rest == owed else f"{record} owes {', '.join(sorted(owed))} and gave {', '.join(sorted(rest))}"
    return None if rest in _STEPS[stage] else f"{record} gave {', '.join(sorted(rest))}, which is no step of {stage}"


def _not_its_own(record: Kept, outputs: Sequence[Kept]) -> Iterable[str]:
    for one in outputs:
        if one.topic == DEAD_LETTERS:
            assert isinstance(one.fact, Letter)
            if one.fact.at != record.name:
                yield f"{one} names another place than {record}"
            if record.digest and one.digest != record.digest and not one.fact.empty:
                yield f"{one} holds other bytes than {record}"
        elif one.identity != record.identity:
            yield f"{one} is another request's than {record}, from which it was made"


def _letters_twice(line: Line) -> Iterable[str]:
    """A record dies once in a stage, and is replayed once from there."""
    by_sink = Counter(
        one.fact.at
        for one in line.records(DEAD_LETTERS)
        if isinstance(one.fact, Letter) and one.fact.stage == "sink" and one.source is None
    )
    yield from (f"{count} dead letters of {at} by the sink" for at, count in by_sink.items() if count > 1)
    for letter in line.records(DEAD_LETTERS):
        if len(replays := line.outputs.get(letter.name, ())) > 1:
            yield f"{letter} was replayed {len(replays)} times: {', '.join(map(str, replays))}"


def _replays(line: Line) -> Iterable[str]:
    """What was replayed lies where it lay, with the bytes that it had, and is another pass of the same request."""
    for letter in line.records(DEAD_LETTERS):
        for one in line.outputs.get(letter.name, ()):
            assert isinstance(letter.fact, Letter)
            at = letter.fact.at
            if at is None or at.place != one.place:
                yield f"{one} was replayed from {letter} to another place than it had"
            if one.digest != letter.digest:
                yield f"{one} holds other bytes than {letter}, from which it was replayed"
            before = line.inputs.get(at) if at is not None else None
            if before is None or before.identity is None:
                continue
            if (
                one.identity is None
                or one.identity[:2] != before.identity[:2]
                or one.identity.run <= before.identity.run
            ):
                yield f"{one} was replayed from {letter} and is no further pass of {before}"


def _of_nothing(line: Line) -> Iterable[str]:
    sent = {id(one) for one in line.strangers}
    for topic, records in line.evidence.records.items():
        for one in records:
            if one.source is None:
                by_us = topic not in ("requests", "admission-journal") or (
                    isinstance(one.fact, Decided) and one.fact.action != "marker"
                )
                shown = topic == CHUNKS  # while the step ran, beside its outputs
                by_sink = isinstance(one.fact, Letter) and one.fact.stage == "sink"
                if by_us and not by_sink and not shown and id(one) not in sent:
                    yield f"{one} names no input"
            elif one.source not in line.inputs and id(one) not in sent:
                yield f"{one} was made from {'/'.join(map(str, (*one.source.place, one.source.offset)))}, which is no record"


def _of_no_owner(line: Line) -> Iterable[str]:
    """Every decision is one of an owner who wrote its marker first."""
    markers = {
        (one.place.partition, one.offset)
        for one in line.valid("admission-journal")
        if isinstance(one.fact, Decided) and one.fact.epoch is None
    }
    for one in chain(line.valid("admission-journal"), line.valid("admitted")):
        if not isinstance(one.fact, Decided) or one.fact.epoch is None:
            continue
        if (one.fact.partition, one.fact.epoch) not in markers:
            yield f"{one} is of epoch {one.fact.epoch}, where the journal has no marker that counts"


def _void(journal: Iterable[Kept], admitted: Iterable[Kept]) -> set[InputId]:
    """By the rules of their readers: `streamguard.limits.journal` and `streamguard.stages.guard.Epochs`."""
    void: set[InputId] = set()
    epochs: dict[int, int] = {}
    for one in journal:
        if not isinstance(one.fact, Decided):
            continue  # it cannot be read, and stops the next owner
        epoch = epochs.get(one.place.partition)
        if one.fact.epoch is None:
            if epoch is not None and epoch >= one.fact.based_on:
                void.add(one.name)
            else:
                epochs[one.place.partition] = one.offset
        elif epoch is not None and one.fact.epoch != epoch:
            void.add(one.name)
    reader = Epochs()
    for one in admitted:
        fact = one.fact if isinstance(one.fact, Decided) else None  # None: it cannot be read
        if fact is None or fact.epoch is None or (one.source is not None and one.source.place.topic == DEAD_LETTERS):
            continue  # for a replay an operator vouches
        if reader.void(one.place.partition, one.offset, fact.partition, fact.epoch):
            void.add(one.name)
    return void


def _places(outputs: Sequence[Kept], topic: str) -> str:
    return ", ".join(str(one) for one in outputs if one.topic == topic)
