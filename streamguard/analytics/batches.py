"""Chunks of one partition, cut so that each record is written once, whatever dies when: pure, without any I/O.

A chunk is a range of offsets, inserted under the token `topic:partition:start:end`; the store drops an insert whose token
it knows. So a range must never be cut in two ways. The order of steps takes care of that:

1. plan: commit the chunk's *start* with its end as metadata (`Chunk.plan`);
2. write its dead letters, if there are any, then insert its rows, table by table, each under the chunk's token;
3. commit its *end*, with no plan. This commit may carry the plan of the next chunk at once.

Whoever takes the partition over reads start and plan from the committed offset and cuts the same range again. Full
chunks are planned like partial ones: else a restart could cut in half, by a flush on time, what was inserted whole and
not yet committed. For a chunk with dead letters the plan also says where their topic ended before the first was
written: they have no token, so whoever repeats the chunk looks there which of them exist. Chunks end at multiples of
`size` at the latest, so their bounds are the same in every run under full load.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamguard.analytics.errors import PlanUnreadable

T = TypeVar("T")
_PLAN = re.compile(r"sink1:(\d{1,19})(?::(\d{1,19}))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is committed beside a chunk's start: its `end`, and the offset from which on its dead letters stand, if it has any."""

    end: int
    letters: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """The offsets from `start` (included) to `end` (excluded) and what they hold, in order; gaps are natural."""

    start: int
    end: int
    items: tuple[T, ...]

    def token(self, topic: str, partition: int) -> str:
        """What the store knows this chunk by."""
        return f"{topic}:{partition}:{self.start}:{self.end}"


def encode_plan(plan: Plan | None) -> str:
    """Commit metadata; empty where nothing is planned."""
    if plan is None:
        return ""
    return f"sink1:{plan.end}" + ("" if plan.letters is None else f":{plan.letters}")


def decode_plan(committed: int, metadata: str) -> Plan | None:
    """The plan beside a committed offset, None where nothing is planned.

    Raises `PlanUnreadable` for metadata of another hand: to ignore a plan could write records twice.
    """
    if not metadata:
        return None
    read = _PLAN.fullmatch(metadata)
    if read is None or int(read[1]) <= committed:
        raise PlanUnreadable(committed)
    return Plan(int(read[1]), None if read[2] is None else int(read[2]))


class Chunks(Generic[T]):
    """One assignment of one partition: takes items in the order of their offsets, gives chunks.

    `committed` and `planned` are what the broker has; `size` is in offsets, `weight` bounds a chunk in whatever unit
    `take` is given (bytes).
    """

    def __init__(self, committed: int, planned: int | None, *, size: int, weight: int) -> None:
        self.committed = committed
        self.planned = planned
        self.next = committed
        """The offset that is expected next; a later one is a natural gap."""
        self._size, self._limit = size, weight
        self._items: deque[tuple[int, T]] = deque()
        self._cut: int | None = None
        self._weight = 0
        self._weights: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def take(self, offset: int, item: T, weight: int = 0) -> None:
        """Enter what was read. What was entered before, or is committed already, changes nothing."""
        if offset < self.next:
            return
        self.next = offset + 1
        self._items.append((offset, item))
        self._weights.append(weight)
        self._weight += weight
        self._find_cut()

    @property
    def first(self) -> T | None:
        """What has waited longest."""
        return self._items[0][1] if self._items else None

    @property
    def full(self) -> bool:
        """Whether a whole chunk is here: nothing more needs to be read before it is written."""
        if self.planned is not None:
            return self.next >= self.planned
        return self._cut is not None

    def chunk(self, *, partial: bool) -> Chunk[T] | None:
        """What to write next, None when it must wait: for more records, or, if `partial`, for any.

        A planned range is given only as a whole. The answer stays the same until something is entered or `done`.
        """
        if self.planned is not None:
            end = self.planned if self.next >= self.planned else None
        elif self._cut is not None:
            end = self._cut
        else:
            end = self.next if partial and self._items else None
        if end is None:
            return None
        return Chunk(self.committed, end, tuple(item for offset, item in self._items if offset < end))

    def plan(self, chunk: Chunk[T]) -> None:
        """The broker has accepted the chunk's end beside its start."""
        self.planned = chunk.end

    def done(self, chunk: Chunk[T]) -> None:
        """All of it is in the store; its end is what is to be committed."""
        while self._items and self._items[0][0] < chunk.end:
            self._items.popleft()
            self._weight -= self._weights.popleft()
        self.committed, self.planned, self._cut = chunk.end, None, None
        self.next = max(self.next, chunk.end)
        self._find_cut()

    def _find_cut(self) -> None:
        """Where an unplanned chunk must end: at the next multiple of the size, or where it is heavy enough."""
        if self._cut is not None or not self._items:
            return
        border = (self._items[0][0] // self._size + 1) * self._size
        if self.next >= border:
            self._cut = border
        elif self._weight >= self._limit:
            self._cut = self.next
