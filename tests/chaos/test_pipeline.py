"""The whole line under faults, on a real Kafka: what the README promises of 5,000 requests."""

import asyncio
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from streamguard.cli.demo.requests import support_requests
from streamguard.config import Cluster
from streamguard.intake.marks import Place
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
GIVEN_UP = ("cancelled", "timeout", "first_token_late")
"""What a call is named whose answer nobody waited for to the end."""


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
    """Calls that began when the broker had stored the completion of their request already: what they asked, and when they began,
    in milliseconds from then.

    When they began is seen where they arrive, and a busy server reads late: of the calls that the completion itself names, those
    that nobody waited for any more (cancelled, timed out) may be read after it.
    """
    stored: dict[str, int] = {}
    given_up: Counter[str] = Counter()
    for entry in completions:
        completion: dict[str, Any] = orjson.loads(entry.value or b"{}")
        head = completion["head"]
        stored[f"{head['tenant_id']}/{head['request_id']}"] = entry.timestamp
        given_up.update(_question(call["call_id"]) for call in completion["calls"] if call.get("error") in GIVEN_UP)
    times: defaultdict[str, list[int]] = defaultdict(list)
    for key, began in begun.items():
        completed = stored.get("/".join(key.split("/")[:2]))
        if completed is not None:
            times[_question(key)] += [at - completed for at in began]
    return [
        f"{question} at {sorted(of)} ms"
        for question, of in times.items()
        if sum(at > 1 for at in of) > given_up[question]
    ]


def _question(call_id: str) -> str:
    """`tenant/request/run/number` of the calls of all tries."""
    request, _, number = call_id.rpartition("/")
    return f"{request}/{number.partition('.')[0]}"


@pytest.mark.parametrize(
    ("error", "began", "found"),
    [
        ("cancelled", [7], 0),
        ("timeout", [7], 0),
        ("cancelled", [-5, 7], 0),
        ("cancelled", [7, 900], 1),
        (None, [-5], 0),
        (None, [-5, 7], 1),
        ("server_error", [7], 1),
    ],
)
def test_only_a_call_that_nobody_waited_for_may_be_read_after_its_completion(
    error: str | None, began: list[int], found: int
) -> None:
    completion = {"head": {"tenant_id": "t", "request_id": "r"}, "calls": [{"call_id": "t/r/1/1.1", "error": error}]}
    entry = Entry(Place("completions", 0), 0, 1000, b"t/r", orjson.dumps(completion), {})
    assert len(calls_after_their_completion({"t/r/1/1": [1000 + at for at in began]}, [entry])) == found
