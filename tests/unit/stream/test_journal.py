"""What the journal's owner takes for an output of its own."""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition

from streamguard.config import Cluster, Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import encode
from streamguard.stream.journal import AT_ONCE, AdmissionJournal


def test_a_request_counts_as_admits_output_only_when_admit_placed_it() -> None:
    journal = AdmissionJournal(Cluster("nowhere"), "journal", "requests", Limits(), lambda: 4)

    assert journal.void("requests", 0, 5, {"src": b"requests/1/2/3", "of": b"requests"})
    assert not journal.void("requests", 0, 5, {"src": b"requests/1/2/3", "of": b"requests", "placed": b"1"})


def test_outputs_of_other_topics_are_not_its_business() -> None:
    journal = AdmissionJournal(Cluster("nowhere"), "journal", "requests", Limits(), lambda: 4)

    assert not journal.void("admitted", 0, 5, {})
    assert not journal.void("journal", 0, 5, {})  # of a partition that is not owned nothing is known


class Fetched:
    """A reader that has fetched all of a partition already, and a producer whose marker is the last record."""

    def __init__(self, entries: int) -> None:
        marker = encode(JournalEntry(kind="marker", based_on=entries))
        self.records = deque(SimpleNamespace(offset=at, value=marker) for at in range(entries + 1))

    async def beginning_offsets(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, len(self.records) - 1)

    def assign(self, places: object) -> None: ...

    def seek(self, place: object, offset: int) -> None: ...

    def unsubscribe(self) -> None: ...

    async def getmany(self, place: TopicPartition, *, timeout_ms: int, max_records: int | None = None) -> object:
        """Without a turn of the loop, as aiokafka does."""
        count = min(max_records or len(self.records), len(self.records))
        return {place: [self.records.popleft() for _ in range(count)]}

    async def send(self, *_: object, **__: object) -> "asyncio.Future[object]":
        stored: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        stored.set_result(SimpleNamespace(offset=len(self.records) - 1))
        return stored


async def test_a_long_journal_is_read_without_holding_up_the_other_stages() -> None:
    journal, kafka = (
        AdmissionJournal(Cluster("nowhere"), "journal", "requests", Limits(), lambda: 4),
        Fetched(10 * AT_ONCE),
    )
    cast("Any", journal)._producer = cast("Any", journal)._reader = kafka
    waiting: list[int] = []

    async def other_stage() -> None:
        while True:
            waiting.append(len(kafka.records))
            await asyncio.sleep(0)

    await journal.prepare(frozenset({0}))
    other = asyncio.create_task(other_stage())
    await journal.take(frozenset({0}))
    other.cancel()
    assert journal.epoch(0) == 10 * AT_ONCE
    assert max(before - after for before, after in pairwise(waiting)) <= AT_ONCE
    assert waiting[-1] <= AT_ONCE
