"""What a run left in Kafka, read from the beginning to the end, and what must hold of it. Knows topics, `src` and groups only."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.intake.existing import InputId, parse_src
from streamguard.intake.marks import Place, decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log. `timestamp` is the broker's, in milliseconds."""

    place: Place
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def identity(self) -> InputId:
        """What a `src` header of an output of this record says."""
        return InputId(self.place, self.offset, self.timestamp)


@dataclass(frozen=True, slots=True)
class Commit:
    """What the broker held as committed at some moment not after `seen_ms`."""

    place: Place
    offset: int
    marks: Mapping[Place, int]
    seen_ms: int


async def read_all(brokers: str, topics: Sequence[str]) -> dict[str, list[Entry]]:
    """Every record of the topics, in order of their partitions and offsets."""
    numbers = await _partitions(brokers, topics)
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    entries: dict[str, list[Entry]] = {}
    try:
        for topic in topics:
            entries[topic] = []
            places = [TopicPartition(topic, number) for number in numbers[topic]]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            for place in places:
                await consumer.seek_to_beginning(place)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    entries[topic] += [
                        Entry(Place(*place), one.offset, one.timestamp, one.key, one.value, dict(one.headers))
                        for one in records
                    ]
            entries[topic].sort(key=lambda entry: (entry.place, entry.offset))
    finally:
        await consumer.stop()
    return entries


async def _partitions(brokers: str, topics: Iterable[str]) -> dict[str, list[int]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
        return {one["topic"]: sorted(part["partition"] for part in one["partitions"]) for one in described}
    finally:
        await admin.close()


class CommitLog:
    """Looks at a group's commits again and again while the test goes on, for the audit afterwards."""

    def __init__(self, brokers: str, group: str) -> None:
        self._brokers, self._group = brokers, group
        self.seen: list[Commit] = []

    async def run(self, every: float = 0.1) -> None:
        """Until cancelled."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._brokers, retry_backoff_ms=100)
        await admin.start()
        try:
            while True:
                with suppress(KafkaError, OSError):  # the broker is away: that is the test
                    await self.look(admin)
                await asyncio.sleep(every)
        finally:
            await admin.close()

    async def look(self, admin: AIOKafkaAdminClient) -> dict[Place, int]:
        """The committed offsets now, by partition."""
        answer = await admin.list_consumer_group_offsets(self._group)
        now = time.time_ns() // 1_000_000 + 1
        for place, saved in answer.items():
            metadata = cast("str | None", cast("Any", saved).metadata)
            self.seen.append(Commit(Place(*place), saved.offset, decode(metadata), now))
        return {Place(*place): saved.offset for place, saved in answer.items() if saved.offset >= 0}


class Outputs:
    """The outputs of a run, by the input that their `src` names."""

    def __init__(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        self.by_input: dict[InputId, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        for topic, records in entries.items():
            for entry in records:
                source = parse_src(entry.headers.get("src"))
                assert source is not None, f"a record of {topic} without src"
                self.by_input[source][topic].append(entry)

    def topics(self, record: Entry) -> frozenset[str]:
        return frozenset(self.by_input.get(record.identity, {}))

    def twice(self) -> list[tuple[InputId, str]]:
        """Outputs that exist more than once: each (input, topic) must be unique."""
        return [(source, topic) for source, by in self.by_input.items() for topic, all_ in by.items() if len(all_) > 1]

    def strangers(self, inputs: Iterable[Entry]) -> set[InputId]:
        """Outputs of inputs that do not exist."""
        return set(self.by_input) - {record.identity for record in inputs}

    def completed_ms(self, record: Entry) -> int | None:
        """When the broker stored the last output of an input; None when it has none."""
        stored = [entry.timestamp for all_ in self.by_input.get(record.identity, {}).values() for entry in all_]
        return max(stored, default=None)


def out_of_order(entries: Iterable[Entry]) -> list[tuple[Place, bytes | None]]:
    """Keys of a topic whose outputs do not follow the order of their inputs."""
    last: dict[tuple[Place, bytes | None, Place], int] = {}
    wrong: list[tuple[Place, bytes | None]] = []
    for entry in entries:
        source = parse_src(entry.headers.get("src"))
        assert source is not None
        lane = (entry.place, entry.key, source.place)
        if source.offset < last.get(lane, -1):
            wrong.append((entry.place, entry.key))
        last[lane] = max(source.offset, last.get(lane, -1))
    return wrong


def committed_too_far(commits: Iterable[Commit], inputs: Iterable[Entry], outputs: Outputs) -> list[str]:
    """Commits that passed an input whose outputs were not all stored at that moment."""
    unfinished: dict[Place, list[tuple[int, float]]] = defaultdict(list)
    for record in inputs:
        done = outputs.completed_ms(record)
        latest = max(
            unfinished[record.place][-1][1] if unfinished[record.place] else 0, float("inf") if done is None else done
        )
        unfinished[record.place].append((record.offset, latest))
    wrong: list[str] = []
    for commit in commits:
        before = [latest for offset, latest in unfinished[commit.place] if offset < commit.offset]
        if before and before[-1] > commit.seen_ms:
            wrong.append(f"{commit.place} at {commit.offset}")
    return wrong


def below_marks(commits: Iterable[Commit], inputs: Iterable[Entry], outputs: Outputs) -> list[str]:
    """Outputs of uncommitted inputs that lie below the mark, where a scan would not have found them."""
    lowest: dict[Place, list[tuple[int, dict[Place, int]]]] = defaultdict(list)
    for record in reversed(list(inputs)):
        rows = lowest[record.place]
        low = dict(rows[-1][1]) if rows else {}
        for all_ in outputs.by_input.get(record.identity, {}).values():
            for entry in all_:
                low[entry.place] = min(low.get(entry.place, entry.offset), entry.offset)
        rows.append((record.offset, low))
    wrong: list[str] = []
    for commit in {(one.place, one.offset, tuple(sorted(one.marks.items()))): one for one in commits}.values():
        after = [low for offset, low in lowest[commit.place] if offset >= commit.offset]
        for place, offset in (after[-1] if after else {}).items():
            if offset < commit.marks.get(place, 0):
                wrong.append(f"{place} at {offset}, mark {commit.marks[place]} of {commit.place} at {commit.offset}")
    return wrong
