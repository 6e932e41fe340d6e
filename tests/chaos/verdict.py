"""What a run left behind, read and held against the promise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streamguard.dev.simulator.ledger import CLIENT_GONE
from tests.chaos.audit import examine, gather
from tests.chaos.faults import Scene
from tests.support.audit import Commit


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong` must be empty: findings by kind. `counted` is told."""

    wrong: Mapping[str, Sequence[str]]
    counted: Mapping[str, Any]


async def judge(scene: Scene, commits: Iterable[Commit]) -> Verdict:
    """Read everything and audit it. Call it when all is drained, while brokers, store and simulator still run."""
    fleet, driver = scene.fleet, scene.driver
    calls = [_timed(call, scene.unread) for call in await fleet.calls()]
    (fleet.directory / "calls.json").write_bytes(orjson.dumps(calls))
    evidence = await gather(
        fleet.brokers,
        fleet.topics,
        [*driver.sent, *scene.raw],
        calls,
        store=fleet.store,
        commits=commits,
    )
    findings = examine(evidence)
    tally = driver.tally.audit()
    wrong = {**findings.found}
    if tally.lost:
        wrong["not ended"] = [f"{one.kind} {one.identity}" for one in driver.tally.missing(50)]
    if tally.unplanned:
        wrong["ended otherwise"] = [f"{what}: {count}" for what, count in tally.unplanned.items()]
    numbers = {name: value for name, value in findings.summary().items() if isinstance(value, int)}
    counted = {name: value for name, value in numbers.items() if name not in wrong and name != "ok"}
    return Verdict(wrong, {**counted, "unchecked": findings.unchecked})


def _timed(call: dict[str, Any], unread: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Of a call that the simulator read late, after its caller had gone, nobody can tell when it was begun."""
    begun_ms = call["begun_at"] / 1000
    late = call["status"] == CLIENT_GONE and any(begin <= begun_ms <= end for begin, end in unread)
    return {**call, "begun_at": None, "ended_at": None} if late else call
