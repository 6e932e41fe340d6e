"""What may be committed of one input partition, and its marks: arithmetic, without any I/O.

Why the invariant of the marks holds:
- an output can be appended only after its input was delivered, so not below the end that was known at that moment (`ends`,
  known from acknowledgements and scans, only grows and is never beyond the log's real end);
- inputs are delivered in order and `ends` only grows, so the floor of the first uncommitted input is the lowest;
- an output of an earlier owner lies where the scan found it, or not below the scan's end: then it does not exist yet.
A mark stays true for as long as its offset is committed, so an old one is only slow.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamguard.intake.contract import Received
from streamguard.intake.existing import Existing
from streamguard.intake.marks import Place


class _Floor(NamedTuple):
    offset: int
    ends: list[int]


class Offsets:
    """One assignment of one input partition.

    `frontier`, what may be committed, passes an offset only when it and all delivered before it are done. `committed` is what
    the broker has accepted; `next` is the first offset not delivered.
    """

    def __init__(self, place: Place, committed: int, outputs: Sequence[Place]) -> None:
        self.place, self.outputs = place, tuple(outputs)
        self.committed = self.frontier = self.next = committed
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._existing: dict[tuple[int, int], Existing] = {}
        self._floors: deque[_Floor] = deque()

    @property
    def span(self) -> int:
        """How many inputs a kill would repeat at most: counted from the broker's commit, not from memory."""
        return self.next - self.committed

    @property
    def unfinished(self) -> int:
        """How many delivered inputs lie at or after the frontier, done or not."""
        return len(self._open)

    def learn(self, scanned: Mapping[tuple[int, int], Existing]) -> None:
        """Take in what a scan found, by offset and timestamp of the input."""
        for key, existing in scanned.items():
            if key in self._existing:
                self._existing[key].merge(existing)
            else:
                self._existing[key] = existing

    def deliver(self, records: Sequence[Received], ends: Mapping[Place, int]) -> Sequence[Received]:
        """Enter records in order, before any of them runs; those before `next` are left out. Returns what was entered."""
        if records and records[0].offset < self.next:
            records = [record for record in records if record.offset >= self.next]
        if records:
            self._floors.append(_Floor(records[0].offset, [ends.get(place, 0) for place in self.outputs]))
            self._open.extend([record.offset for record in records])
            self.next = records[-1].offset + 1
        return records

    def existing(self, record: Received) -> Existing | None:
        """By offset and timestamp: a topic that was created anew has the same offsets, with other inputs."""
        return self._existing.get((record.offset, record.timestamp)) if self._existing else None

    def ack(self, offset: int) -> None:
        """All outputs of this input are acknowledged."""
        if offset != self._open[0]:
            self._done.add(offset)
            return
        self._open.popleft()
        while self._open and self._open[0] in self._done:
            self._done.discard(offset := self._open.popleft())
        # Offsets have gaps (compaction, transactions): what follows the last one done is up to the next delivery.
        self.frontier = offset + 1

    def pass_over(self, position: int) -> None:
        """No record lies between what was delivered and `position`, at most markers of transactions. What is committed must not
        stay before them: Kafka deletes them like records, and an offset that is gone is taken for a loss."""
        if not self._open and position > self.next:
            self.next = self.frontier = position

    def marks(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        """For each output partition the lowest offset at which an output of an input at or after `frontier` can lie."""
        while len(self._floors) > 1 and self._floors[1].offset <= self.frontier:
            self._floors.popleft()
        if not self._open:
            self._floors.clear()
        low = self._floors[0].ends if self._floors else [ends.get(place, 0) for place in self.outputs]
        marks = dict(zip(self.outputs, low, strict=True))
        for key in [key for key in self._existing if key[0] < self.frontier]:
            del self._existing[key]
        for existing in self._existing.values():
            for place, offset in existing.at.items():
                if offset < marks.get(place, 0):
                    marks[place] = offset
        return marks
