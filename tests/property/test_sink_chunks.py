"""Whatever dies between two steps of writing a chunk, and whoever takes over: each record is in the store once."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streamguard.analytics.batches import Chunk, Chunks, Plan, decode_plan, encode_plan
from streamguard.analytics.errors import PlanUnreadable

TABLES = ("requests", "calls")
MOSTLY = st.sampled_from([True, True, True, False])


class Line(RuleBasedStateMachine):
    """A log, a group's committed offset with metadata, a store that knows tokens, and a writer that may die at any step."""

    @initialize(first=st.integers(0, 30), size=st.integers(1, 9), weight=st.integers(3, 40))
    def begin(self, first: int, size: int, weight: int) -> None:
        self.first, self.size, self.weight = first, size, weight
        self.log: list[int] = []
        self.end = first
        self.saved: tuple[int, str] | None = None
        self.tokens: set[str] = set()
        self.store: Counter[tuple[str, int]] = Counter()
        self.writer: Chunks[int] | None = None
        self.writing: Chunk[int] | None = None
        self.inserted: list[str] = []
        self.frozen: list[Chunk[int]] = []

    @rule(gap=st.sampled_from([0, 0, 0, 1, 7]), count=st.integers(1, 6))
    def append(self, gap: int, count: int) -> None:
        self.end += gap
        self.log.extend(range(self.end, self.end + count))
        self.end += count

    @rule()
    def start_or_take_over(self) -> None:
        """The one before may have died at any step, or sleep and wake in the middle of an insert."""
        if self.writing is not None:
            self.frozen.append(self.writing)
        offset, metadata = self.saved or (self.first, "")
        plan = decode_plan(offset, metadata)
        self.writer = Chunks[int](offset, plan.end if plan else None, size=self.size, weight=self.weight)
        self.writing, self.inserted = None, []

    @precondition(lambda self: self.writer is not None)
    @rule(count=st.integers(1, 8), again=st.booleans())
    def read(self, count: int, again: bool) -> None:
        assert self.writer is not None
        waiting = [offset for offset in self.log if offset >= self.writer.next]
        for offset in waiting[:count]:
            self.writer.take(offset, offset, 1)
        if again and waiting:
            self.writer.take(waiting[0], waiting[0], 1)  # delivered twice

    @precondition(lambda self: bool(self.writing and self.inserted))
    @rule(count=st.integers(0, 3))
    def die_in_the_middle(self, count: int) -> None:
        """Some of the tables have the chunk; its next owner has read only a little when it is told to flush."""
        self.start_or_take_over()
        if count:
            self.read(count=count, again=False)

    @precondition(lambda self: self.writer is not None and self.writing is None)
    @rule(partial=MOSTLY, accepted=MOSTLY, heard=MOSTLY)
    def plan(self, partial: bool, accepted: bool, heard: bool) -> None:
        """The commit may be refused, or accepted without the writer hearing of it; then it plans anew."""
        assert self.writer is not None
        chunk = self.writer.chunk(partial=partial)
        if chunk is None or not accepted:
            return
        self.saved = (chunk.start, encode_plan(Plan(chunk.end)))
        if heard:
            self.writer.plan(chunk)
            self.writing, self.inserted = chunk, []

    @precondition(lambda self: self.writing is not None and len(self.inserted) < len(TABLES))
    @rule(heard=MOSTLY)
    def insert(self, heard: bool) -> None:
        """One table's rows. An insert can arrive and its confirmation be lost: then the next try sends it again."""
        assert self.writing is not None
        table = TABLES[len(self.inserted)]
        self._send(self.writing, table)
        if heard:
            self.inserted.append(table)

    @precondition(lambda self: self.frozen)
    @rule(which=st.integers(0, 100), table=st.sampled_from(TABLES))
    def wake(self, which: int, table: str) -> None:
        """An owner of before, frozen since its plan was accepted, sends what it had in hand."""
        self._send(self.frozen[which % len(self.frozen)], table)

    def _send(self, chunk: Chunk[int], table: str) -> None:
        token = f"{chunk.token('telemetry', 0)}:{table}"
        if token not in self.tokens:
            self.tokens.add(token)
            self.store.update((table, offset) for offset in chunk.items)

    @precondition(lambda self: self.writing is not None and len(self.inserted) == len(TABLES))
    @rule(accepted=MOSTLY)
    def commit(self, accepted: bool) -> None:
        assert self.writer is not None
        assert self.writing is not None
        self.writer.done(self.writing)
        self.writing = None
        if accepted:
            self.saved = (self.writer.committed, "")

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert not [place for place, count in getattr(self, "store", Counter[object]()).items() if count > 1]

    def teardown(self) -> None:
        """Left alone, everything arrives."""
        if not hasattr(self, "log"):
            return
        self.start_or_take_over()
        self.read(count=10**6, again=False)
        for _ in range(2 * len(self.log) + 2):
            self.plan(partial=True, accepted=True, heard=True)
            if self.writing is None:
                break
            for _ in TABLES:
                self.insert(heard=True)
            self.commit(accepted=True)
        self.nothing_is_there_twice()
        assert {(table, offset) for table in TABLES for offset in self.log} == set(self.store)


