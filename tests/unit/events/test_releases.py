"""What records of a later release hold that this one does not know: kept where it may travel, and never taken for text."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.errors import InvalidRecord
from streamguard.events.base import Record, unknown
from streamguard.events.booked import JournalEntry, Telemetry
from streamguard.events.codec import decode, encode
from streamguard.events.outcome import Outcome
from streamguard.events.request import Request, RequestHead
from streamguard.events.stages import Admitted, Guarded
from streamguard.events.trail import TrailEntry
from tests.support.releases import MAJOR, MINOR, Edit, release
from tests.unit.analytics.examples import telemetry

FIRST = frozenset({
    "request_id", "tenant_id", "user_id", "conversation_id", "session_id", "feature", "client_ip", "lane", "response_format",
    "actions", "max_output_tokens", "stream", "deadline", "consent", "cache", "metadata",
})  # fmt: skip
"""The head's fields in the first release of this major version."""

DECISION = {"action": "refuse", "reason": "zone_closed", "at": 1, "partition": 0, "epoch": 0, "zone": "north"}
ADMITTED: dict[str, Any] = {
    "request": {
        "request_id": "r",
        "tenant_id": "t",
        "user_id": "u",
        "messages": [{"role": "user", "content": "hello"}],
        "priority": 3,
        "note": "a user's words",
    },
    "received_at": 1,
    "decision": DECISION,
    "zone": "north",
    "head_fields": ["priority"],
}


def read(record: type[Record], fields: dict[str, Any]) -> Record:
    return decode(record, orjson.dumps(fields))


def test_a_code_of_a_later_release_is_kept_as_it_is() -> None:
    fields = orjson.loads(encode(telemetry()))
    fields |= {"reason": "zone_closed", "degraded": "shorter", "source": "edge", "lane": "bulk", "cache_mode": "shared"}
    fields["cache"]["status"] = "skipped"
    fields["trail"][0]["stage"] = "score"
    fields["verdicts"][0] |= {"action": "quarantine", "direction": "tool"}
    fields["calls"][0] |= {"kind": "hedged", "status": "abandoned"}

    assert orjson.loads(encode(read(Telemetry, fields))) == fields


@pytest.mark.parametrize("reason", ["A user's words", "", "x" * 65, 7, "zone closed", "\n"])
def test_what_is_no_code_is_invalid(reason: object) -> None:
    with pytest.raises(InvalidRecord, match="reason"):
        read(Telemetry, orjson.loads(encode(telemetry())) | {"reason": reason})


def test_the_journal_can_be_read_though_a_later_admit_has_reasons_of_its_own() -> None:
    entry = decode(JournalEntry, orjson.dumps({"kind": "decision", "decision": DECISION}))

    assert entry.decision is not None
    assert entry.decision.reason == "zone_closed"
    assert orjson.loads(encode(entry))["decision"]["zone"] == "north"


@pytest.mark.parametrize("changes", [{"decision": DECISION | {"action": "defer"}}, {"decision": None}])
def test_what_decides_what_happens_next_is_closed(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="decision"):
        read(Admitted, ADMITTED | changes)


def test_what_a_service_asks_for_is_closed_but_its_head_travels_on() -> None:
    with pytest.raises(InvalidRecord, match="lane"):
        read(Request, ADMITTED["request"] | {"lane": "bulk"})

    assert orjson.loads(encode(read(RequestHead, ADMITTED["request"] | {"lane": "bulk"})))["lane"] == "bulk"


def test_a_head_takes_along_what_the_admit_that_wrote_it_knew_and_no_more() -> None:
    head = decode(Admitted, orjson.dumps(ADMITTED)).head()

    assert dict(unknown(head)) == {"priority": 3}
    assert b"words" not in encode(head)


def test_an_older_admit_vouches_for_nothing() -> None:
    admitted = decode(
        Admitted, orjson.dumps({name: value for name, value in ADMITTED.items() if name != "head_fields"})
    )

    assert not unknown(admitted.head())


def test_every_field_added_to_the_head_is_named() -> None:
    assert RequestHead.model_fields.keys() >= FIRST
    assert set(RequestHead.ADDED) == RequestHead.model_fields.keys() - FIRST


def test_an_unknown_field_never_stands_in_for_one_that_the_next_record_knows() -> None:
    admitted = decode(Admitted, orjson.dumps(ADMITTED | {"fingerprint": "ff", "output": "words"}))

    assert set(unknown(admitted, Guarded)) == {"zone", "output"}
    assert set(unknown(admitted, Outcome)) == {"zone"}


def test_parts_keep_what_they_do_not_know() -> None:
    entry = {"stage": "admit", "started_at": 1, "duration_us": 1, "decision": "admit", "detail": {}, "host": "a"}

    assert orjson.loads(encode(read(TrailEntry, entry))) == entry


@pytest.mark.parametrize("edits", [MINOR, MAJOR])
def test_the_later_releases_of_the_upgrade_tests_can_be_made(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    release(tmp_path / "later", edits)
