"""The aiokafka clients of an intake, and what they do not say in public.

Only this file, `refusals.py`, `damage.py` and `guarded.py` touch their inside.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import CoordinatorNotAvailableError, KafkaConnectionError, KafkaError
from aiokafka.structs import RecordMetadata

from streamguard.intake.contract import Received
from streamguard.intake.damage import DamagedRecord, read_carefully
from streamguard.intake.guarded import guard_connections
from streamguard.intake.refusals import Fate, fate, mend_refusals
from streamguard.intake.settings import Settings

log = logging.getLogger(__name__)

Owner = TypeVar("Owner", AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient)

_TURNS = 8
"""Turns of the event loop in which a task that waits in `getmany` has woken and taken what there is."""


class _Coordinator(Protocol):
    generation: int


class _Cluster(Protocol):
    def topics(self) -> set[str]: ...
    def partitions_for_topic(self, topic: str) -> set[int] | None: ...


class _Client(Protocol):
    async def fetch_all_metadata(self) -> _Cluster: ...


@dataclass(frozen=True, slots=True)
class Clients:
    """All but the producer, which the outlet owns."""

    consumer: AIOKafkaConsumer
    reader: AIOKafkaConsumer
    admin: AIOKafkaAdminClient

    @classmethod
    def make(cls, settings: Settings, note: bytes = b"") -> "Clients":
        """Not started yet."""
        return cls(make_consumer(settings, note), make_reader(settings), make_admin(settings))

    async def start(self) -> None:
        """Connect all. Raises what aiokafka raises."""
        await self.consumer.start()
        await self.reader.start()
        await self.admin.start()
        read_carefully(self.consumer)
        read_carefully(self.reader)

    async def stop(self) -> None:
        """Close all, whatever each says about it."""
        for close in (self.consumer.stop, self.reader.stop, self.admin.close):
            try:
                await close()
            except KafkaError as exc:
                log.warning("closing a client: %s", type(exc).__name__)


def make_consumer(settings: Settings, note: bytes = b"", *, fetch_min_bytes: int = 1) -> AIOKafkaConsumer:
    """The member of the group. Offsets are set by the intake alone. Whoever describes the group reads `note`."""
    session_ms, rebalance_ms = int(settings.session * 1000), int(settings.rebalance * 1000)
    consumer = AIOKafkaConsumer(
        **settings.client,
        group_id=settings.group,
        group_instance_id=settings.instance,
        enable_auto_commit=False,
        auto_offset_reset="none",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=max(session_ms // 5, 20),
        rebalance_timeout_ms=rebalance_ms,
        request_timeout_ms=rebalance_ms + 5000,
        # A partition whose key queue is full is not fetched from, for hours if need be; the watchdog looks after the rest.
        max_poll_interval_ms=2**31 - 1,
        fetch_min_bytes=fetch_min_bytes,
        fetch_max_wait_ms=settings.fetch_wait_ms,
        metadata_max_age_ms=settings.metadata_age_ms,
        partition_assignment_strategy=(_noted(note),),
    )
    return with_guarded_connections(consumer, settings.patience)


def _noted(note: bytes) -> type[RangePartitionAssignor]:
    """Range, whose subscriptions carry a note. The group's word on a member's client id would be that of the first process
    that had its static id; this is told anew with each join."""

    class Noted(RangePartitionAssignor):
        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), note)

    return Noted


def make_reader(settings: Settings) -> AIOKafkaConsumer:
    """Reads outputs in a scan; a member of no group."""
    reader = AIOKafkaConsumer(
        **settings.client,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=4 << 20,
        metadata_max_age_ms=settings.metadata_age_ms,
    )
    return with_guarded_connections(reader, settings.patience)


def make_admin(settings: Settings) -> AIOKafkaAdminClient:
    """Reads back committed offsets with their metadata, which a consumer does not give."""
    admin = AIOKafkaAdminClient(**settings.client)
    return with_guarded_connections(admin, settings.patience)


def with_guarded_connections(owner: Owner, patience: float) -> Owner:
    """A consumer, producer or admin client whose connections end in time, with an error that speaks of the network: uvloop's
    own, of a write to a connection that has just ended, does not. `patience` in seconds, see `guarded`."""
    inside = cast("Any", owner)
    guard_connections(inside.client if isinstance(owner, AIOKafkaProducer) else inside._client, patience)
    return owner


async def read_from_beginning(reader: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
    """Assign all of these and stand at their beginnings. Raises errors of Kafka.

    aiokafka's own `seek_to_beginning` goes on asking a broker that leads a partition no longer; this asks the new one.
    """
    firsts = await reader.beginning_offsets(list(partitions))
    reader.assign(list(partitions))
    for place, first in firsts.items():
        reader.seek(place, first)


async def committed_offsets(
    admin: AIOKafkaAdminClient, group: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What a group has committed; offset -1 where nothing. Raises retriable errors of Kafka.

    A broker that is no longer the group's coordinator answers with an error of which aiokafka takes no notice: it gives an
    empty answer, as if the group had never worked. So a partition that was asked for and is missing is an error.
    """
    if not partitions:
        return {}
    answer = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    if missing := len(set(partitions) - set(answer)):
        raise CoordinatorNotAvailableError(f"group {group}: no answer about {missing} partitions")
    return answer


def make_producer(settings: Settings, *, compression: Literal["gzip"] | None = None) -> AIOKafkaProducer:
    """Idempotent, all replicas, no linger: batches form by themselves under load."""
    producer = AIOKafkaProducer(
        **settings.client,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        compression_type=compression,
        request_timeout_ms=20_000,
        max_batch_size=65536,
        max_request_size=settings.max_request_size,
        metadata_max_age_ms=settings.metadata_age_ms,
    )
    mend_refusals(producer)
    return producer


