"""What a line needs of disks, memory, connections and processes: the figures of docs/sizing.md.

`python -m benchmarks.sizing [--json] [--requests N] [--entries N]`: the demo's requests on Apache Kafka (one broker, 4
partitions, producers without compression) through a line of two processes and one of a single process, which take turns.
Rates and CPU are medians of three rounds, reading a journal too. Takes two to three minutes; Java and Maven must be there.
`load` is the machine's load average before and after: beyond the lines' own it slows them and makes their CPU dearer, and
leaves bytes, rows, memory and connections as they are.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil
import uvloop

from benchmarks.line import Line, Sent, real_kafka, running
from benchmarks.sizing_disk import Table, log_of, tables_of
from benchmarks.sizing_memory import Restored, cache_mb, fill_journal, records_of, restore
from streamguard.cli.demo.requests import support_requests
from streamguard.cli.embedded_line.parts import Layout
from streamguard.stream.planned import Planned
from streamguard.stream.topics import Topics
from tests.support.kafka import create_topics

_PARTITIONS = 4
_ROUNDS = 3
_WARM = 200


@dataclass(frozen=True, slots=True)
class Process:
    """One process, ready and then after all rounds. `connections` are to the one broker."""

    ready_mb: float
    end_mb: float
    connections: int
    files: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """A line of so many worker processes: requests a second at 200 in flight, CPU-ms a request of all workers and of the sink,
    and seconds from the kill of one process until it has its partitions again (short journal, supervisor on the spot)."""

    per_second: float
    cpu_ms: float
    sink_cpu_ms: float
    processes: dict[str, Process]
    back_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TopicSize:
    """For one request, in one copy; `zstd_bytes` with the topic's `compression.type=zstd`."""

    records: float
    batches: float
    bytes: float
    zstd_bytes: float


@dataclass(frozen=True, slots=True)
class Result:
    """`restored` are medians; `cache_mb` is of as many cache entries as `entries` says."""

    requests: int
    load: tuple[float, float]
    topics: dict[str, TopicSize]
    tables: dict[str, Table]
    fleets: dict[int, Fleet]
    restored: list[Restored]
    entries: int
    cache_mb: float


