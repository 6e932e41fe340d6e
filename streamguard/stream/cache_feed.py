"""Keeps a worker's cache equal to the topic `cache-entries`: reads all of it, then what is added."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.cache.exact import ExactCache
from streamguard.clock import Clock
from streamguard.errors import StreamguardError
from streamguard.intake.clients import read_from_beginning, with_guarded_connections
from streamguard.intake.damage import read_carefully
from streamguard.stream.journal import AT_ONCE, PATIENCE

log = logging.getLogger(__name__)


class CacheTopicMissing(StreamguardError):
    """The topic of cache entries is not on the cluster."""


class CacheFeed:
    """Background of the lookup stage (`streamguard.stream.hosting.Background`): it is ready once everything that stood in
    the topic at the start is in the cache."""

    _reader: AIOKafkaConsumer

    def __init__(self, brokers: str, topic: str, cache: ExactCache, clock: Clock) -> None:
        self._brokers = brokers
        self._topic = topic
        self._cache = cache
        self._clock = clock

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop`. Once it runs, a broker that is away is waited for: an old cache only saves less."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            metadata_max_age_ms=30_000,
        )
        self._reader = with_guarded_connections(reader, PATIENCE)
        await self._reader.start()
        read_carefully(self._reader)  # what nobody can read is no entry; it must not keep the workers from starting
        try:
            places = await self._places()
            ends = await self._reader.end_offsets(places)
            await read_from_beginning(self._reader, places)
            while not stop.is_set():
                if not ready.is_set() and await self._reached(ends):
                    ready.set()
                await asyncio.sleep(0)  # aiokafka gives what it has fetched without letting anybody else run
                try:
                    batch = await self._reader.getmany(timeout_ms=500, max_records=AT_ONCE)
                except KafkaError as error:
                    log.warning("cache feed interrupted", extra={"error": type(error).__name__})
                    await self._clock.sleep(1)
                    continue
                for records in batch.values():
                    for record in records:
                        self._cache.put((record.key or b"").decode("ascii", "replace"), record.value)
        finally:
            await self._reader.stop()

    async def _places(self) -> list[TopicPartition]:
        try:
            await self._reader.end_offsets([TopicPartition(self._topic, 0)])  # makes the client learn the topic
        except KafkaError:
            raise CacheTopicMissing(f"the topic {self._topic!r} cannot be read; create the topics first") from None
        numbers = self._reader.partitions_for_topic(self._topic)
        if not numbers:
            raise CacheTopicMissing(f"the topic {self._topic!r} has no partitions; create the topics first")
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    async def _reached(self, ends: dict[TopicPartition, int]) -> bool:
        for place, end in ends.items():
            if await self._reader.position(place) < end:
                return False
        return True
