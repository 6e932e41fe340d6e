"""The whole line under load: how many requests a second, what each costs in CPU and by stage, and what it adds in latency.

`python -m benchmarks.pipeline [--json] [--requests N] [--embedded]`: the demo's requests through all stages with everything
on (store, sink, cache, checks), a simulated model that answers after 50 ms, next to a bare aiokafka relay over as many hops
on the same broker in the same run. Added latency is from sending to the response less 50 ms for each call to the model.
"""

import argparse
import asyncio
import logging
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks import relay
from benchmarks.line import Line, Sent, real_kafka, running
from streamguard.cli.demo.requests import support_requests
from streamguard.cli.embedded_line.parts import Layout
from streamguard.dev.broker import EmbeddedBroker
from streamguard.stream.flow import FLOW
from streamguard.stream.planned import Planned

HOPS = 5
"""From `requests` to `responses`."""
SLOW_RATE, SLOW_COUNT = 10.0, 150


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second at 200 in flight, CPU-milliseconds a request, and added milliseconds at two loads."""

    per_second: float
    cpu_ms: float
    p50_at_10: float
    p99_at_10: float
    p50_at_100: float
    p99_at_100: float


@dataclass(frozen=True, slots=True)
class Result:
    """`stages_cpu_ms`: with a process a stage. `sink_cpu_ms` is beside the workers' own."""

    broker: str
    requests: int
    line: Load
    sink_cpu_ms: float
    stages_cpu_ms: dict[str, float]
    relay: Load
    lost: int


async def measure(count: int, embedded: bool) -> Result:
    """Run everything once."""
    with tempfile.TemporaryDirectory(prefix="streamguard-bench-") as directory:
        if not embedded:
            with real_kafka(Path(directory)) as node:
                if node is not None:
                    return await _measure("Apache Kafka", node.brokers, node.brokers, count, node.create)
        with EmbeddedBroker() as broker:
            return await _measure("embedded", None, broker.address, count, None)


async def _measure(
    name: str, line_broker: str | None, relay_broker: str, count: int, create: relay.Create | None
) -> Result:
    async with running(Layout(prefix="bench.", broker=line_broker, latency_sigma=0)) as line:
        await line.send(_requests(200, seed=1, lot="w"))  # pools, caches and imports are warm
        full = await line.send(_requests(count, seed=2, lot="f"))
        slow = await line.send(_requests(SLOW_COUNT, seed=3, lot="s"), per_second=SLOW_RATE)
        busy = await line.send(_requests(count // 2, seed=4, lot="b"), most=100)
    layout = Layout(prefix="stages.", broker=line_broker, latency_sigma=0, stages=tuple(FLOW))
    async with running(layout) as line:
        stages = await _by_stage(line, count)
    records = _requests(count, seed=5, lot="r")
    bare = await relay.measure(relay_broker, HOPS, records, create=create)
    bare_slow = await relay.measure(relay_broker, HOPS, records[:SLOW_COUNT], create=create, per_second=SLOW_RATE)
    bare_busy = await relay.measure(relay_broker, HOPS, records, create=create, most=100)
    return Result(
        broker=name,
        requests=count,
        line=_load(full, slow, busy, "worker"),
        sink_cpu_ms=full.cpu_ms("sink"),
        stages_cpu_ms=stages,
        relay=_load(bare, bare_slow, bare_busy, "relay"),
        lost=full.lost + slow.lost + busy.lost,
    )


async def _by_stage(line: Line, count: int) -> dict[str, float]:
    await line.send(_requests(200, seed=1, lot="w"))
    sent = await line.send(_requests(count, seed=2, lot="f"))
    return {stage: sent.cpu_ms(f"worker-{stage}") for stage in FLOW}


def _requests(count: int, *, seed: int, lot: str) -> list[Planned]:
    """The demo's mix without what is sent twice or broken; `lot` makes ids of one round differ from another's."""
    return [item for item in support_requests(count, seed, lot=lot) if item.end == "outcome"]


def _load(full: Sent, slow: Sent, busy: Sent, process: str) -> Load:
    return Load(
        per_second=full.rate,
        cpu_ms=full.cpu_ms(process),
        p50_at_10=slow.added_ms(0.5),
        p99_at_10=slow.added_ms(0.99),
        p50_at_100=busy.added_ms(0.5),
        p99_at_100=busy.added_ms(0.99),
    )


def _print(result: Result) -> None:
    print(f"broker: {result.broker}; {result.requests:,} requests; {result.lost} lost")
    print(f"{'':<28}{'the line':>12}{f'{HOPS} bare hops':>14}")
    rows: dict[str, tuple[str, str]] = {
        "per_second": ("requests a second", ".0f"),
        "cpu_ms": ("CPU-ms a request", ".2f"),
        "p50_at_10": ("added p50 at 10/s, ms", ".1f"),
        "p99_at_10": ("added p99 at 10/s, ms", ".1f"),
        "p50_at_100": ("added p50, 100 in flight, ms", ".1f"),
        "p99_at_100": ("added p99, 100 in flight, ms", ".1f"),
    }
    for field, (title, form) in rows.items():
        print(f"{title:<28}{getattr(result.line, field):>12{form}}{getattr(result.relay, field):>14{form}}")
    parts = ", ".join(f"{stage} {cpu:.2f}" for stage, cpu in result.stages_cpu_ms.items())
    print(f"CPU-ms by stage, a process each: {parts}; in all {sum(result.stages_cpu_ms.values()):.2f}")
    print(f"CPU-ms of the sink: {result.sink_cpu_ms:.2f}")


def to_json(result: Result) -> dict[str, Any]:
    """Numbers to three places."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            fields: dict[str, Any] = value
            return {name: rounded(item) for name, item in fields.items()}
        return round(value, 3) if isinstance(value, float) else value

    return rounded(asdict(result))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--embedded", action="store_true", help="measure on the embedded broker although Java is there")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(measure(given.requests, given.embedded))
    if given.json:
        print(orjson.dumps(to_json(result)).decode())
    else:
        _print(result)


if __name__ == "__main__":
    main()
