"""The sink's dead letters: one for each record that cannot be read, though whoever writes them may die at any moment.

Where their topic ended is committed with the chunk's plan, before the first is written (`streamguard.analytics.batches`).
Whoever repeats the chunk reads from there which of them exist. They go to the partition with their record's number.
"""

from collections import deque
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard.clock import Clock
from streamguard.intake.clients import make_reader
from streamguard.intake.contract import Output
from streamguard.intake.errors import Stalled, TooManyBuried
from streamguard.intake.settings import Settings

_WINDOW = 60.0  # seconds over which they are counted


class Letters:
    """Writes and finds them. `topic` in full, with `partitions`; more than `limit` a minute are too many."""

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, topic: str, partitions: int, limit: int, clock: Clock
    ) -> None:
        self._settings, self._producer, self._clock = settings, producer, clock
        self._topic, self._partitions, self._limit = topic, partitions, limit
        self._reader: AIOKafkaConsumer | None = None
        self._at: deque[float] = deque()

    async def end(self, source: TopicPartition) -> int:
        """Where the partition ends that takes the letters of `source`. Raises what aiokafka raises."""
        place = self._place(source)
        return (await (await self._started()).end_offsets([place]))[place]

    async def written(self, source: TopicPartition, since: int, wanted: Collection[bytes]) -> set[bytes]:
        """Which of the records named by `wanted` (as `dlq.at` names them) have a letter of a sink at or after `since`.

        Raises `Stalled` when nothing is delivered, and what aiokafka raises.
        """
        place, reader = self._place(source), await self._started()
        first = (await reader.beginning_offsets([place]))[place]
        end = (await reader.end_offsets([place]))[place]
        if max(since, first) >= end:
            return set()
        found = set[bytes]()
        reader.assign([place])
        try:
            reader.seek(place, max(since, first))
            moved = self._clock.monotonic()
            while await reader.position(place) < end:
                for record in (await reader.getmany(place, timeout_ms=200)).get(place, ()):
                    moved = self._clock.monotonic()
                    headers = dict(record.headers)
                    if headers.get("dlq.stage") == b"sink" and headers.get("dlq.at") in wanted:
                        found.add(headers["dlq.at"])
                if self._clock.monotonic() - moved > self._settings.stall:
                    raise Stalled(f"{self._topic}: letters wait and none is delivered")
        finally:
            reader.unsubscribe()
        return found

    async def write(self, source: TopicPartition, letter: Output) -> None:
        """Keep the bytes as they came; acknowledged when it returns. Raises `TooManyBuried`, and what aiokafka raises."""
        await self._producer.send_and_wait(
            letter.topic,
            letter.value,
            key=letter.key,
            headers=list(letter.headers),
            partition=self._place(source).partition,
        )
        now = self._clock.monotonic()
        self._at.append(now)
        while self._at[0] < now - _WINDOW:
            self._at.popleft()
        if len(self._at) > self._limit:
            raise TooManyBuried(self._limit, _WINDOW)

    async def close(self) -> None:
        """Closing twice does nothing."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()

    def _place(self, source: TopicPartition) -> TopicPartition:
        return TopicPartition(self._topic, source.partition % self._partitions)

    async def _started(self) -> AIOKafkaConsumer:
        """The reader is made when the first letter asks for it: most sinks never write one."""
        if self._reader is None:
            reader = make_reader(self._settings)
            try:
                await reader.start()
            except BaseException:
                await reader.stop()
                raise
            self._reader = reader
        return self._reader
