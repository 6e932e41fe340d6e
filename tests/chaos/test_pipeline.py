"""The whole line under faults, on a real Kafka: what the README promises of 5,000 requests."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from streamguard.cli.demo.requests import support_requests
from streamguard.config import Cluster
from streamguard.processes import Command
from streamguard.stream.flow import FLOW
from streamguard.stream.traffic import Traffic
from tests.support.audit import Entry, Outputs, read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.line import Line
from tests.support.tap import Tap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

REQUESTS = 5000
SESSION = 4.0
# Not the journal and `admitted`: there a deposed owner may write, and the readers drop what it wrote.
ONCE = (
    "guarded",
    "invocations",
    "invocations-batch",
    "completions",
    "responses",
    "outcomes",
    "telemetry",
    "payloads",
    "settlements",
    "cache-entries",
)


class ShakenLine(Line):
    """A line whose workers can be frozen, also inside a rebalance, and whose calls of models go through a tap."""

    tap: Tap

    def _command(self, name: str, *arguments: str) -> Command:
        command = super()._command(name, *arguments)
        if arguments[0] != "worker":
            return command
        program = [sys.executable, "-m", "tests.support.trapped", str(self._trap(name)), *arguments]
        return Command(name, program, environment=command.environment, output=command.output)

    def freeze(self, worker: str) -> None:
        os.kill(self._supervisor.pids[worker], signal.SIGSTOP)

    def thaw(self, worker: str) -> None:
        os.kill(self._supervisor.pids[worker], signal.SIGCONT)

    def trap(self, worker: str) -> None:
        self._trap(worker).touch()

    async def trapped(self, worker: str) -> None:
        """Until its trap has frozen it."""
        process = psutil.Process(self._supervisor.pids[worker])
        async with asyncio.timeout(30):
            while process.status() != psutil.STATUS_STOPPED:
                await asyncio.sleep(0.02)

    def _trap(self, worker: str) -> Path:
        return self._directory / f"freeze-{worker}"

    async def _listening(self, process: str) -> str:
        self.tap.target = await super()._listening(process)
        return self.tap.address


async def shake(line: ShakenLine, at: Callable[[float], Awaitable[None]]) -> None:
    """Two kills, a join, a leave, a worker frozen past its session, and one frozen inside the rebalance of the leave."""
    await at(0.10)
    line.kill("a")
    await at(0.20)
    line.start("d")
    await at(0.30)
    line.freeze("b")
    await asyncio.sleep(SESSION + 2.0)
    line.thaw("b")
    await at(0.55)
    line.kill("c")
    await at(0.65)
    line.trap("b")
    await line.stop("d")
    await line.trapped("b")
    await asyncio.sleep(SESSION / 2)
    line.thaw("b")


async def test_nothing_is_lost_no_outcome_twice_no_finished_call_paid_twice(kafka: KafkaNode, tmp_path: Path) -> None:
    stages = tuple(FLOW)
    workers: Mapping[str, Sequence[str]] = dict.fromkeys("abcd", stages)
    async with Tap() as tap:
        line = ShakenLine(
            kafka.brokers,
            tmp_path,
            prefix=unique("chaos") + ".",
            workers=workers,
            settings={"kafka": {"session": SESSION}},
        )
        line.tap = tap
        async with line, Traffic(Cluster(kafka.brokers), line.topics, most=300, most_unbooked=10**9) as traffic:
            await line.stop("d")

            async def at(share: float) -> None:
                while traffic.tally.ended < share * REQUESTS:
                    await asyncio.sleep(0.02)

            shaking = asyncio.ensure_future(shake(line, at))
            await traffic.send(support_requests(REQUESTS, seed=11))
            await shaking
            assert await traffic.finish(stall=60.0), traffic.tally.audit()
            audit, audiences = traffic.tally.audit(), traffic.audiences
        entries = await read_all(kafka.brokers, [line.topics.full(name) for name in ONCE])
    assert (audit.requests, audit.lost, audit.twice, audit.elsewhere, audit.inside) == (REQUESTS, 0, 0, 0, 0), audit
    assert (audiences.requests > REQUESTS / 8, audiences.unlike()) == (True, [])
    assert Outputs(entries).twice() == []
    completions = entries[line.topics.full("completions")]
    paid_twice = calls_after_their_completion(tap.begun, completions)
    assert not paid_twice, f"{len(paid_twice)} of {len(tap.begun)}: {paid_twice[:5]}"


def calls_after_their_completion(begun: Mapping[str, Sequence[int]], completions: Sequence[Entry]) -> list[str]:
    """Calls that began when the broker had stored the completion of their request already: their idempotency keys, and when
    they began, in milliseconds from then."""
    stored: dict[str, int] = {}
    for entry in completions:
        head: dict[str, Any] = orjson.loads(entry.value or b"{}")["head"]
        stored[f"{head['tenant_id']}/{head['request_id']}"] = entry.timestamp
    late: list[str] = []
    for key, times in begun.items():
        completed = stored.get("/".join(key.split("/")[:2]))
        if completed is not None and max(times) > completed + 1:
            late.append(f"{key} at {[time - completed for time in times]} ms")
    return late