def give_up(producer: AIOKafkaProducer, error: Exception) -> None:
    """Fail all that was handed over and is not acknowledged. Otherwise its `stop` would wait for what has no leader.

    A batch that waits to be sent again is over as well: aiokafka would look for it in vain, and leave `stop` with that KeyError
    before its connections are closed.
    """
    accumulator = cast("Any", producer)._message_accumulator
    accumulator.fail_all(error)
    accumulator.reenqueue = _not_again


def _not_again(batch: object) -> None:
    """Is told of each batch that would be sent again."""


async def send_empty(
    producer: AIOKafkaProducer, topic: str, partition: int | None, headers: list[tuple[str, bytes]]
) -> "asyncio.Future[RecordMetadata]":
    """`producer.send` of a record with neither key nor value, which Kafka takes and `send` does not. Raises KafkaError."""
    inside = cast("Any", producer)
    await inside.client._wait_on_metadata(topic)
    number = inside._partition(topic, partition, None, None, None, None)
    seconds = inside._request_timeout_ms / 1000
    return await inside._message_accumulator.add_message(
        TopicPartition(topic, number), None, None, seconds, headers=headers
    )


def generation(consumer: AIOKafkaConsumer) -> int:
    """The group's generation this member belongs to; 0 or less when it belongs to none.

    aiokafka forgets it as soon as the group throws the member out, but goes on committing as nobody in particular, which an
    empty group accepts. So an accepted commit proves membership only together with this.
    """
    # The coordinator has no public face.
    coordinator = cast("_Coordinator | None", getattr(consumer, "_coordinator", None))
    return getattr(coordinator, "generation", -1)


def watch_heartbeats(consumer: AIOKafkaConsumer, calm: Callable[[float], None], monotonic: Callable[[], float]) -> None:
    """Tell `calm`, after each heartbeat that the group answered without calling for a rebalance, when it was asked.

    Must be called after the consumer has started and before it joins.
    """
    coordinator = cast("Any", consumer)._coordinator
    beat = cast("Callable[[], Awaitable[bool]]", coordinator._do_heartbeat)

    async def watched() -> bool:
        asked = monotonic()
        answered = await beat()
        # aiokafka counts the answer "rebalancing" as a success too, and notes that it must join again.
        if answered and not coordinator._rejoin_needed_fut.done():
            calm(asked)
        return answered

    coordinator._do_heartbeat = watched


def ask_before_joining(consumer: AIOKafkaConsumer, ask: Callable[[], Awaitable[bool]]) -> None:
    """Let each join that begins as nobody, the first one and those after the group threw the member out, wait for a question;
    when the answer is no, it does not join.

    Must be called after the consumer has started and before it subscribes.
    """
    coordinator = cast("Any", consumer)._coordinator
    join = cast("Callable[[Any], Awaitable[bool]]", coordinator._do_rejoin_group)

    async def asked(subscription: object) -> bool:
        if not coordinator.member_id and not await ask():
            return False
        return await join(subscription)

    coordinator._do_rejoin_group = asked


def drain_before_fetching(consumer: AIOKafkaConsumer) -> None:
    """Let whoever waits in `getmany` take fetched records before the next fetch is sent.

    aiokafka sends the next fetch in the same turn in which records arrive, for the other partitions only, and that one holds
    up the whole broker until its long poll ends. Must be called after the consumer has started and before it joins.
    """
    fetcher = cast("Any", consumer)._fetcher
    fetch = cast("Callable[..., Awaitable[bool]]", fetcher._proc_fetch_request)

    async def drained(*arguments: object) -> bool:
        arrived = await fetch(*arguments)
        if arrived:
            for waiter in fetcher._fetch_waiters:
                fetcher._notify(waiter)
            try:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                return False  # as aiokafka's own: when it closes it awaits what it has cancelled
        return arrived

    fetcher._proc_fetch_request = drained


async def partition_counts(producer: AIOKafkaProducer) -> Mapping[str, int]:
    """How many partitions each existing topic has. Unlike a look-up by name this creates none.

    Raises KafkaConnectionError when no broker answers.
    """
    try:
        cluster = await cast("_Client", cast("Any", producer).client).fetch_all_metadata()
    except KafkaError as exc:  # says so in general terms that look final
        raise KafkaConnectionError("no broker tells which topics exist") from exc
    return {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}


def known_counts(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, topics: Iterable[str]) -> dict[str, int]:
    """The partition counts of these topics as the clients' regular look at the cluster last found them: asks nobody."""
    clusters = [
        cast("_Cluster", cast("Any", client).cluster) for client in (cast("Any", consumer)._client, producer.client)
    ]
    counts = {topic: [len(one.partitions_for_topic(topic) or ()) for one in clusters] for topic in topics}
    return {topic: max(of) for topic, of in counts.items()}


def position(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
    """The offset that is fetched next, 0 where none is set. It is also past what only fills the log, such as the markers that end
    transactions, of which no record ever tells.

    aiokafka's own `position` waits for one, and raises when a rebalance takes the partition away meanwhile.
    """
    subscription = cast("Any", consumer)._subscription
    if not subscription.is_assigned(tp):
        return 0
    state = subscription.subscription.assignment.state_value(tp)
    return state.position if state.has_valid_position else 0


def received(record: "ConsumerRecord[bytes | None, bytes | None]") -> Received:
    """A record as the rest of the intake knows it."""
    return Received(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
        record.damage if isinstance(record, DamagedRecord) else "",
    )


def is_retriable(error: BaseException) -> bool:
    """Whether an error speaks of Kafka or the network, not of the record."""
    return fate(error) is Fate.PASSES
