"""The memory of each process over many requests, and how it grows once warm.

`python -m benchmarks.memory [--json] [--requests N] [--forget] [--embedded]`: two workers on Apache Kafka, which keeps its
records on disk; the embedded broker keeps them in memory, and only the last. The slope is a least-squares line over the
samples after the first quarter, in KB a thousand requests.

What a process remembers on purpose is in it, unless they are told to `--forget`: the ids seen of the tenants that a worker
owns, kept for `limits.seen_hours`, so their memory ends where a day's requests end; and cache entries, the same in every
worker, up to `cache.max_entries` and `cache.max_bytes`. This process keeps what it has sent only until a round has ended.
"""

import argparse
import asyncio
import logging
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
import uvloop

from benchmarks.line import Line, real_kafka, running
from streamguard.cli.demo.requests import support_requests
from streamguard.cli.embedded_line.parts import Layout

_ROUND = 1_000
_WARM = 0.25
_FORGETFUL = {"cache": {"max_entries": 200}, "limits": {"seen_hours": 0.002}}


@dataclass(frozen=True, slots=True)
class Growth:
    """RSS in MB when warm and at the end, and the slope between."""

    warm_mb: float
    end_mb: float
    kb_per_1000: float


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through the points; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


async def measure(count: int, *, forget: bool, embedded: bool) -> dict[str, Growth]:
    """By process name; `forget` lets the workers remember little, so that what still grows is a leak."""
    if embedded:
        return await _measure(count, None, forget=forget)
    with tempfile.TemporaryDirectory(prefix="streamguard-bench-") as directory, real_kafka(Path(directory)) as node:
        return await _measure(count, node.brokers if node else None, forget=forget)


async def _measure(count: int, broker: str | None, *, forget: bool) -> dict[str, Growth]:
    samples: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    layout = Layout(prefix="memory.", broker=broker, latency_sigma=0, extra=_FORGETFUL if forget else {})
    async with running(layout) as line:
        for sent in range(_ROUND, count + 1, _ROUND):
            planned = support_requests(_ROUND, seed=sent, lot=f"m{sent}-")
            await line.send([item for item in planned if item.end == "outcome"])
            _sample(line, sent, samples)
    return {name: _growth(points) for name, points in sorted(samples.items())}


def _sample(line: Line, sent: int, samples: defaultdict[str, list[tuple[float, float]]]) -> None:
    for name, pid in line.parts.pids.items():
        samples[name].append((sent / 1000, psutil.Process(pid).memory_info().rss / 1024))


def _growth(points: list[tuple[float, float]]) -> Growth:
    warm = points[int(len(points) * _WARM) :]
    return Growth(warm[0][1] / 1024, warm[-1][1] / 1024, slope(warm))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--forget", action="store_true", help="with 200 cache entries and ids remembered for 7 s")
    parser.add_argument("--embedded", action="store_true", help="on the embedded broker although Java is there")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(measure(given.requests, forget=given.forget, embedded=given.embedded))
    if given.json:
        print(orjson.dumps({"requests": given.requests, "processes": result}).decode())
        return
    print(f"{given.requests:,} requests{'warm, MB':>18}{'end, MB':>10}{'KB per 1,000':>14}")
    for name, growth in result.items():
        print(f"{name:<20}{growth.warm_mb:>14.1f}{growth.end_mb:>10.1f}{growth.kb_per_1000:>14.1f}")


if __name__ == "__main__":
    main()
