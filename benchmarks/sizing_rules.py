"""From the figures of docs/sizing.md to what a line needs: processes, partitions, memory, disks, network.

`python -m benchmarks.sizing_rules --per-second R [--model-seconds S] [--days D] …` prints it for a load of your own. The rules,
and why they are what they are, stand in docs/sizing.md; its tables are this module's.
"""

import argparse
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamguard.config import Cache, Invoke, Kafka
from streamguard.stream.topics import Topics

PAGE = Path(__file__).parents[1] / "docs" / "sizing.md"
BUSY = 0.6
"""Share of a core that a process should use at the highest rate: the rest is for rebalances, bursts and catching up."""
SPARE = 2
"""Partitions for each process, at least, so that shares differ little and processes can be added."""
SEGMENT, OPEN_HOURS = 1 << 30, 168
"""Kafka deletes whole segments, and begins a new one at this many bytes or after so many hours, unless told otherwise: so
long a partition's newest records outlive their retention."""
COUNTS = (12, 24, 48, 96, 192, 360)
"""Partition counts that many numbers of processes divide. Above 370 admit refuses to start."""
_KAFKA, _INVOKE, _CACHE = Kafka(), Invoke(), Cache()
_FIGURE = re.compile(r"^\| `(\w+)` \| ([\d,.]+) \|", re.MULTILINE)
_TOPIC = re.compile(r"^\| ([a-z-]+) \| ([\d.]+) \| ([\d,]+) \| ([\d,]+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Figures:
    """As measured. By request: CPU-ms, and bytes a topic and table in one copy. MB of a warm process, of 1,000 ids seen, of
    1,000 cache entries; seconds for 100,000 journal entries; connections of a process to each broker."""

    worker_cpu_ms: float
    sink_cpu_ms: float
    worker_mb: float
    ids_mb: float
    entries_mb: float
    restore_seconds: float
    connections: float
    store_bytes: float
    payload_bytes: float
    topics: Mapping[str, float]

    @classmethod
    def read(cls, page: str) -> "Figures":
        """From the tables of the page. Raises `KeyError` naming a figure that it lacks."""
        found = {name: _number(value) for name, value in _FIGURE.findall(page)}
        topics = {name: _number(size) for name, _, size, _ in _TOPIC.findall(page)}
        fields = {name: found[name] for name in cls.__slots__ if name != "topics"}
        return cls(**fields, topics=topics)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second at the busiest time, seconds of a model's answer, days that the store keeps, hours that ids are
    remembered and the journal is kept, copies in Kafka, `max_concurrency` of the provider. `calls` a request."""

    per_second: float
    model_seconds: float = 2.0
    days: float = 30.0
    seen_hours: float = 24.0
    journal_hours: float = 168.0
    replication: int = 3
    max_concurrency: int = 64
    calls: float = 1.0


@dataclass(frozen=True, slots=True)
class Needs:
    """`…_mb` and `restore_seconds` are of each process; disks in bytes, all copies together; network in bytes a second."""

    cores: float
    calls_at_once: float
    processes: int
    partitions: int
    ids_mb: float
    process_mb: float
    restore_seconds: float
    kafka_bytes: float
    kafka_in: float
    kafka_out: float
    store_bytes: float
    payload_bytes: float


def needs(figures: Figures, load: Load, topics: Topics) -> Needs:
    """What this load needs, with the retention of `topics` (but for the journal) and the configuration's defaults."""
    rate = load.per_second
    cores = rate * figures.worker_cpu_ms / 1000
    at_once = rate * load.calls * load.model_seconds
    places = min(load.max_concurrency, _KAFKA.in_flight)
    processes = max(2, math.ceil(cores / BUSY), math.ceil(at_once / places))
    stuck = rate * _INVOKE.timeout / _KAFKA.span  # one slow head may hold up this many partitions' commits
    partitions = next((count for count in COUNTS if count >= max(SPARE * processes, stuck)), COUNTS[-1])
    ids = rate * 3600 * load.seen_hours / 1000 * figures.ids_mb / processes
    entries = min(_CACHE.max_entries, rate * _CACHE.ttl_seconds) / 1000 * figures.entries_mb
    journal = rate * 3600 * load.journal_hours / processes
    hours = {topic.name: topic.retention_hours for topic in topics} | {"admission-journal": load.journal_hours}
    readers = {topic.name: _readers(topic.read_by, processes) for topic in topics}
    written = {name: rate * size for name, size in figures.topics.items()}
    kept = sum(
        size * 3600 * hours[name] + min(size * OPEN_HOURS * 3600, partitions * SEGMENT)
        for name, size in written.items()
    )
    return Needs(
        cores=cores + rate * figures.sink_cpu_ms / 1000,
        calls_at_once=at_once,
        processes=processes,
        partitions=partitions,
        ids_mb=ids,
        process_mb=figures.worker_mb + entries + 2 * ids,  # a journal is read anew beside what the last reading gave
        restore_seconds=journal / 100_000 * figures.restore_seconds,
        kafka_bytes=kept * load.replication,
        kafka_in=sum(written.values()),
        kafka_out=sum(size * (readers[name] + load.replication - 1) for name, size in written.items()),
        store_bytes=rate * 86_400 * load.days * figures.store_bytes,
        payload_bytes=rate * 86_400 * min(load.days, 30) * figures.payload_bytes,
    )


def _readers(read_by: tuple[str, ...], processes: int) -> int:
    """How often a topic is read: by each group once, but cache entries by every process."""
    return processes if read_by == ("lookup",) else len(read_by)


def lines(figures: Figures, load: Load, topics: Topics) -> Iterator[str]:
    """For people."""
    need = needs(figures, load, topics)
    yield f"cores for workers and sink, busy all the time   {need.cores:.1f}"
    yield f"calls of models at once                         {need.calls_at_once:,.0f}"
    yield f"worker processes                                {need.processes}"
    yield f"partitions                                      {need.partitions}"
    process, ids = amount(need.process_mb * 1e6), amount(need.ids_mb * 1e6)
    yield f"memory of a worker, while it takes partitions   {process}, of it ids {ids} twice"
    yield f"reading the journal at each rebalance           {need.restore_seconds:,.0f} s"
    yield f"Kafka's disks, all copies                       {amount(need.kafka_bytes)}"
    yield f"Kafka's network, in and out                     {amount(need.kafka_in)}/s, {amount(need.kafka_out)}/s"
    yield f"ClickHouse's disk, and of texts                 {amount(need.store_bytes)}, {amount(need.payload_bytes)}"


def amount(size: float) -> str:
    """Bytes as people write them, in powers of 1,000: two digits that count, or three."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 999.5 or unit == "PB":
            return f"{size:.0f} {unit}" if size >= 9.95 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def load_of(arguments: Sequence[str] | None = None) -> Load:
    """What the command's arguments say; None: those that it was started with."""
    usual = Load(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-second", type=float, required=True, help="requests, at the busiest time")
    parser.add_argument("--model-seconds", type=float, default=usual.model_seconds, help="of one answer, on average")
    parser.add_argument("--days", type=float, default=usual.days, help="that ClickHouse keeps rows")
    parser.add_argument("--seen-hours", type=float, default=usual.seen_hours, help="limits.seen_hours")
    parser.add_argument("--journal-hours", type=float, default=usual.journal_hours, help="retention of the journal")
    parser.add_argument("--replication", type=int, default=usual.replication, help="copies of each partition")
    parser.add_argument("--max-concurrency", type=int, default=usual.max_concurrency, help="of the provider")
    parser.add_argument("--calls", type=float, default=usual.calls, help="of models, a request; the cache saves some")
    return Load(**vars(parser.parse_args(arguments)))


def main() -> None:
    """The command."""
    load = load_of()
    for line in lines(Figures.read(PAGE.read_text(encoding="utf-8")), load, Topics.load()):
        print(line)


if __name__ == "__main__":
    main()
