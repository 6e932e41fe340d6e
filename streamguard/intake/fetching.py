"""Fetching: from the consumer into the key queues, as far as the bounds allow."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from streamguard.intake.clients import position, received
from streamguard.intake.committing import Committer
from streamguard.intake.context import Context
from streamguard.intake.errors import OffsetGone
from streamguard.intake.marks import Place
from streamguard.intake.partition import InputPartition
from streamguard.intake.running import KeyRunner

Fetched = Mapping[TopicPartition, "list[ConsumerRecord[bytes | None, bytes | None]]"]
POLL_MS = 200
RETRY = 0.1

log = logging.getLogger(__name__)


class Fetcher:
    """Runs from the moment an assignment is ready until its revoke, when it is cancelled.

    There is no await between what `getmany` returns and its entry in the partition: a record that was fetched and not
    entered would be lost.
    """

    def __init__(self, context: Context, consumer: AIOKafkaConsumer, runner: KeyRunner, committer: Committer) -> None:
        self._settings, self._clock, self._load = context.settings, context.clock, context.load
        self._partitions, self._ends, self._watchdog = context.partitions, context.ends, context.watchdog
        self._consumer, self._runner, self._committer = consumer, runner, committer

    async def run(self) -> None:
        """Until cancelled. Raises OffsetGone, and what aiokafka raises."""
        while True:
            self._load.changed.clear()
            self._release()
            free = self._settings.cap - self._load.statistics.in_flight
            ready = [place for place, part in self._partitions.items() if self._may_fetch(part)]
            if free <= 0 or not ready:
                await self._load.changed.wait()
                continue
            whole = len(ready) == len(self._partitions)
            self._enter(await self._getmany([TopicPartition(*place) for place in ready], free, whole=whole))
            self._pass_over()

    def _may_fetch(self, part: InputPartition) -> bool:
        if part.offsets.span * 2 >= self._settings.span:
            self._committer.hurry.set()
        return not part.keys.held and part.offsets.span < self._settings.span

    async def _getmany(self, tps: list[TopicPartition], free: int, *, whole: bool) -> Fetched:
        """Wait for records; while some partitions are paused, also for the end of a pause."""
        try:
            if whole:
                return await self._consumer.getmany(*tps, timeout_ms=POLL_MS, max_records=free)
            getting = asyncio.ensure_future(self._consumer.getmany(*tps, timeout_ms=POLL_MS, max_records=free))
            pause = asyncio.ensure_future(self._load.changed.wait())
            try:
                await asyncio.wait([getting, pause], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                getting.cancel()  # no effect when it has records
            await asyncio.wait([getting])
            return {} if getting.cancelled() else getting.result()
        except NoOffsetForPartitionError:
            return {}  # said before this assignment's positions were set; they are by now
        except OffsetOutOfRangeError as exc:
            raise await self._gone(exc) from exc
        except KafkaError as exc:
            if not exc.retriable:
                raise
            log.warning("fetching: %s, will repeat", type(exc).__name__)
            await self._clock.sleep(RETRY)
            return {}

    async def _gone(self, error: OffsetOutOfRangeError) -> OffsetGone:
        tp, offset = next(iter(dict(error.args[0]).items()))
        first = await self._consumer.beginning_offsets([tp])
        end = await self._consumer.end_offsets([tp])
        return OffsetGone(tp.topic, tp.partition, offset, first[tp], end[tp])

    def _enter(self, fetched: Fetched) -> None:
        for tp, records in fetched.items():
            self._partitions[Place(*tp)].keys.hold(map(received, records))

    def _pass_over(self) -> None:
        """Only here is what aiokafka fetches next also behind all that was entered: at other times `getmany` may hold records."""
        for place, part in self._partitions.items():
            if not part.keys.held:
                part.offsets.pass_over(position(self._consumer, TopicPartition(*place)))

    def _release(self) -> None:
        """Deliver what is held, as far as key queues, span and cap allow."""
        statistics = self._load.statistics
        for part in self._partitions.values():
            if not part.keys.held:
                continue
            room = min(self._settings.cap - statistics.in_flight, self._settings.span - part.offsets.span)
            entered = part.offsets.deliver(part.keys.release(room), self._ends) if room > 0 else ()
            if not entered:
                continue
            statistics.delivered += len(entered)
            self._watchdog.moved(self._clock.monotonic())
            part.entered(len(entered))
            for record in entered:
                existing = part.offsets.existing(record)
                if existing is not None and existing.complete:
                    statistics.suppressed += 1
                    part.done(record)
                elif part.keys.enter(record):
                    part.spawn(self._runner.run(part, record))
