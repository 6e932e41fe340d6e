"""The sink as a member of its group: when refused commits mean that a fresh process is needed."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from streamguard.clock import FakeClock
from streamguard.config import parse
from streamguard.intake.errors import Stalled
from streamguard.stream.sink import Sink

TP = TopicPartition("telemetry", 0)
STALL = 20.0


class Group:
    """A group with one member and one partition, as consumer and as admin client."""

    def __init__(self) -> None:
        self.refuses = False
        self._coordinator = SimpleNamespace(generation=1)

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    async def beginning_offsets(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, 10)

    async def list_consumer_group_offsets(self, _: str, *, partitions: Collection[TopicPartition]) -> Mapping[Any, Any]:
        return dict.fromkeys(partitions, OffsetAndMetadata(0, ""))

    def seek(self, _: TopicPartition, offset: int) -> None:
        assert offset == 0

    async def commit(self, _: object) -> None:
        if self.refuses:
            raise CommitFailedError("a rebalance goes on")


class Member(Sink):
    """In its group, without any broker."""

    def __init__(self, group: Group, clock: FakeClock) -> None:
        super().__init__(parse({"kafka": {"stall": STALL}}, source="a test"), "sink-0", clock=clock)
        self._consumer = self._admin = cast("Any", group)

    async def takes(self) -> None:
        await self.on_partitions_revoked([TP])
        await self.on_partitions_assigned([TP])
        await self._take()

    async def commits(self) -> bool:
        return await self.commit({TP: (0, None)}, self.epoch)


async def test_commits_refused_for_long_need_a_fresh_process() -> None:
    group, clock = Group(), FakeClock()
    sink = Member(group, clock)
    await sink.takes()
    group.refuses = True
    assert not await sink.commits()
    clock.advance(STALL + 1.0)
    with pytest.raises(Stalled):
        await sink.commits()


async def test_a_commit_that_was_refused_before_a_rebalance_does_not_count_hours_later() -> None:
    """Nothing came since: there was nothing to commit either."""
    group, clock = Group(), FakeClock()
    sink = Member(group, clock)
    await sink.takes()
    group.refuses = True
    assert not await sink.commits()
    await sink.takes()
    clock.advance(3600.0)
    assert not await sink.commits()
    group.refuses = False
    assert await sink.commits()
