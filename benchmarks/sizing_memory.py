"""What a process remembers, and how long it reads before it does: each measured in a process of its own.

The journal is read by the line's own code (`AdmissionJournal.take`), as by whoever takes partitions over.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard.cache.exact import ExactCache
from streamguard.clock import SystemClock
from streamguard.config import Cluster, Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import decode, encode
from streamguard.stream.journal import AdmissionJournal

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Restored:
    """One reading of a journal of `entries` decisions on as many ids: seconds until decided on, MB of memory that stay."""

    entries: int
    seconds: float
    mb: float


def alone(work: Callable[[], R]) -> R:
    """What it returns, of a fresh process: nobody else's memory is in its figures."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work).result()


async def records_of(broker: str, topic: str, partitions: int) -> list[bytes]:
    """All values that the topic holds."""
    reader = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    await reader.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        reader.assign(places)
        ends = await reader.end_offsets(places)
        found: list[bytes] = []
        while any([await reader.position(place) < ends[place] for place in places]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                found += [record.value for record in records if record.value is not None]
        return found
    finally:
        await reader.stop()


async def fill_journal(broker: str, topic: str, partition: int, entries: int, like: Sequence[bytes]) -> None:
    """Write a journal of that many decisions, made of real ones with ids of their own, under one owner's marker."""
    models = [entry for value in like if (entry := decode(JournalEntry, value)).decision is not None]
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=5, max_batch_size=1 << 18)
    await producer.start()
    try:
        marker = await producer.send_and_wait(
            topic, encode(JournalEntry(kind="marker", based_on=0)), partition=partition
        )
        sent: list[asyncio.Future[object]] = []
        for number in range(entries):
            model = models[number % len(models)]
            assert model.decision is not None, "filtered above"
            entry = model.model_copy(
                update={
                    "request_id": f"{model.request_id}-{number:07}",
                    "decision": model.decision.model_copy(update={"epoch": marker.offset}),
                }
            )
            sent.append(await producer.send(topic, encode(entry), partition=partition))
            if len(sent) == 5_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def restore(broker: str, topic: str, partition: int) -> Restored:
    """Take over one partition of a journal, in a process of its own."""
    return alone(partial(_restore, broker, topic, partition))


def _restore(broker: str, topic: str, partition: int) -> Restored:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_take(broker, topic, partition))


async def _take(broker: str, topic: str, partition: int) -> Restored:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    clock, ready, stop = SystemClock(), asyncio.Event(), asyncio.Event()
    limits = Limits(seen_hours=168)  # the entries keep the times at which they were decided
    journal = AdmissionJournal(Cluster(broker), topic, topic, limits, lambda: 1)
    running = asyncio.create_task(journal(ready, stop))
    await ready.wait()
    before, begun = _mb(), clock.monotonic()
    await journal.prepare(frozenset({partition}))
    await journal.take(frozenset({partition}))
    seconds, after = clock.monotonic() - begun, _mb()
    entries = len(journal.admission(partition))
    stop.set()
    await running
    return Restored(entries, seconds, after - before)


def cache_mb(values: Sequence[bytes], entries: int) -> float:
    """Memory of that many cache entries like these, in a process of its own, in MB."""
    return alone(partial(_fill, values, entries))


def _fill(values: Sequence[bytes], entries: int) -> float:
    before = _mb()
    cache = ExactCache(entries, 1 << 40)
    for number in range(entries):
        cache.put(f"{number:064x}", bytes(bytearray(values[number % len(values)])))  # each its own copy, as from Kafka
    assert len(cache) == entries
    return _mb() - before


def _mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6
