"""What becomes of a record in the store's tables."""

from decimal import Decimal
from typing import Any

import pytest

from streamguard.analytics.rows import Place, payload_rows, telemetry_rows
from streamguard.errors import InvalidRecord
from streamguard.events.booked import Telemetry
from streamguard.events.stages import CacheUse
from streamguard.events.trail import TrailEntry, Verdict
from tests.unit.analytics.examples import AT, call, payload, telemetry

PLACE = Place("telemetry", 3, 42)


def test_one_outcome_is_one_row_that_says_where_it_comes_from() -> None:
    (row,) = telemetry_rows(telemetry(1), PLACE)["requests"]
    assert (row["k_topic"], row["k_partition"], row["k_offset"]) == ("telemetry", 3, 42)
    assert (row["ts"], row["received_at"], row["duration_us"]) == (AT + 75_001, AT + 1, 75_000)
    assert row["cost"] == Decimal("0.000437500")
    assert row["usage_cache_read_input_tokens"] == 10
    assert (row["request_model"], row["response_model"]) == ("gpt-4o", "gpt-4o-2024-11-20")
    assert row["reason"] == row["degraded"] == ""
    assert row["stages.stage"] == ["admit", "guard", "lookup", "invoke", "verify"]
    assert row["stages.detail"][1] == '{"n":1}'


def test_an_unknown_cost_stays_unknown_and_none_at_all_is_zero() -> None:
    rows = [telemetry_rows(telemetry(cost_nusd=cost), PLACE)["requests"][0] for cost in (None, 0)]
    assert [row["cost"] for row in rows] == [None, Decimal(0)]


def test_calls_are_counted_by_why_they_were_made_and_skipped_ones_apart() -> None:
    calls = (
        call(0, status="error", error="timeout", http_status=None, usage=None, cost_nusd=0, tripped=True),
        call(1, kind="retry", status="error", error="rate_limited", http_status=429, usage=None, cost_nusd=0),
        call(2, kind="fallback", status="skipped", http_status=None, usage=None, cost_nusd=None),
        call(3, kind="fallback"),
        call(4, kind="reask", response_model="gpt-4o-2"),
    )
    rows = telemetry_rows(telemetry(calls=calls), PLACE)
    (row,) = rows["requests"]
    counted = {name: row[name] for name in ("calls", "retries", "fallbacks", "reasks", "skipped", "trips")}
    assert counted == {"calls": 4, "retries": 1, "fallbacks": 1, "reasks": 1, "skipped": 1, "trips": 1}
    assert row["response_model"] == "gpt-4o-2"
    assert [line["position"] for line in rows["calls"]] == [0, 1, 2, 3, 4]
    assert [line["error_type"] for line in rows["calls"]] == ["timeout", "rate_limited", "", "", ""]
    assert [line["usage_input_tokens"] for line in rows["calls"]] == [None, None, None, 100, 100]
    assert [line["cost"] for line in rows["calls"]][2:4] == [None, Decimal("0.0004375")]


def test_a_call_tells_its_rung_its_speed_and_whether_its_usage_was_counted_here() -> None:
    cut = call(
        0, status="error", error="stream_broken", rung="primary", estimated=True, streamed=True, first_token_us=9
    )
    rows = telemetry_rows(telemetry(calls=(cut, call(1, rung="other_vendor"))), PLACE)
    fields = ("rung", "estimated", "streamed", "first_token_us", "between_tokens_us")
    told = [[line[name] for name in fields] for line in rows["calls"]]
    assert told == [["primary", True, True, 9, None], ["other_vendor", False, False, None, None]]
    assert rows["requests"][0]["estimated"] is True
    assert telemetry_rows(telemetry(), PLACE)["requests"][0]["estimated"] is False


def test_verdicts_keep_places_and_kinds_but_no_text() -> None:
    found = telemetry_rows(telemetry(), PLACE)["verdicts"][2]
    assert (found["check"], found["action"], found["code"]) == ("personal_data", "transform", "email")
    assert (found["spans.kind"], found["spans.start"], found["spans.end"]) == (["email"], [3], [9])


def test_a_verdict_tells_what_its_score_is_made_of() -> None:
    rows = telemetry_rows(telemetry(), PLACE)["verdicts"]
    assert [row["contributions"] for row in rows[2:4]] == [{}, {"rules": 0.9, "remote": 0.75}]


def test_a_cached_answer_tells_what_it_saved() -> None:
    record = telemetry(
        calls=(), cost_nusd=0, source="cache", cache=CacheUse(status="exact", similarity=1.0, saved_nusd=437_500)
    )
    rows = telemetry_rows(record, PLACE)
    (row,) = rows["requests"]
    assert rows["calls"] == []
    assert (row["cache_status"], row["cache_saved"], row["response_model"]) == ("exact", Decimal("0.0004375"), "")


def test_fields_of_a_later_release_change_nothing() -> None:
    later = Telemetry.model_validate(telemetry().model_dump() | {"invented_later": "x"})
    assert telemetry_rows(later, PLACE) == telemetry_rows(telemetry(), PLACE)


def test_the_text_of_a_payload_keeps_its_place() -> None:
    (row,) = payload_rows(payload(4, output_text=None), PLACE)["payloads"]
    assert (row["prompt_text"], row["output_text"], row["k_offset"]) == ("my address is [EMAIL_1], what now?", None, 42)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"ended_at": 10**17}, "ended_at"),
        ({"cost_nusd": 10**18}, "cost_nusd"),
        ({"prompt_version": -1}, "prompt_version"),
        ({"run": 2**32}, "run"),
        ({"calls": (call(http_status=70_000),)}, "http_status"),
        (
            {"trail": (TrailEntry(stage="admit", started_at=0, duration_us=0, decision="x", detail={"n": 2**64}),)},
            "trail.detail",
        ),
        ({"calls": (call(started_at=10**17),)}, "calls.started_at"),
        ({"verdicts": (Verdict(check="x", action="flag", contributions={"a": 1e39}),)}, "verdicts.contributions"),
        ({"verdicts": (Verdict(check="x", action="flag", contributions={"a": -1e39}),)}, "verdicts.contributions"),
    ],
)
def test_numbers_that_no_column_can_hold_are_named_and_refused(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRecord) as raised:
        telemetry_rows(telemetry(**changes), PLACE)
    assert (raised.value.code, raised.value.where) == ("invalid_record", (where,))
