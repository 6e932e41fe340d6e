"""The admission journal as the owner of partitions keeps it: takes them over, restores their state, tells what is void.

Implements `streamguard.intake.contract.Ownership` and `streamguard.stages.admit.OwnedState`. The rules of epochs are in
`streamguard.limits.journal`; here they meet Kafka.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.config import Cluster, Limits
from streamguard.errors import InvalidRecord, StreamguardError
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import decode, encode, schema_name
from streamguard.intake.clients import read_from_beginning, with_guarded_connections
from streamguard.limits.admission import Admission
from streamguard.limits.journal import JournalReplay
from streamguard.places import key_partition

log = logging.getLogger(__name__)

STALL = 30.0
"""Seconds without a record while the journal's end is not reached: something is wrong, a restart must mend it."""

PATIENCE = 2.0
"""Seconds for which a connection may try to bring bytes to a broker. A marker that arrives late is void."""

AT_ONCE = 1000
"""Records that are read without a turn of the event loop: the other stages' heartbeats, commits and leases go on meanwhile."""


class JournalUnreadable(StreamguardError):
    """The journal cannot be read back to our own marker, so nothing may be decided."""


class MarkerVoid(KafkaError):
    """Another marker came between our look at the journal's end and ours. If we are still a member, the next will count."""

    retriable = True


class AdmissionJournal:
    """The journal partitions of one admit worker. Also its background: connected before the intake starts."""

    _producer: AIOKafkaProducer
    _reader: AIOKafkaConsumer

    def __init__(
        self, cluster: Cluster, topic: str, requests: str, limits: Limits, partitions: Callable[[], int]
    ) -> None:
        """`partitions` tells, once connected, the count under which tenants have their places."""
        self._cluster = cluster
        self._topic = topic
        self._requests = requests
        self._count = partitions
        self._limits = limits
        self._ends: dict[int, int] = {}
        self._owned: dict[int, JournalReplay] = {}

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Stay connected until `stop`."""
        producer = AIOKafkaProducer(
            **self._cluster.arguments,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            metadata_max_age_ms=30_000,
        )
        reader = AIOKafkaConsumer(
            **self._cluster.arguments,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            metadata_max_age_ms=30_000,
        )
        self._producer = with_guarded_connections(producer, PATIENCE)
        self._reader = with_guarded_connections(reader, PATIENCE)
        try:
            await self._producer.start()
            await self._reader.start()
            await self._reader.end_offsets([TopicPartition(self._topic, 0)])  # learns the topic now, not in a rebalance
            ready.set()
            await stop.wait()
        finally:
            await self._reader.stop()
            await self._producer.stop()

    def admission(self, partition: int) -> Admission:
        return self._owned[partition].admission

    def epoch(self, partition: int) -> int:
        epoch = self._owned[partition].epoch
        assert epoch is not None
        return epoch

    def partition_of(self, tenant_id: str) -> int:
        """The partition of `requests` where a tenant's requests belong: murmur2 of its id, as Kafka's own clients do."""
        return key_partition(tenant_id.encode(), self._count())

    async def prepare(self, partitions: frozenset[int]) -> None:
        """How far the journals reach, before the group confirms that we own them."""
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        ends = await self._reader.end_offsets(places) if places else {}
        self._ends = {place.partition: end for place, end in ends.items()}

    async def take(self, partitions: frozenset[int]) -> None:
        """Write our markers, then read each journal from its beginning to its marker."""
        markers = await asyncio.gather(*(self._mark(partition) for partition in sorted(partitions)))
        goals = {TopicPartition(self._topic, marker[0]): marker[1] for marker in markers}
        replays = {place: JournalReplay(self._limits) for place in goals}
        if goals:
            await self._read(goals, replays)
        for place, replay in replays.items():
            if replay.epoch != goals[place]:
                raise MarkerVoid(f"{place.topic}/{place.partition}: another marker came in between")
            self._owned[place.partition] = replay
        log.info(
            "journal restored", extra={"partitions": len(goals), "ids": sum(len(r.admission) for r in replays.values())}
        )

    def void(self, topic: str, partition: int, offset: int, headers: Mapping[str, bytes]) -> bool:
        """A journal entry that does not count: void by the rules, or written behind our marker by somebody else. And a
        request that admit did not place: services write to `requests` too, and what they put into headers proves nothing."""
        if topic == self._requests:
            return "placed" not in headers
        if topic != self._topic:
            return False
        replay = self._owned.get(partition)
        if replay is None or replay.epoch is None:
            return False
        return offset in replay.void or (offset > replay.epoch and headers.get("epoch") != str(replay.epoch).encode())

    def lost(self, partitions: frozenset[int]) -> None:
        """Forget them."""
        for partition in partitions:
            self._owned.pop(partition, None)

    async def _mark(self, partition: int) -> tuple[int, int]:
        marker = JournalEntry(kind="marker", based_on=self._ends.get(partition, 0))
        headers = [("schema", schema_name(JournalEntry).encode())]
        sent = await self._producer.send(self._topic, encode(marker), partition=partition, headers=headers)
        return partition, (await sent).offset

    async def _read(self, goals: Mapping[TopicPartition, int], replays: Mapping[TopicPartition, JournalReplay]) -> None:
        todo = set(goals)
        await read_from_beginning(self._reader, todo)
        loop = asyncio.get_running_loop()
        moved = loop.time()
        while todo:
            # aiokafka gives what it has fetched without letting anybody else run
            await asyncio.sleep(0)
            for place, records in (await self._reader.getmany(*todo, timeout_ms=200, max_records=AT_ONCE)).items():
                moved = loop.time()
                for record in records:
                    if record.offset > goals[place]:
                        break
                    try:
                        replays[place].read(record.offset, decode(JournalEntry, record.value))
                    except InvalidRecord as error:
                        raise JournalUnreadable(f"{place.topic}/{place.partition}/{record.offset}: {error}") from None
                if records and records[-1].offset >= goals[place]:
                    todo.discard(place)
            if loop.time() - moved > STALL:
                raise JournalUnreadable(f"{self._topic}: does not move while {len(todo)} partitions are unread")
        self._reader.unsubscribe()
