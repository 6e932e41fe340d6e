"""What a run of chaos is judged by beside the audit, without any process."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka.errors import KafkaError

from streamguard.stream.planned import Identity, Planned
from streamguard.stream.tally import Tally
from tests.chaos.audit import examine
from tests.chaos.audit_example import Example, clean_run
from tests.chaos.verdict import weigh
from tests.support.audit import CommitLog, ended

CLEAN = clean_run()


def test_a_record_that_could_be_read_and_was_buried_is_wrong() -> None:
    """The promise holds for it, it ended as failed; but no fault here is a reason to give it up."""
    verdict = weigh(CLEAN, examine(CLEAN), Tally())
    assert list(verdict.wrong) == ["buried"]
    [said] = verdict.wrong["buried"]
    assert "guard: CheckFailed" in said


def test_what_nobody_can_read_may_be_buried() -> None:
    run = Example()
    run.own(0)
    run.broken()
    run.commit("admitted", 0, {})
    found = examine(run.evidence())
    assert "buried" not in weigh(run.evidence(), found, Tally()).wrong


def test_more_repeated_calls_than_die_under_way_are_wrong() -> None:
    run = Example()
    run.own(0)
    for number in range(12):
        run.answer(run.admit(run.send(Identity("acme", f"r{number}")), f"talk-{number}"), repeated=True)
    found = examine(run.evidence())
    assert (found.ok, found.repeated_calls) == (True, 12)
    assert weigh(run.evidence(), found, Tally()).wrong["repeated"] == ["12 of 24 calls were made again"]


def test_what_was_not_checked_is_wrong() -> None:
    blind = replace(CLEAN, commits=())
    assert weigh(blind, examine(blind), Tally()).wrong["unchecked"] == ["commits during the run"]


def test_what_never_ended_is_wrong() -> None:
    tally = Tally()
    tally.sent(Planned("late", b"acme", b"{}", "outcome", None), 0.0)
    assert len(weigh(CLEAN, examine(CLEAN), tally).wrong["not ended"]) == 1


async def test_a_log_of_commits_that_broke_says_so() -> None:
    """Else the audit would be blind for commits from there on, and nobody would know."""
    watching = asyncio.create_task(CommitLog("127.0.0.1:1", "nobody").run())
    await asyncio.wait([watching])
    with pytest.raises(KafkaError):
        await ended(watching)


async def test_one_that_looks_on_is_ended() -> None:
    watching = asyncio.create_task(asyncio.sleep(3600))
    await ended(watching)
    assert watching.cancelled()