Line.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None, derandomize=True)
TestLine = Line.TestCase


def filled(count: int, *, size: int = 10, committed: int = 0, weight: int = 10**9) -> Chunks[int]:
    chunks = Chunks[int](committed, None, size=size, weight=weight)
    for offset in range(committed, committed + count):
        chunks.take(offset, offset, 100)
    return chunks


def test_whole_chunks_end_at_fixed_borders() -> None:
    chunks = filled(25, committed=7)
    ends: list[tuple[int, int]] = []
    while (chunk := chunks.chunk(partial=False)) is not None:
        chunks.plan(chunk)
        chunks.done(chunk)
        ends.append((chunk.start, chunk.end))
    assert ends == [(7, 10), (10, 20), (20, 30)]
    assert (len(chunks), chunks.full) == (2, False)


def test_a_part_is_given_only_when_asked_for() -> None:
    chunks = filled(3)
    assert chunks.chunk(partial=False) is None
    chunk = chunks.chunk(partial=True)
    assert chunk is not None
    assert (chunk.start, chunk.end, chunk.items) == (0, 3, (0, 1, 2))
    assert chunk.token("telemetry", 5) == "telemetry:5:0:3"


def test_a_planned_range_waits_until_it_is_whole() -> None:
    chunks = Chunks[str](4, 7, size=100, weight=10**9)
    chunks.take(4, "a")
    chunks.take(5, "b")
    assert chunks.chunk(partial=True) is None
    assert not chunks.full
    chunks.take(9, "c")  # 6, 7 and 8 are natural gaps
    chunk = chunks.chunk(partial=True)
    assert chunk is not None
    assert (chunk.start, chunk.end, chunk.items) == (4, 7, ("a", "b"))


def test_heavy_records_end_a_chunk_early() -> None:
    chunks = filled(5, size=1000, weight=300)
    chunk = chunks.chunk(partial=False)
    assert chunk is not None
    assert chunks.full
    assert chunk.end == 3


@pytest.mark.parametrize(
    "metadata", ["garbage", "sink1:", "sink1:10", "sink1:9", "sink2:30", "sink1:-4", "sink1:11:", "sink1:11:x"]
)
def test_a_plan_that_cannot_be_read_stops_everything(metadata: str) -> None:
    with pytest.raises(PlanUnreadable, match="10"):
        decode_plan(10, metadata)


def test_a_plan_survives_its_way_through_the_metadata() -> None:
    assert decode_plan(10, encode_plan(Plan(11))) == Plan(11)
    assert decode_plan(10, encode_plan(Plan(11, 0))) == Plan(11, 0)
    assert decode_plan(10, encode_plan(None)) is None
