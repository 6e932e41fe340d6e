"""What a run left in Kafka, read from the beginning to the end, and what must hold of it. Knows topics, `src` and groups only."""

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.intake.clients import received
from streamguard.intake.damage import read_carefully
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
    """Those that say something, the last of each name."""
    damage: str = ""
    """A code of `streamguard.intake.damage` when it is not as a record must be."""

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


async def read_each(brokers: str, topics: Sequence[str]) -> AsyncGenerator[Entry]:
    """Every record of the topics, topic by topic; within a partition in order. Only what a fetch brings is held."""
    numbers = await _partitions(brokers, topics)
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    read_carefully(consumer)  # records that aiokafka cannot read are evidence too
    try:
        for topic in topics:
            places = [TopicPartition(topic, number) for number in numbers[topic]]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            for place in places:
                await consumer.seek_to_beginning(place)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    for one in map(received, records):
                        headers = {name: value for name, value in one.headers if value}
                        yield Entry(
                            Place(*place), one.offset, one.timestamp, one.key, one.value, headers, damage=one.damage
                        )
    finally:
        await consumer.stop()


async def read_all(brokers: str, topics: Sequence[str]) -> dict[str, list[Entry]]:
    """Every record of the topics, in order of their partitions and offsets."""
    entries: dict[str, list[Entry]] = {topic: [] for topic in topics}
    async for entry in read_each(brokers, topics):
        entries[entry.place.topic].append(entry)
    for found in entries.values():
        found.sort(key=lambda entry: (entry.place, entry.offset))
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
    """Looks at the commits of groups again and again while the test goes on, for the audit afterwards.

    A topic is read by one of the groups alone. `seen` holds what changed from one look to the next: seen first, a commit
    proves most.
    """

    def __init__(self, brokers: str, *groups: str) -> None:
        self._brokers, self._groups = brokers, groups
        self._last: dict[Place, tuple[int, str | None]] = {}
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
        committed: dict[Place, int] = {}
        for group in self._groups:
            answer = await admin.list_consumer_group_offsets(group)
            now = time.time_ns() // 1_000_000 + 1
            for tp, saved in answer.items():
                place, metadata = Place(*tp), cast("str | None", cast("Any", saved).metadata)
                if saved.offset >= 0:
                    committed[place] = saved.offset
                if self._last.get(place) != (saved.offset, metadata):
                    self._last[place] = saved.offset, metadata
                    self.seen.append(Commit(place, saved.offset, decode(metadata), now))
        return committed


async def ended(watching: "asyncio.Task[None]") -> None:
    """End a `CommitLog.run`. Raises what had ended it before: what it has seen is not the whole run then."""
    if watching.done():
        watching.result()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


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
    done: dict[Place, list[tuple[int, float]]] = defaultdict(list)
    for record in inputs:
        at = outputs.completed_ms(record)
        done[record.place].append((record.offset, float("inf") if at is None else at))
    return passed_unfinished(commits, done)


def passed_unfinished(commits: Iterable[Commit], done: Mapping[Place, Sequence[tuple[int, float]]]) -> list[str]:
    """Commits that passed an input before it was done. `done` tells for each input, in order of offsets, when its last
    output was stored (ms; infinite: never)."""
    offsets = {place: [offset for offset, _ in rows] for place, rows in done.items()}
    latest = {place: list(accumulate((at for _, at in rows), max)) for place, rows in done.items()}
    wrong: list[str] = []
    for commit in commits:
        before = bisect_left(offsets.get(commit.place, []), commit.offset)
        if before and latest[commit.place][before - 1] > commit.seen_ms:
            wrong.append(f"{commit.place} at {commit.offset}")
    return wrong


def below_marks(commits: Iterable[Commit], inputs: Iterable[Entry], outputs: Outputs) -> list[str]:
    """Outputs of uncommitted inputs that lie below the mark, where a scan would not have found them."""
    lie: dict[Place, list[tuple[int, Sequence[tuple[Place, int]]]]] = defaultdict(list)
    for record in inputs:
        all_ = [one for by in outputs.by_input.get(record.identity, {}).values() for one in by]
        lie[record.place].append((record.offset, [(one.place, one.offset) for one in all_]))
    return hidden_by_marks(commits, lie)


def hidden_by_marks(
    commits: Iterable[Commit], outputs: Mapping[Place, Sequence[tuple[int, Sequence[tuple[Place, int]]]]]
) -> list[str]:
    """As `below_marks`; `outputs` tells for each input, in order of offsets, where its outputs lie."""
    tables = {place: _lowest(rows) for place, rows in outputs.items()}
    wrong: list[str] = []
    for commit in {(one.place, one.offset, tuple(sorted(one.marks.items()))): one for one in commits}.values():
        for place, (offsets, lowest) in tables.get(commit.place, {}).items():
            after = bisect_left(offsets, commit.offset)
            if after < len(offsets) and lowest[after] < (mark := commit.marks.get(place, 0)):
                wrong.append(f"{place} at {lowest[after]}, mark {mark} of {commit.place} at {commit.offset}")
    return wrong


def _lowest(
    rows: Sequence[tuple[int, Sequence[tuple[Place, int]]]],
) -> Mapping[Place, tuple[Sequence[int], Sequence[int]]]:
    """By output partition: the inputs that have an output there, and for each the lowest output of it and all behind it."""
    found: dict[Place, tuple[list[int], list[int]]] = {}
    for offset, lie in reversed(rows):
        for place, at in lie:
            offsets, lowest = found.setdefault(place, ([], []))
            if offsets and offsets[-1] == offset:
                lowest[-1] = min(lowest[-1], at)
            else:
                offsets.append(offset)
                lowest.append(min(at, lowest[-1]) if lowest else at)
    return {place: (offsets[::-1], lowest[::-1]) for place, (offsets, lowest) in found.items()}
