"""What a run left behind, read and held against the promise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tests.chaos.audit import Sent, examine, gather
from tests.chaos.driver import Driver
from tests.chaos.fleet import Fleet
from tests.support.audit import Commit


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong` must be empty: findings by kind. `counted` is told."""

    wrong: Mapping[str, Sequence[str]]
    counted: Mapping[str, Any]


async def judge(fleet: Fleet, driver: Driver, raw: Iterable[Sent], commits: Iterable[Commit]) -> Verdict:
    """Read everything and audit it. Call it when all is drained, while brokers, store and simulator still run.

    `raw` are records that were sent beside the driver's.
    """
    calls = await fleet.calls()
    (fleet.directory / "calls.json").write_bytes(orjson.dumps(calls))
    evidence = await gather(
        fleet.brokers,
        fleet.topics,
        [*driver.sent, *raw],
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
