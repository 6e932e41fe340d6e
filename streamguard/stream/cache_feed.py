"""Keeps a worker's cache equal to the topic `cache-entries`: reads all of it, then what is added."""

import asyncio

from aiokafka import ConsumerRecord

from streamguard.cache.exact import ExactCache
from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.intake.waiting import until
from streamguard.stream.whole_topic import WholeTopic


class CacheFeed:
    """Background of the lookup stage (`streamguard.stream.hosting.Background`): it is ready once everything that stood in
    the topic at the start is in the cache."""

    def __init__(self, cluster: Cluster, topic: str, cache: ExactCache, clock: Clock) -> None:
        self._entries = WholeTopic(cluster, topic, clock, self._put)
        self._cache = cache

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop`. Once it runs, a broker that is away is waited for: an old cache only saves less."""
        while await until(stop, self._entries.follow(ready.set)):
            pass

    def _put(self, record: "ConsumerRecord[bytes | None, bytes | None]") -> None:
        # what nobody can read is no entry
        self._cache.put((record.key or b"").decode("ascii", "replace"), record.value)
