"""From the consumer into the key queues, within the bounds, and without losing what was fetched."""

import asyncio
from collections import deque
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from streamguard.config import Cluster
from streamguard.intake.committing import Committer
from streamguard.intake.errors import OffsetGone
from streamguard.intake.fetching import Fetcher
from streamguard.intake.marks import Place
from streamguard.intake.partition import InputPartition
from streamguard.intake.running import SerialRunner
from streamguard.intake.settings import Settings
from tests.unit.intake.fakes import Bench, Copying, Subscriptions, turn
from tests.unit.intake.group import FakeGroup

IN = TopicPartition("in", 0)
Batch = list[tuple[int, bytes]]


class Source(FakeGroup):
    """`getmany` gives out the batches, or raises the errors, that the test puts in. `asked` are its bounds."""

    def __init__(self) -> None:
        super().__init__()
        self._subscription = self.known = Subscriptions()
        self.batches: deque[Batch | Exception] = deque()
        self.more = asyncio.Event()
        self.asked: list[tuple[int, tuple[TopicPartition, ...]]] = []

    def put(self, *batches: Batch | Exception) -> None:
        self.batches.extend(batches)
        self.more.set()

    async def getmany(self, *tps: TopicPartition, timeout_ms: int, max_records: int = 0) -> Any:
        self.asked.append((max_records, tps))
        while not self.batches or not tps:
            self.more.clear()
            await self.more.wait()
        batch = self.batches.popleft()
        if isinstance(batch, Exception):
            raise batch
        records = [ConsumerRecord("in", 0, at, at, 0, key, b"v", None, 1, 1, ()) for at, key in batch[:max_records]]
        if batch[max_records:]:
            self.batches.appendleft(batch[max_records:])
        return {IN: records}


class Reading(Bench):
    """A bench with a fetcher over one partition."""

    def __init__(self, **settings: int) -> None:
        super().__init__(Copying(), Settings(cluster=Cluster("nowhere"), group="g", **settings))  # pyright: ignore[reportArgumentType]
        self.source = Source()
        consumer = cast("AIOKafkaConsumer", cast("Any", self.source))
        self.context.partitions[Place("in", 0)] = self.part = InputPartition(
            Place("in", 0), 0, self.context.layout.reach(0), self.settings.key_queue, self.context.load
        )
        self.committer = Committer(self.context, consumer)
        runner = SerialRunner(self.context, self.decider, self.publisher)
        self.fetcher = Fetcher(self.context, consumer, runner, self.committer)
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> "Reading":
        await self.start()
        self.task = asyncio.create_task(self.fetcher.run())
        await turn()
        return self

    async def acknowledge(self, count: int) -> None:
        for sent in self.producer.waiting()[:count]:
            sent.acknowledge()
        await turn(20)

    async def end(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])
        self.part.drop()
        await turn()


async def test_no_more_than_cap_are_delivered_and_not_done() -> None:
    bench = await Reading(cap=3).begin()
    bench.source.put([(at, b"%d" % at) for at in range(5)])
    await turn(20)
    assert len(bench.producer.waiting()) == 3
    assert bench.statistics.in_flight == 3
    await bench.acknowledge(1)
    assert len(bench.producer.sent) == 4
    assert bench.source.asked[-1][0] == 1
    await bench.end()


async def test_no_more_than_span_lie_between_commit_and_delivery_and_the_committer_is_hurried() -> None:
    bench = await Reading(span=4).begin()
    bench.source.put([(at, b"%d" % at) for at in range(6)])
    await turn(20)
    await bench.acknowledge(4)
    assert bench.statistics.done == 4
    assert len(bench.producer.sent) == 4
    assert bench.committer.hurry.is_set()
    bench.part.offsets.committed = 4
    bench.context.load.changed.set()
    await turn(20)
    assert len(bench.producer.sent) == 6
    await bench.end()


async def test_a_full_key_queue_holds_what_comes_after_it_in_order() -> None:
    bench = await Reading(key_queue=1).begin()
    bench.source.put([(0, b"a"), (1, b"a"), (2, b"a"), (3, b"b")])
    await turn(20)
    assert [sent.key for sent in bench.producer.sent] == [b"a"]
    asked = len(bench.source.asked)
    await bench.acknowledge(1)
    assert sorted(sent.key or b"" for sent in bench.producer.sent) == [b"a", b"a", b"b"]
    assert len(bench.source.asked) == asked + 1  # only now it fetches again
    await bench.end()


async def test_nothing_fetched_is_lost_when_it_is_cancelled() -> None:
    bench = await Reading(cap=2).begin()
    bench.source.put([(0, b"a"), (1, b"b")])
    await turn(20)
    await bench.end()
    bench.source.put([(2, b"c")])
    await turn(20)
    assert len(bench.source.batches) == 1  # nobody took it


async def test_markers_behind_the_last_record_are_passed_over_once_all_before_them_is_done() -> None:
    """Else what is committed stays before them, and is gone when Kafka deletes them."""
    bench = await Reading(cap=2).begin()
    offsets = bench.part.offsets
    bench.source.known.fetched = 4  # three records and a marker
    bench.source.put([(0, b"a"), (1, b"b"), (2, b"c")])
    await turn(20)
    assert (offsets.next, offsets.frontier) == (2, 0), "one is held, two are open"
    await bench.acknowledge(2)
    assert (offsets.next, offsets.frontier) == (3, 2), "one is open"
    await bench.acknowledge(1)
    assert (offsets.next, offsets.frontier) == (3, 3), "nothing was fetched since"
    bench.source.known.fetched = 5
    bench.source.put([(4, b"d")])
    await turn(20)
    assert (offsets.next, offsets.frontier) == (5, 3)
    await bench.acknowledge(1)
    bench.source.known.fetched = 6
    bench.source.put([])
    await turn(20)
    assert (offsets.next, offsets.frontier, offsets.unfinished) == (6, 6, 0)
    assert offsets.marks(bench.context.ends)[Place("out", 0)] == 4, "the next output lies behind these four"
    await bench.end()


async def test_a_partition_that_moved_away_has_no_position() -> None:
    bench = await Reading().begin()
    bench.source.known.assigned = False
    bench.source.known.fetched = 9
    bench.source.put([(0, b"a")])
    await turn(20)
    await bench.acknowledge(1)
    bench.source.put([])
    await turn(20)
    assert bench.part.offsets.frontier == 1
    await bench.end()


async def test_an_offset_out_of_range_is_told_with_the_logs_bounds() -> None:
    bench = await Reading().begin()
    bench.source.put(OffsetOutOfRangeError({IN: 120}))
    await turn(20)
    assert bench.task is not None
    with pytest.raises(OffsetGone, match="in/0: offset 120 is committed, but the log holds 0 to 100"):
        await bench.task


@pytest.mark.parametrize("error", [NoOffsetForPartitionError(), KafkaConnectionError()])
async def test_what_passes_is_passed_over(error: Exception) -> None:
    bench = await Reading().begin()
    bench.source.put(error, [(0, b"a")])
    await turn(20)
    assert len(bench.producer.sent) == 1
    await bench.end()


async def test_other_errors_end_the_worker() -> None:
    bench = await Reading().begin()
    bench.source.put(GroupAuthorizationFailedError())
    await turn(20)
    assert bench.task is not None
    with pytest.raises(GroupAuthorizationFailedError):
        await bench.task
