"""Commits, leases and assignments: when the gate opens, and what a new assignment begins with."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError, TopicAuthorizationFailedError

from streamguard.config import Cluster
from streamguard.intake.clients import watch_heartbeats
from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import AssignmentUnequal, OffsetGone, OutputsUnacknowledged
from streamguard.intake.marks import Place, decode
from streamguard.intake.outlet import Fenced
from streamguard.intake.running import SerialRunner
from streamguard.intake.settings import Settings
from tests.unit.intake.fakes import FakeProducer, received, turn
from tests.unit.intake.group import IN, Member

PLACE = Place("in", 0)


def work(member: Member, *offsets: int) -> None:
    """Deliver and run, as the fetcher does."""
    part = member.context.partitions[PLACE]
    runner = SerialRunner(member.context, member.decider, member.publisher)
    records = part.offsets.deliver([received(offset, b"%d" % offset) for offset in offsets], member.context.ends)
    part.entered(len(records))
    for record in records:
        existing = part.offsets.existing(record)
        if existing and existing.complete:
            part.done(record)
        elif part.keys.enter(record):
            part.spawn(runner.run(part, record))


async def test_the_gate_opens_after_the_scan_and_an_accepted_commit() -> None:
    member = await Member().connect()
    member.group.answer = asyncio.Event()
    await member.assign(IN)
    await turn(30)
    assert member.statistics.scans == 1
    assert not member.gate.passable
    member.group.answer.set()
    await turn(30)
    assert member.gate.passable
    assert member.fetches == 1
    assert member.group.sought[IN] == 0
    ((offset, metadata),) = member.group.commits[0].values()
    assert offset == 0
    assert decode(metadata) == {Place("out", 0): 0, Place("dead", 0): 0, Place("re", 0): 0, Place("re", 1): 0}


async def test_a_refused_commit_keeps_it_closed_and_is_tried_again() -> None:
    member = await Member().connect()
    member.group.errors = [CommitFailedError(), KafkaConnectionError()]
    member.clock.sleep = forever = Forever()  # pyright: ignore[reportAttributeAccessIssue] -- a clock that stands still
    await member.assign(IN)
    await turn(30)
    assert not member.gate.is_open
    assert member.statistics.refused_commits == 1
    forever.go_on()
    await turn(30)
    assert not member.gate.is_open
    forever.go_on()
    await turn(30)
    assert member.gate.passable
    assert member.errors == []


class Forever:
    """A sleep that lasts until told."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        await self._event.wait()
        self._event.clear()

    def go_on(self) -> None:
        self._event.set()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_commit_without_a_generation_proves_nothing(when: str) -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    member.clock.advance(5)
    left = member.gate.lease_left
    if when == "before":
        member.group.generation(-1)
    member.group.forget_at_commit = True
    assert not await member.committer.commit(force=True)
    assert member.gate.lease_left == left
    assert len(member.group.commits) == (1 if when == "before" else 2)


async def test_the_lease_runs_from_the_question() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    member.group.answer = asyncio.Event()
    committing = asyncio.create_task(member.committer.commit(force=True))
    await turn()
    member.clock.advance(6)
    member.group.answer.set()
    assert await committing
    assert member.gate.lease_left == pytest.approx(member.settings.lease - 6)


async def test_a_quiet_member_commits_often_enough_to_keep_its_lease() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    assert not await member.committer.commit()
    member.clock.advance(member.settings.lease / 4)
    assert await member.committer.commit()
    assert len(member.group.commits) == 2


async def test_what_is_done_is_committed_with_marks() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0, 1)
    await turn()
    first, second = member.producer.waiting()
    second.acknowledge()
    await turn()
    assert not await member.committer.commit()
    first.acknowledge()
    await turn()
    assert await member.committer.commit()
    ((offset, metadata),) = member.group.commits[-1].values()
    assert offset == 2
    assert decode(metadata)[Place("out", 0)] == 2


