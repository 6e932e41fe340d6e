"""What a run left behind, read and held against the promise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streamguard.dev.simulator.ledger import CLIENT_GONE
from streamguard.stream.tally import Tally
from streamguard.stream.topics import DEAD_LETTERS
from tests.chaos.audit import Evidence, Findings, examine, gather
from tests.chaos.audit_records import Letter
from tests.chaos.faults import Scene
from tests.support.audit import Commit

REPEATED, FEW_REPEATED = 0.1, 10
"""The share of calls that may be repetitions, and a count that always may. Those under way at a crash are far fewer; more
would be calls that are made twice without need, which the audit of each single one cannot tell from these."""


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
    return weigh(evidence, examine(evidence), driver.tally)


def weigh(evidence: Evidence, findings: Findings, tally: Tally) -> Verdict:
    """Beside what the audit found: what did not end as planned, what was buried, and what could not be checked."""
    wrong = {**findings.found}
    counts = tally.audit()
    if counts.lost:
        wrong["not ended"] = [f"{one.kind} {one.identity}" for one in tally.missing(50)]
    if counts.unplanned:
        wrong["ended otherwise"] = [f"{what}: {count}" for what, count in counts.unplanned.items()]
    if buried := _buried(evidence):
        wrong["buried"] = buried
    if findings.repeated_calls > max(FEW_REPEATED, REPEATED * findings.model_calls):
        wrong["repeated"] = [f"{findings.repeated_calls} of {findings.model_calls} calls were made again"]
    if findings.unchecked:
        wrong["unchecked"] = findings.unchecked
    numbers = {name: value for name, value in findings.summary().items() if isinstance(value, int)}
    counted = {name: value for name, value in numbers.items() if name not in wrong and name != "ok"}
    return Verdict(wrong, counted)


def _buried(evidence: Evidence) -> list[str]:
    """Records between the stages that could be read and are dead letters all the same. Their requests have ended, as failed; but
    no fault here is a reason to give one up. (What is sent to `requests` is judged by how it was planned to end.)"""
    readable = {
        one.name
        for topic, records in evidence.records.items()
        for one in records
        if topic not in ("requests", DEAD_LETTERS) and one.readable
    }
    return [
        f"{one}: {one.fact.stage}: {one.fact.code}"
        for one in evidence.records.get(DEAD_LETTERS, ())
        if isinstance(one.fact, Letter) and one.fact.at in readable
    ]


def _timed(call: dict[str, Any], unread: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Of a call that the simulator read late, after its caller had gone, nobody can tell when it was begun."""
    begun_ms = call["begun_at"] / 1000
    late = call["status"] == CLIENT_GONE and any(begin <= begun_ms <= end for begin, end in unread)
    return {**call, "begun_at": None, "ended_at": None} if late else call
