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

_BOOKING, _TELEMETRY = "settle", "telemetry"


@dataclass(frozen=True, slots=True)
class Standing:
    """`under_way`: requests that have come and not ended. `unstored`: outcomes that are not in the store. `dead_letters`: all
    that the topic has had."""

    under_way: int
    unstored: int
    dead_letters: int


class LineView:
    """Ask it as often as you like; an async context manager. Offsets are committed about twice a second: so old is the answer.
    All topics have the same number of `partitions`."""

    def __init__(self, cluster: Cluster, topics: Topics, partitions: int) -> None:
        self._partitions = partitions
        self._even = 0
        """Records of `admitted` beyond those of `outcomes` when nothing was under way: not 0 once letters were replayed."""
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
            waiting = {name: await self._lag(name) for name in FLOW}
            stored = await self._behind(_TELEMETRY, self._topics.prefix + GROUP)
            admitted, ended, letters = [await self._written(name) for name in ("admitted", "outcomes", DEAD_LETTERS)]
        except (KafkaError, OSError):
            return None
        booking = waiting.pop(_BOOKING)
        if not any(waiting.values()):
            self._even = admitted - ended
        # each request is admitted, or refused, in one record, and ends in one; the lag counts it at each stage for half a second
        under_way = max(0, admitted - ended - self._even) + waiting["admit"]
        return Standing(min(under_way, sum(waiting.values())), booking + stored, letters)

    async def _lag(self, intake: str) -> int:
        return await self._behind(FLOW[intake].source, group_name(self._topics.prefix, intake))

    async def _written(self, topic: str) -> int:
        return sum((await self._consumer.end_offsets(self._places(topic))).values())

    async def _behind(self, topic: str, group: str) -> int:
        # the commits first: what is committed meanwhile must not make it less than nothing
        committed = await committed_offsets(self._admin, group, self._places(topic))
        ends = await self._consumer.end_offsets(self._places(topic))
        return sum(end - max(0, committed[place].offset) for place, end in ends.items())

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._topics.full(topic), number) for number in range(self._partitions)]