async def measure(count: int, entries: int) -> Result | None:
    """Run everything once. None where there is no Kafka to be had."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="streamguard-bench-") as directory, real_kafka(Path(directory)) as node:
        if node is None:
            return None
        logs = Path(directory) / "kafka" / "log"
        broker, topics = node.brokers, Topics.load("two.")
        async with (
            running(Layout(prefix="two.", broker=broker, latency_sigma=0, instance="two")) as pair,
            running(Layout(prefix="one.", broker=broker, latency_sigma=0, instance="one", processes=1)) as single,
        ):
            (two, sent), (one, _) = await _rounds((pair, single), count)
            tables = await tables_of(pair.at.store, sent)
            sizes = {topic.name: log_of(logs, topics.full(topic.name)) for topic in topics}
            back, one_back = await _killed(pair), await _killed(single)
        decisions = await records_of(broker, topics.full("admission-journal"), _PARTITIONS)
        restored = await _restored(broker, decisions, (entries // 5, entries))
        cached = await records_of(broker, topics.full("cache-entries"), _PARTITIONS)
        return Result(
            requests=sent,
            load=(before, os.getloadavg()[0]),
            topics={
                name: TopicSize(log.records / sent, log.batches / sent, log.bytes / sent, log.zstd_bytes / sent)
                for name, log in sizes.items()
            },
            tables=tables,
            fleets={1: replace(one, back_seconds=one_back), 2: replace(two, back_seconds=back)},
            restored=restored,
            entries=entries,
            cache_mb=await asyncio.to_thread(cache_mb, cached, entries),
        )


async def _rounds(lines: Sequence[Line], count: int) -> list[tuple[Fleet, int]]:
    """What each line does, and how many requests it was sent: round by round in turn, so that what else the machine does, and
    when, is shared out among them."""
    ready = [_memory(line) for line in lines]
    warm = [await line.send(_requests(_WARM, 1, "w")) for line in lines]  # pools, caches and imports are warm
    rounds: list[list[Sent]] = [[] for _ in lines]
    for number in range(_ROUNDS):
        for line, sents in zip(lines, rounds, strict=True):
            sents.append(await line.send(_requests(count // _ROUNDS, 2 + number, f"f{number}")))
    return [
        (_fleet(line, sents, before), first.requests + sum(sent.requests for sent in sents))
        for line, sents, before, first in zip(lines, rounds, ready, warm, strict=True)
    ]


def _fleet(line: Line, rounds: Sequence[Sent], ready: Mapping[str, float]) -> Fleet:
    ends, port = _memory(line), int(line.at.broker.rpartition(":")[2])
    return Fleet(
        per_second=median(sent.rate for sent in rounds),
        cpu_ms=median(sent.cpu_ms("worker") for sent in rounds),
        sink_cpu_ms=median(sent.cpu_ms("sink") for sent in rounds),
        processes={
            name: Process(ready[name], ends[name], _connections(pid, port), psutil.Process(pid).num_fds())
            for name, pid in line.parts.pids.items()
            if name.startswith(("worker", "sink"))
        },
    )


def _requests(count: int, seed: int, lot: str) -> list[Planned]:
    return [item for item in support_requests(count, seed, lot=lot) if item.end == "outcome"]


def _memory(line: Line) -> dict[str, float]:
    return {name: psutil.Process(pid).memory_info().rss / 1e6 for name, pid in line.parts.pids.items()}


def _connections(pid: int, port: int) -> int:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return sum(bool(one.raddr) and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in found)


async def _killed(line: Line) -> float:
    """Kill a worker; seconds until the one that its supervisor starts is ready."""
    loop, victim = asyncio.get_running_loop(), line.parts.pids["worker-0"]
    begun = loop.time()
    os.kill(victim, signal.SIGKILL)
    while line.parts.pids.get("worker-0", victim) == victim:
        await asyncio.sleep(0.02)
    await line.parts.ready()
    return loop.time() - begun


async def _restored(broker: str, decisions: Sequence[bytes], sizes: Sequence[int]) -> list[Restored]:
    """A journal of each size, read three times."""
    topic = "journals"
    await create_topics(broker, [topic], len(sizes), 1)
    found: list[Restored] = []
    for number, size in enumerate(sizes):
        await fill_journal(broker, topic, number, size, decisions)
        takes = [await asyncio.to_thread(restore, broker, topic, number) for _ in range(_ROUNDS)]
        found.append(
            Restored(
                takes[0].entries, median(take.seconds for take in takes), round(median(take.mb for take in takes), 1)
            )
        )
    return found


def _print(result: Result) -> None:
    print(
        f"Apache Kafka, {result.requests:,} requests; load average {result.load[0]:.1f} before, {result.load[1]:.1f} after"
    )
    print(f"\n{'topic, a request':<22}{'records':>9}{'batches':>9}{'bytes':>9}{'with zstd':>11}{'a record':>10}")
    sizes = result.topics.values()
    for name, size in sorted(result.topics.items(), key=lambda item: -item[1].bytes):
        one = size.bytes / size.records if size.records else 0.0
        print(
            f"{name:<22}{size.records:>9.3f}{size.batches:>9.3f}{size.bytes:>9.0f}{size.zstd_bytes:>11.0f}{one:>10.0f}"
        )
    print(f"{'all':<22}{'':>18}{sum(one.bytes for one in sizes):>9.0f}{sum(one.zstd_bytes for one in sizes):>11.0f}")
    print(f"\n{'table, merged':<22}{'rows a request':>15}{'bytes a row':>13}{'a request':>11}{'uncompressed':>14}")
    for name, table in result.tables.items():
        rows, each = table.rows / result.requests, table.bytes / max(table.rows, 1)
        print(f"{name:<22}{rows:>15.3f}{each:>13.0f}{rows * each:>11.0f}{table.plain_bytes / result.requests:>14.0f}")
    print(f"\n{'':<22}{'requests/s':>12}{'CPU-ms':>9}{'sink':>7}{'back after a kill, s':>22}")
    for count, fleet in sorted(result.fleets.items()):
        name = f"{count} process{'es' if count > 1 else ''}"
        print(
            f"{name:<22}{fleet.per_second:>12.0f}{fleet.cpu_ms:>9.2f}{fleet.sink_cpu_ms:>7.2f}{fleet.back_seconds:>22.1f}"
        )
    print(f"\n{'':<22}{'ready, MB':>12}{'end, MB':>9}{'connections':>13}{'files':>7}")
    for count, fleet in sorted(result.fleets.items()):
        for name, one in sorted(fleet.processes.items()):
            title = f"{name}, of {count}"
            print(f"{title:<22}{one.ready_mb:>12.0f}{one.end_mb:>9.0f}{one.connections:>13}{one.files:>7}")
    print()
    for one in result.restored:
        print(f"journal of {one.entries:,} entries: {one.seconds:.2f} s, {one.mb:.1f} MB")
    print(f"{result.entries:,} cache entries: {result.cache_mb:.1f} MB")


def _plain(result: Result) -> dict[str, Any]:
    return asdict(result) | {"fleets": {str(count): asdict(fleet) for count, fleet in result.fleets.items()}}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--requests", type=int, default=2_400, help="of each line, besides the first 200")
    parser.add_argument("--entries", type=int, default=100_000, help="of the longer journal, and of the cache")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(measure(given.requests, given.entries))
    if result is None:
        sys.exit("Apache Kafka is not to be had here: Java or Maven is missing")
    if given.json:
        print(orjson.dumps(_plain(result)).decode())
    else:
        _print(result)


if __name__ == "__main__":
    main()