async def test_a_commit_that_is_not_allowed_at_all_is_an_error() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    member.group.errors = [TopicAuthorizationFailedError()]
    with pytest.raises(TopicAuthorizationFailedError):
        await member.committer.commit(force=True)


async def test_a_revoke_closes_the_gate_flushes_commits_and_then_commits_no_more() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0)
    await turn()
    revoking = asyncio.create_task(member.revoke(IN))
    await turn()
    assert not revoking.done()
    assert not member.gate.is_open
    member.producer.sent[0].acknowledge()
    await revoking
    assert member.group.commits[-1][IN][0] == 1
    assert not await member.committer.commit(force=True)


async def test_a_kept_partition_keeps_its_steps_and_learns_what_exists() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    part = member.context.partitions[PLACE]
    await member.revoke(IN)
    work(member, 0)
    await turn()
    assert member.producer.sent == []
    member.group.output("out", received(0).src, "out")  # another member, meanwhile
    await member.assign(IN)
    await turn(40)
    assert member.context.partitions[PLACE] is part
    assert member.producer.sent == []
    assert member.statistics.done == 1
    assert member.group.sought[IN] == 1


@pytest.mark.parametrize("complete", [True, False])
async def test_a_step_whose_outputs_were_found_meanwhile_goes_no_further(complete: bool) -> None:
    """It may be about to call a model, and the call would be paid twice."""
    paid: list[int] = []
    go_on = asyncio.Event()

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        if not found:
            await go_on.wait()
            paid.append(record.offset)
        return [Output("out", record.key, b"v"), Output("re", record.key, b"v")]

    member = await Member(step, settings=Settings(cluster=Cluster("nowhere"), group="g", deadline=60.0)).connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0)
    await turn()
    await member.revoke(IN)
    src = received(0).src
    member.group.output("out", src, "out,re")  # another member, meanwhile
    if complete:
        member.group.output("re", src, "out,re")
    await member.assign(IN)
    await turn(60)
    await asyncio.sleep(0)  # timers of the loop are due in its next turn
    await turn(60)
    go_on.set()
    await turn(30)

    assert paid == []
    assert [sent.topic for sent in member.producer.sent] == ([] if complete else ["re"])
    assert member.statistics.buried == 0


async def test_a_partition_that_another_member_has_moved_begins_anew() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0)
    await turn()
    member.producer.sent[0].refuse(Fenced())
    await member.revoke(IN)
    member.group.saved[IN] = OffsetAndMetadata(1, "")
    await member.assign(IN)
    await turn(40)
    assert member.context.partitions[PLACE].offsets.committed == 1
    assert member.statistics.in_flight == 0
    assert member.group.sought[IN] == 1
    assert len(member.producer.sent) == 1


async def test_the_scan_begins_at_the_marks() -> None:
    member = await Member().connect()
    for number in range(4):
        member.group.output("out", received(number).src, "out")
    member.group.saved[IN] = OffsetAndMetadata(3, "dead 0 0;out 0 2;re 0 0,9")
    await member.assign(IN)
    await turn(40)
    assert member.group.reads == [(TopicPartition("out", 0), 2)]
    assert member.statistics.scanned_records == 2
    work(member, 3)
    assert member.statistics.done == 1


async def test_marks_beyond_the_end_count_as_the_beginning() -> None:
    member = await Member().connect()
    member.group.output("out", received(3).src, "out")
    member.group.saved[IN] = OffsetAndMetadata(3, "dead 0 0;out 0 2;re 0 0,9")
    await member.assign(IN)
    await turn(40)
    assert member.group.reads == [(TopicPartition("out", 0), 0)]


