"""How far the line is, as the broker knows it: what waits at each stage, for the store, and among the dead letters."""

from collections.abc import Mapping
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

_STEPS = ("requests", "admitted", "outcomes")
"""Topics that have one record each of a request that goes its way."""
_BOOKING, _TELEMETRY = "settle", "telemetry"


@dataclass(frozen=True, slots=True)
class Standing:
    """`under_way`: requests that have come and not ended. `unstored`: outcomes that are not in the store. `dead_letters`: all
    that the topic has had."""

    under_way: int
    unstored: int
    dead_letters: int


class UnderWay:
    """How many requests have come and not ended, from what the broker knows. Pure.

    The stages' lags alone would say too much: offsets are committed up to half a second late, so a request that has just gone
    through is in the lag of each stage. But every request has one record in `admitted`, whatever admit says, and one outcome.
    """

    def __init__(self) -> None:
        self._even = 0, 0
        """How many records more `requests` had than `admitted`, and `admitted` than `outcomes`, when nothing was under way: not 0
        once a request came twice or was buried, or a letter was replayed."""

    def count(self, waiting: Mapping[str, int], come: int, admitted: int, ended: int) -> int:
        """`waiting` are the lags of the intakes up to the outcome; `come`, `admitted` and `ended` the records that the topics
        `requests`, `admitted` and `outcomes` have had."""
        most = sum(waiting.values())
        if not most:
            self._even = come - admitted, admitted - ended
        to_admit = min(waiting["admit"], max(0, come - admitted - self._even[0]))
        return min(most, to_admit + max(0, admitted - ended - self._even[1]))


class LineView:
    """Ask it as often as you like; an async context manager. Offsets are committed about twice a second: so old is the answer.
    All topics have the same number of `partitions`."""

    def __init__(self, cluster: Cluster, topics: Topics, partitions: int) -> None:
        self._partitions = partitions
        self._under_way = UnderWay()
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
        try:
            await self._consumer.stop()
        finally:
            await self._admin.close()

    async def standing(self) -> Standing | None:
        """None while the broker does not tell."""
        try:
            waiting = {name: await self._lag(name) for name in FLOW}
            stored = await self._behind(_TELEMETRY, self._topics.prefix + GROUP)
            come, admitted, ended, letters = [await self._written(name) for name in (*_STEPS, DEAD_LETTERS)]
        except (KafkaError, OSError):
            return None
        booking = waiting.pop(_BOOKING)
        return Standing(self._under_way.count(waiting, come, admitted, ended), booking + stored, letters)

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
