"""Offsets, marks and the scan together, under any interleaving of delivery, sending, acknowledgement, commit and crash."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamguard.intake.context import Ends
from streamguard.intake.contract import Output, Received
from streamguard.intake.existing import OF, SRC, Existing, parse_src, plan
from streamguard.intake.marks import Place, decode, encode, starts
from streamguard.intake.offsets import Offsets

INPUT = Place("in", 0)
PLACES = (Place("target", 0), Place("rekeyed", 0), Place("rekeyed", 1))


def record(offset: int) -> Received:
    return Received("in", 0, offset, 1000 + offset, b"k", b"v")


def wanted(offset: int) -> list[Output]:
    """Which outputs an input has; some none, some the re-keyed one first."""
    target, rekeyed = Output("target", None, b""), Output("rekeyed", None, b"", partition=offset // 5 % 2)
    return [[target], [target, rekeyed], [rekeyed, target], [rekeyed], []][offset % 5]


def place_of(out: Output) -> Place:
    return Place(out.topic, out.partition or 0)


@dataclass
class Running:
    """One step: what it still has to send, and what was sent and not acknowledged."""

    todo: list[Output]
    serial: bool
    headers: tuple[tuple[str, bytes], ...]
    unacknowledged: list[tuple[Place, int]] = field(default_factory=list[tuple[Place, int]])


class Deliveries(RuleBasedStateMachine):
    """A broker in memory, one worker at a time, and the arithmetic between them."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = 8
        self.logs: dict[Place, list[tuple[tuple[str, bytes], ...]]] = {place: [] for place in PLACES}
        self.committed, self.metadata = 0, ""
        self.running: dict[int, Running] = {}
        self.ends = Ends()
        self.offsets = Offsets(INPUT, 0, PLACES)

    # -- the world ------------------------------------------------------------------------------------------------
    @rule(count=st.integers(1, 6))
    def produce(self, count: int) -> None:
        self.inputs += count

    @rule(place=st.sampled_from(PLACES), count=st.integers(1, 3))
    def others_write_too(self, place: Place, count: int) -> None:
        self.logs[place] += [()] * count

    # -- the worker -----------------------------------------------------------------------------------------------
    @rule(count=st.integers(1, 5))
    def deliver(self, count: int) -> None:
        last = min(self.offsets.next + count, self.inputs)
        fetched = [record(at) for at in range(max(0, self.offsets.next - 1), last)]  # one too many: it must be left out
        for one in self.offsets.deliver(fetched, self.ends):
            existing = self.offsets.existing(one)
            if existing is not None and existing.complete:
                self.offsets.ack(one.offset)
                continue
            todo = plan(one, wanted(one.offset), existing)
            sending = [*([todo.deciding] if todo.deciding else []), *todo.rest]
            self.running[one.offset] = Running(sending, todo.deciding is not None, todo.headers)
            self._finish(one.offset)

    @rule(moves=st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=8))
    def work(self, moves: list[tuple[int, bool]]) -> None:
        """Steps send their next output, and mostly see it acknowledged."""
        for which, acknowledged in moves:
            if not self.running:
                return
            offset = sorted(self.running)[which % len(self.running)]
            step = self.running[offset]
            if step.todo and not (step.serial and step.unacknowledged):
                place = place_of(step.todo.pop(0))
                step.unacknowledged.append((place, len(self.logs[place])))
                self.logs[place].append(step.headers)
            if acknowledged:
                self._acknowledge(offset)

    @rule(accepted=st.sampled_from([True, True, False]))
    def commit(self, accepted: bool) -> None:
        frontier, metadata = self.offsets.frontier, encode(self.offsets.marks(self.ends))
        if accepted:
            self.committed, self.metadata = frontier, metadata
            self.offsets.committed = frontier

    @rule(place=st.sampled_from(PLACES))
    def look_at_ends(self, place: Place) -> None:
        self.ends.reached(place, len(self.logs[place]) - 1)

    @rule()
    def crash(self) -> None:
        """What was sent stays, what was not acknowledged too; a new worker scans and begins at the commit."""
        self.running.clear()
        self.offsets = Offsets(INPUT, self.committed, PLACES)
        self.ends = Ends()
        self._scan()

    @rule()
    def keep(self) -> None:
        """A rebalance that leaves the partition here: flushed, scanned, steps go on if nobody else committed."""
        for offset in list(self.running):
            while offset in self.running and self.running[offset].unacknowledged:
                self._acknowledge(offset)
        if self.offsets.committed == self.committed:
            self._scan()

    @rule()
    def marks_are_lost(self) -> None:
        """A tool committed the same offset without marks."""
        self.metadata = "set by a tool"

    def _scan(self) -> None:
        found: dict[tuple[int, int], Existing] = {}
        for place, start in starts([decode(self.metadata)], [PLACES]).items():
            for at in range(start, len(self.logs[place])):
                headers = dict(self.logs[place][at])
                if (source := parse_src(headers.get(SRC))) and source.offset >= self.committed:
                    want = frozenset(headers[OF].decode().split(","))
                    found.setdefault((source.offset, source.timestamp), Existing()).add(place, at, want, b"")
        self.offsets.learn(found)
        self.ends.update({place: len(log) for place, log in self.logs.items()})

    def _acknowledge(self, offset: int) -> None:
        step = self.running[offset]
        if step.unacknowledged:
            self.ends.reached(*step.unacknowledged.pop(0))
            step.serial = False
            self._finish(offset)

    def _finish(self, offset: int) -> None:
        step = self.running[offset]
        if not step.todo and not step.unacknowledged:
            del self.running[offset]
            self.offsets.ack(offset)

    # -- what must hold -------------------------------------------------------------------------------------------
    def _stored(self) -> list[tuple[str, Place, int, int]]:
        """Output topic, place, its offset, and the offset of its input."""
        return [
            (place.topic, place, at, source.offset)
            for place, log in self.logs.items()
            for at, headers in enumerate(log)
            if (source := parse_src(dict(headers).get(SRC)))
        ]

    @invariant()
    def nothing_twice(self) -> None:
        counts = Counter((topic, source) for topic, _, _, source in self._stored())
        assert not counts or max(counts.values()) == 1

    @invariant()
    def nothing_lost(self) -> None:
        stored = {(topic, source) for topic, _, _, source in self._stored()}
        for offset in range(self.committed):
            assert {(out.topic, offset) for out in wanted(offset)} <= stored

    @invariant()
    def marks_hold(self) -> None:
        marks = decode(self.metadata)
        for _, place, at, source in self._stored():
            if source >= self.committed:
                assert at >= marks.get(place, 0), (place, at, source)

    @invariant()
    def counts_agree(self) -> None:
        assert self.committed <= self.offsets.frontier <= self.offsets.next <= self.inputs
        assert self.offsets.span == self.offsets.next - self.offsets.committed
        assert not self.running or min(self.running) >= self.offsets.frontier


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)

places = st.builds(Place, st.sampled_from(["a", "b.c", "d_e-f"]), st.integers(0, 400))


@given(st.dictionaries(places, st.integers(0, 36**8), max_size=60))
def test_marks_survive_the_round_trip(marks: dict[Place, int]) -> None:
    assert decode(encode(marks)) == marks


@given(st.text(max_size=60))
def test_any_metadata_can_be_read(text: str) -> None:
    assert all(mark >= 0 and place.partition >= 0 for place, mark in decode(text).items())
