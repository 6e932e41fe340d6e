"""How far the line is, as the broker knows it: what waits at each stage, for the store, and among the dead letters."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.config import Cluster
from streamguard.intake.clients import committed_offsets
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.sink import GROUP
from streamguard.stream.topics import DEAD_LETTERS, Topics

_BOOKED = ("settle",)
"""Intakes after which a request's answer no longer waits."""
_TELEMETRY = "telemetry"


@dataclass(frozen=True, slots=True)
class Standing:
    """`under_way`: records that stages before the booking have not finished. `unstored`: outcomes not booked, and booked
    ones that are not in the store. `dead_letters`: all that the topic has had."""

    under_way: int
    unstored: int
    dead_letters: int


class LineView:
    """Ask it as often as you like; an async context manager. Offsets are committed about twice a second: so old is the answer.
    All topics have the same number of `partitions`."""

    def __init__(self, cluster: Cluster, topics: Topics, partitions: int) -> None:
        self._partitions = partitions
        self._topics = topics
        self._admin = AIOKafkaAdminClient(**cluster.arguments)
        self._consumer = AIOKafkaConsumer(**cluster.arguments, group_id=None, enable_auto_commit=False)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        try:
            await self._consumer.start()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def standing(self) -> Standing | None:
        """None while the broker does not tell."""
        try:
            under_way = [await self._lag(route.source, name) for name, route in FLOW.items() if name not in _BOOKED]
            booking = [await self._lag(FLOW[name].source, name) for name in _BOOKED]
            storing = await self._behind(_TELEMETRY, self._topics.prefix + GROUP)
            letters = sum((await self._consumer.end_offsets(self._places(DEAD_LETTERS))).values())
        except (KafkaError, OSError):
            return None
        return Standing(sum(under_way), sum(booking) + storing, letters)

    async def _lag(self, source: str, intake: str) -> int:
        return await self._behind(source, group_name(self._topics.prefix, intake))

    async def _behind(self, topic: str, group: str) -> int:
        # the commits first: what is committed meanwhile must not make it less than nothing
        committed = await committed_offsets(self._admin, group, self._places(topic))
        ends = await self._consumer.end_offsets(self._places(topic))
        return sum(end - max(0, committed[place].offset) for place, end in ends.items())

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._topics.full(topic), number) for number in range(self._partitions)]
