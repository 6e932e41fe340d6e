"""A group and its broker in memory, as far as commits, assignments and scans look at them."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.intake.assigning import Assigner
from streamguard.intake.clients import Clients
from streamguard.intake.committing import Committer
from streamguard.intake.contract import Ownership, StepFunction
from streamguard.intake.settings import Settings
from tests.unit.intake.fakes import Bench, Copying

IN = TopicPartition("in", 0)


@dataclass
class Coordinator:
    generation: int = 1


@dataclass
class FakeGroup:
    """Plays consumer, reader and admin at once. `logs` are the output partitions; `saved` what is committed."""

    saved: dict[TopicPartition, OffsetAndMetadata] = field(default_factory=dict[TopicPartition, OffsetAndMetadata])
    logs: "dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]" = field(
        default_factory=dict[TopicPartition, "list[ConsumerRecord[bytes, bytes]]"]
    )
    commits: list[dict[TopicPartition, tuple[int, str]]] = field(
        default_factory=list[dict[TopicPartition, tuple[int, str]]]
    )
    errors: list[Exception] = field(default_factory=list[Exception])
    """Raised by the next commits, one each."""
    sought: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    input_end: int = 100
    forget_at_commit: bool = False
    answer: asyncio.Event | None = None
    """Commits wait for it."""
    moved: int = 0
    """So often, what is committed is asked of a broker that is the coordinator no longer."""
    reads: list[tuple[TopicPartition, int]] = field(default_factory=list[tuple[TopicPartition, int]])
    _coordinator: Coordinator = field(default_factory=Coordinator)

    def generation(self, number: int) -> None:
        self._coordinator.generation = number

    def assignment(self) -> set[TopicPartition]:
        return {IN}

    def highwater(self, tp: TopicPartition) -> int:
        return self.input_end

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        if self.answer is not None:
            await self.answer.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.commits.append(dict(offsets))
        for tp, (offset, metadata) in offsets.items():
            self.saved[tp] = OffsetAndMetadata(offset, metadata)
        if self.forget_at_commit:
            self.generation(-1)

    async def list_consumer_group_offsets(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        if self.moved:  # what aiokafka makes of the answer of a broker that is the coordinator no longer
            self.moved -= 1
            return {}
        return {tp: self.saved.get(tp, OffsetAndMetadata(-1, "")) for tp in partitions}

    async def beginning_offsets(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.input_end if tp == IN else len(self.logs.get(tp, ())) for tp in tps}

    def assign(self, tps: Collection[TopicPartition]) -> None:
        self.sought = {}

    def unsubscribe(self) -> None: ...

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.sought[tp] = offset
        if tp != IN:
            self.reads.append((tp, offset))

    async def position(self, tp: TopicPartition) -> int:
        return self.sought[tp]

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int
    ) -> "dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]":
        await asyncio.sleep(0)
        out: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        for tp in tps:
            if rest := self.logs[tp][self.sought[tp] :]:
                out[tp] = rest
                self.sought[tp] = len(self.logs[tp])
        return out

    def output(self, topic: str, src: str, of: str, partition: int = 0, value: bytes = b"x") -> None:
        """An output lies at the end of a log."""
        tp = TopicPartition(topic, partition)
        log = self.logs.setdefault(tp, [])
        headers = (("src", src.encode()), ("of", of.encode()))
        log.append(ConsumerRecord(topic, partition, len(log), 0, 0, b"k", value, None, 1, 1, headers))


class Member(Bench):
    """A bench with a committer and an assigner over a group in memory. Fetching is left out: it waits for ever."""

    def __init__(
        self,
        step: StepFunction | None = None,
        ownership: Ownership | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(step or Copying(), settings)
        self.group = FakeGroup()
        consumer = cast("AIOKafkaConsumer", cast("Any", self.group))
        admin = cast("AIOKafkaAdminClient", cast("Any", self.group))
        self.committer = Committer(self.context, consumer)
        self.fetches = 0
        self.assigner = Assigner(
            self.context,
            Clients(consumer, consumer, admin),
            self.outlet,
            self.committer,
            ownership,
            self._fetch,
            self.decider.interrupt,
        )

    async def _fetch(self) -> None:
        self.fetches += 1
        await asyncio.Event().wait()

    async def connect(self) -> "Member":
        """As a started intake: nothing assigned, the gate closed, no lease."""
        await self.outlet.start()
        await self.revoke()  # aiokafka calls it before the first join too
        return self

    async def assign(self, *tps: TopicPartition) -> None:
        """As aiokafka does after a join."""
        await self.assigner.on_partitions_assigned(tps)

    async def revoke(self, *tps: TopicPartition) -> None:
        await self.assigner.on_partitions_revoked(tps)
