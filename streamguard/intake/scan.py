"""The scan: which outputs of uncommitted inputs exist already. It decides by offsets alone and reads no clock for it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamguard.intake.errors import Stalled
from streamguard.intake.existing import OF, SRC, Existing, Void, parse_src
from streamguard.intake.marks import Place

ByInput = dict[tuple[int, int], Existing]
"""Offset and timestamp of an input to its outputs."""


@dataclass(slots=True)
class Scanned:
    """What a scan found. `ends` are the log ends it went to."""

    existing: dict[Place, ByInput] = field(default_factory=dict[Place, ByInput])
    ends: dict[Place, int] = field(default_factory=dict[Place, int])
    records: int = 0

    def take(
        self, record: "ConsumerRecord[bytes | None, bytes | None]", committed: Mapping[Place, int], void: Void | None
    ) -> None:
        """Note one record if it is an output of an uncommitted input. The first value of a header counts."""
        self.records += 1
        headers = dict(reversed(record.headers))
        source = parse_src(headers.get(SRC))
        if source is None or source.offset < committed.get(source.place, source.offset + 1):
            return
        if void is not None and void(record.topic, record.partition, record.offset, headers):
            return
        of = headers.get(OF)  # a producer of its own may have sent it without a value
        want = frozenset(of.decode(errors="replace").split(",")) if of else frozenset({record.topic})
        existing = self.existing[source.place].setdefault((source.offset, source.timestamp), Existing())
        existing.add(Place(record.topic, record.partition), record.offset, want, record.value)


class Scanner:
    """Scans through one reader client, which it shares between all output partitions. One scan at a time."""

    def __init__(self, reader: AIOKafkaConsumer, stall: float) -> None:
        self._reader, self._stall = reader, stall

    async def learn_topics(self, topics: list[str]) -> None:
        """A reader's first look at a topic takes long: do it at start, not in a rebalance."""
        await self._reader.end_offsets([TopicPartition(topic, 0) for topic in topics])

    async def ends(self, places: list[Place]) -> dict[Place, int]:
        """The log ends of these partitions."""
        ends = await self._reader.end_offsets([TopicPartition(*place) for place in places]) if places else {}
        return {Place(*tp): end for tp, end in ends.items()}

    async def scan(self, committed: Mapping[Place, int], starts: Mapping[Place, int], void: Void | None) -> Scanned:
        """Read from `starts` to the present ends and find the outputs of inputs at or after `committed`.

        Raises Stalled when no progress is made, and what aiokafka raises.
        """
        scanned = Scanned({place: {} for place in committed}, await self.ends(list(starts)))
        todo = await self._todo(starts, scanned.ends)
        if not todo:
            return scanned
        self._reader.assign(list(todo))
        try:
            for tp, offset in todo.items():
                self._reader.seek(tp, offset)
            while todo:
                await self._read(todo, scanned, committed, void)
        finally:
            self._reader.unsubscribe()
        return scanned

    async def _todo(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> dict[TopicPartition, int]:
        if not starts:
            return {}
        firsts = await self._reader.beginning_offsets([TopicPartition(*place) for place in starts])
        todo: dict[TopicPartition, int] = {}
        for place, start in starts.items():
            tp = TopicPartition(*place)
            # A mark beyond the end: the topic was created anew, and the mark speaks of its predecessor.
            begin = max(start if start <= ends[place] else 0, firsts[tp])
            if begin < ends[place]:
                todo[tp] = begin
        return todo

    async def _read(
        self,
        todo: dict[TopicPartition, int],
        scanned: Scanned,
        committed: Mapping[Place, int],
        void: Void | None,
    ) -> None:
        """One step forward in any of the partitions."""
        moved = False
        try:
            async with asyncio.timeout(self._stall):
                while not moved:
                    for tp, records in (await self._reader.getmany(*todo, timeout_ms=500)).items():
                        place, moved = Place(*tp), True
                        for record in records:
                            if record.offset < scanned.ends[place]:
                                scanned.take(record, committed, void)
                    for tp in list(todo):
                        if await self._reader.position(tp) >= scanned.ends[Place(*tp)]:
                            del todo[tp]
                            moved = True
        except TimeoutError:
            raise Stalled(f"the scan of the outputs made no progress for {self._stall:g} s") from None