async def test_without_a_lease_what_has_not_left_is_broken_off_and_a_new_producer_takes_over() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0)
    await turn()
    member.clock.advance(member.settings.session * 2)  # frozen
    revoking = asyncio.create_task(member.revoke(IN))
    await asyncio.sleep(0.01)
    await turn()
    assert member.outlet.broken
    member.producer.sent[0].refuse(Fenced())  # as aiokafka's sender does when the fence says so
    await revoking
    member.producers.append(FakeProducer())
    await member.assign(IN)
    await turn(40)
    assert not member.outlet.broken
    assert [one.topic for one in member.producers[1].sent] == ["out"]
    assert member.errors == []


async def test_outputs_that_hang_in_a_rebalance_end_the_worker() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    work(member, 0)
    await turn()
    read, clock = member.clock.monotonic, member.clock

    def racing() -> float:
        clock.advance(6)
        return read()

    clock.monotonic = racing
    await member.revoke(IN)
    assert [type(error) for error in member.errors] == [OutputsUnacknowledged]


async def test_lost_partitions_are_dropped_and_the_rest_is_one_set_of_numbers() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    await member.revoke(IN)
    await member.assign()
    await turn(30)
    assert member.context.partitions == {}
    await member.assign(TopicPartition("side", 0))
    assert [type(error) for error in member.errors] == [AssignmentUnequal]


async def test_an_empty_answer_of_a_coordinator_that_moved_is_no_answer() -> None:
    member = await Member().connect()
    member.group.saved[IN] = OffsetAndMetadata(7, "")
    member.group.moved = 2
    member.clock.sleep = forever = Forever()  # pyright: ignore[reportAttributeAccessIssue] -- a clock that stands still
    await member.assign(IN)
    for _ in range(2):
        await turn(30)
        assert not member.gate.is_open
        forever.go_on()
    await turn(30)
    assert member.gate.is_open
    assert member.group.sought[IN] == 7


async def test_a_member_without_partitions_stands_by() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    await member.revoke(IN)
    await member.assign()
    await turn(30)
    member.clock.advance(2 * member.settings.stall)
    await member.committer.commit()
    member.context.watchdog.check_commits(member.clock.monotonic())
    assert not member.gate.is_open


async def test_a_committed_offset_beyond_the_log_ends_the_worker() -> None:
    member = await Member().connect()
    member.group.saved[IN] = OffsetAndMetadata(101, "")
    await member.assign(IN)
    await turn(30)
    assert [type(error) for error in member.errors] == [OffsetGone]
    assert not member.gate.is_open


async def test_commits_alone_do_not_keep_the_gate_open_for_longer_than_a_rebalance_may_take() -> None:
    member = await Member().connect()
    await member.assign(IN)
    await turn(30)
    for _ in range(3):
        member.clock.advance(member.settings.calm / 3)
        assert await member.committer.commit(force=True)
    assert member.gate.passable
    member.clock.advance(0.1)
    assert await member.committer.commit(force=True)
    assert not member.gate.passable  # a rebalance of which it was not told would throw it out soon
    member.gate.calm(member.clock.monotonic())
    assert member.gate.passable


async def test_only_a_heartbeat_that_does_not_call_for_a_rebalance_counts() -> None:
    member = await Member().connect()
    calm: list[float] = []
    heart = Heart()
    watch_heartbeats(cast("AIOKafkaConsumer", cast("Any", heart)), calm.append, member.clock.monotonic)
    heart.beats = [True, True, False]
    assert await heart.beat()
    heart.call_for_a_rebalance()
    assert await heart.beat()
    assert not await heart.beat()
    assert calm == [0.0]


class Heart:
    """A consumer with a coordinator that gives the answers in `beats`."""

    def __init__(self) -> None:
        self.beats: list[bool] = []
        self._coordinator = self
        self._rejoin_needed_fut: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def _do_heartbeat(self) -> bool:
        return self.beats.pop(0)

    async def beat(self) -> bool:
        return await self._do_heartbeat()

    def call_for_a_rebalance(self) -> None:
        self._rejoin_needed_fut.set_result(None)
