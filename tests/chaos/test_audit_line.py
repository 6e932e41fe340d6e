"""The audit on real evidence: a line with sink and store, read whole, is clean; what is planted into that is found too."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from streamguard.intake.marks import Place
from streamguard.stages.chunks import CHUNKS
from streamguard.stream.planned import Identity
from tests.chaos import plan
from tests.chaos.audit import Evidence, Sent, examine, gather
from tests.chaos.audit_planting import again, calls, stored, with_fact, without
from tests.chaos.audit_reading import groups
from tests.chaos.audit_records import Decided, Kept, Piece
from tests.chaos.driver import Driver
from tests.chaos.fleet import PARTITIONS, Fleet, Member
from tests.support.audit import Commit, CommitLog, ended
from tests.support.kafka import KafkaNode, unique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

REQUESTS = 120
TOKENS_OFF, DEAREST_NUSD = 60, 10_000
"""An answer has some 50 tokens; of a stream that was cut at once, all of them may have been written and none read."""


async def test_a_real_run_is_clean_and_what_is_planted_into_it_is_found(kafka: KafkaNode, tmp_path: Path) -> None:
    evidence = await real_run(kafka, tmp_path)
    findings = examine(evidence)
    assert findings.ok, findings.summary()
    assert findings.requests + findings.dead_letters >= REQUESTS
    assert (findings.repeated_calls, findings.void) == (0, 0)
    assert findings.model_calls > REQUESTS / 2
    exact = findings.cost_nusd - findings.estimated_nusd
    assert (
        exact
        == sum(call.cost_nusd for call in evidence.calls or ()) - findings.charged_nusd - findings.unheard_nusd
        > 0
    )
    assert abs(findings.estimated_nusd - findings.charged_nusd) <= findings.estimated_calls * TOKENS_OFF * DEAREST_NUSD
    assert findings.streams > REQUESTS / 10
    assert evidence.records[CHUNKS]
    assert set(findings.unchecked) <= {"times of calls"}
    plant_everywhere(evidence)
    plant_each_kind(evidence)


async def real_run(kafka: KafkaNode, directory: Path) -> Evidence:
    """Requests of every kind and broken bytes through one worker; everything that is left of them."""
    async with Fleet(kafka.brokers, directory, [Member("all")], prefix=unique("audit") + ".") as fleet:
        commits = CommitLog(kafka.brokers, *groups(fleet.topics.prefix))
        watching = asyncio.create_task(commits.run())
        async with Driver(kafka.brokers, fleet.topics, PARTITIONS) as driver:
            await driver.send(plan.requests(REQUESTS, seed=5), per_second=60)
            assert await driver.finish(30), driver.tally.audit()
            async with asyncio.timeout(40):
                while True:
                    evidence = await gather(
                        kafka.brokers,
                        fleet.topics,
                        driver.sent,
                        await fleet.calls(),
                        store=fleet.store,
                        commits=commits.seen,
                    )
                    if not examine(evidence).undrained:
                        break
        await ended(watching)
    return evidence


def plant_everywhere(evidence: Evidence) -> None:
    """In each topic one record is taken away and one doubled."""
    draw = Random(1)
    last = last_streams(evidence)
    for topic, records in evidence.records.items():
        judged = [at for at, one in enumerate(records) if not _marker(one) and not _void(one, last)]
        if not judged:
            continue
        at = draw.choice(judged)
        assert not examine(without(topic, at)(evidence)).ok, f"{records[at]} is gone"
        shown = topic == CHUNKS and records[at].source is None
        if topic != "requests" and not shown:  # services may send a request again, and readers pass over what they know
            assert not examine(again(topic, at)(evidence)).ok, f"{records[at]} is there twice"


def plant_each_kind(evidence: Evidence) -> None:
    """One plant for each kind of finding."""
    found = examine(with_fact("outcomes", 3, cost_nusd=1)(evidence))
    place = str(evidence.records["outcomes"][3])
    assert any(place in one and "costs 1 nusd" in one for one in found.wrong)
    found = examine(stored("requests", lambda rows: rows[1:])(evidence))
    assert len(found.rows) == 1
    found = examine(stored("requests", lambda rows: [*rows, rows[0]])(evidence))
    assert len(found.rows) == 1
    found = examine(calls(lambda all_: [*all_, replace(all_[0], seq=10**6)])(evidence))
    assert (found.repeated_calls, found.paid_twice) == (1, [])
    found = examine(replace(evidence, sent=[*evidence.sent, Sent.raw(b"k", b"never stored")]))
    assert len(found.lost) == 1
    admitted = Place("admitted", 0)
    early = Commit(admitted, evidence.ends[admitted], {}, evidence.records["admitted"][0].timestamp)
    assert len(examine(replace(evidence, commits=[*evidence.commits, early])).committed_too_far) == 1
    letters = evidence.records["dead-letters"]
    if letters:
        changed = {**evidence.records, "dead-letters": [replace(letters[0], digest=b"other"), *letters[1:]]}
        assert any("other bytes" in one for one in examine(replace(evidence, records=changed)).wrong)


def last_streams(evidence: Evidence) -> Mapping[Identity, int]:
    """The highest stream of each request that was shown."""
    last: dict[Identity, int] = {}
    for one in evidence.records[CHUNKS]:
        if isinstance(one.fact, Piece) and one.identity is not None:
            last[one.identity] = max(one.fact.chunk.stream, last.get(one.identity, 0))
    return last


def _void(one: Kept, last: Mapping[Identity, int]) -> bool:
    """A chunk of a stream that another took the place of: nobody misses it."""
    return isinstance(one.fact, Piece) and one.identity is not None and one.fact.chunk.stream < last[one.identity]


def _marker(one: Kept) -> bool:
    return isinstance(one.fact, Decided) and one.fact.epoch is None
