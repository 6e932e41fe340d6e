"""The report adds up, and the audit fails exactly when one of the books disagrees."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streamguard.cli.demo.faults import Books
from streamguard.cli.demo.figures import Figures, percentile
from streamguard.cli.demo.printing import print_report, save_picture
from streamguard.cli.demo.progress import Plain, Standing
from streamguard.cli.demo.report import Report
from streamguard.cli.demo.stored import Stored
from streamguard.clock import FakeClock
from streamguard.errors import InputError
from streamguard.stream.audiences import Audiences
from streamguard.stream.planned import Identity
from streamguard.stream.tally import Audit

CALL = {
    "call_id": "t/r/1/1",
    "provider": "openai",
    "model": "gpt-4o",
    "kind": "first",
    "status": "ok",
    "rung": "primary",
    "cost_nusd": 1_000_001,
}
CHARGED = {
    "seq": 2,
    "request_id": "t/r/1/1.1",
    "cost_nusd": 1_000_001,
    "input_tokens": 10,
    "output_tokens": 4,
}
ANSWERED: dict[str, Any] = {
    "head": {"lane": "batch"},
    "status": "answered",
    "source": "model",
    "cost_nusd": 1_000_001,
    "cache": {"status": "miss"},
    "timings": {"total_us": 60_000, "stages_us": {"admit": 100, "lookup": 90, "invoke": 55_000}},
    "calls": [
        {**CALL, "status": "error", "error": "timeout", "cost_nusd": 0, "tripped": True},
        {
            **CALL,
            "call_id": "t/r/1/1.1",
            "kind": "retry",
            "first_token_us": 25_000,
            "usage": {"input_tokens": 10, "output_tokens": 4},
        },
    ],
}
HIT = {
    "status": "answered",
    "cache": {"status": "exact", "saved_nusd": 7},
    "cost_nusd": 0,
    "timings": {"total_us": 9_000},
}
REFUSED = {
    "status": "refused",
    "reason": "no_consent",
    "cost_nusd": 0,
    "cache": {"status": "miss"},
    "timings": {"total_us": 1, "stages_us": {"admit": 1}},
}


def _counted(*outcomes: dict[str, Any]) -> Figures:
    figures = Figures()
    for outcome in outcomes:
        figures.add(outcome)
    return figures


def _charging(*calls: dict[str, Any]) -> Books:
    return Books(calls=len(calls), finished=len(calls), cost_nusd=0, paid_twice=0, detail=calls)


def _one_who_waits() -> Audiences:
    audiences = Audiences()
    audiences.sent(Identity("t", "r"), 0.0)
    return audiences


def _report() -> Report:
    figures = _counted(ANSWERED, HIT, REFUSED)
    return Report(
        audit=Audit(
            requests=4,
            repeated=1,
            responses=3,
            outcomes=3,
            dead_letters=1,
            lost=0,
            twice=0,
            elsewhere=0,
            inside=0,
            unplanned={},
        ),
        missing=[],
        figures=figures,
        books=Books(calls=2, finished=1, cost_nusd=1_000_001, paid_twice=0, detail=(CHARGED,)),
        stored=Stored(rows=3, requests=3, records=3, cost_nusd=1_000_001),
        latencies=[0.01, 0.02, 0.5],
        sent=5,
        seconds=9.0,
        traffic_seconds=2.0,
        in_flight=100,
    )


def test_a_picture_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written \(Is a directory\)$"):
        save_picture(_report(), tmp_path, tmp_path)


def test_the_object_for_machines() -> None:
    made = _report().to_json()
    assert (made["requests"], made["responses"], made["dead_letters"], made["sent"]) == (4, 3, 1, 5)
    assert (made["lost"], made["duplicates"], made["store_rows"]) == (0, 0, 3)
    assert made["outcomes"] == {"answered": 2, "refused": 1, "failed": 0, "escalated": 0}
    assert made["reasons"] == {"no_consent": 1}
    assert made["cache"] == {"exact": 1, "semantic": 0, "miss": 1, "off": 0, "saved_usd": 7e-9}
    assert (made["cost_usd"], made["saved_usd"]) == (0.001000001, 7e-9)
    assert made["latency_ms"] == {"p50": 20.0, "p95": 500.0, "p99": 500.0}
    assert made["calls"]["retries"] == made["calls"]["breaker_trips"] == 1
    assert made["calls"]["errors"] == {"timeout": 1}
    assert made["calls"]["rungs"] == {"primary": 1}
    assert made["models"]["openai/gpt-4o"]["failed"] == 1
    assert made["lanes_ms"] == {"batch": {"p50": 60.0, "p95": 60.0, "p99": 60.0}}
    assert made["streams"]["first_token_ms"]["p50"] == 25.0
    assert made["audit"]["accounts"]["exact"] == {"calls": 2, "outcomes_nusd": 1_000_001, "provider_nusd": 1_000_001}
    assert made["audit"]["passed"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"audit": replace(_report().audit, lost=1), "missing": ["chat t/r1"]},
            "1 requests were lost, among them chat t/r1",
        ),
        ({"audit": replace(_report().audit, twice=2)}, "came twice"),
        ({"audit": replace(_report().audit, responses=2)}, "have a response"),
        ({"stored": replace(_report().stored, rows=2)}, "2 rows"),
        ({"stored": replace(_report().stored, requests=2)}, "of 2 requests"),
        ({"stored": replace(_report().stored, cost_nusd=1_000_000)}, "in the store"),
        ({"books": _charging({**CHARGED, "cost_nusd": 1_000_002})}, "the provider counted $0.001000002"),
        ({"books": _charging({**CHARGED, "cost_nusd": 1_000_002})}, "among them t/r/1/1.1"),
        ({"books": _charging(CHARGED, {**CHARGED, "seq": 3})}, "1 charged calls are in no outcome"),
        ({"audiences": _one_who_waits()}, "readers of 1 streams"),
        ({"figures": _counted({**ANSWERED, "cost_nusd": 1_000_000})}, "their calls $0.001000001"),
        ({"books": replace(_report().books, paid_twice=1)}, "paid twice"),
    ],
)
def test_one_nano_dollar_or_one_row_fails_the_audit(wrong: dict[str, Any], says: str) -> None:
    report = replace(_report(), **wrong)
    assert any(says in problem for problem in report.problems())
    assert not report.to_json()["audit"]["passed"]


def test_the_page_for_people_names_everything_that_matters() -> None:
    written = StringIO()
    report = _report()
    print_report(report, Path("streamguard-demo"), Console(file=written, width=80))
    page = written.getvalue()
    for part in (
        "no_consent",
        "gpt-4o",
        "p99",
        "lost 0, twice 0",
        "$0.001000001",
        "breaker trips",
        "passed",
        "batch",
        "Streams: 0",
    ):
        assert part in page
    assert page.count("streamguard query --path") == page.count("streamguard store --path") == 1
    assert "\u2026" not in page
    written.truncate(0)
    print_report(replace(report, sent=6, audit=replace(report.audit, lost=1)), Path("d"), Console(file=written))
    assert "FAILED" in written.getvalue()


def test_the_picture_shows_the_page_and_fetches_nothing(tmp_path: Path) -> None:
    save_picture(_report(), Path("streamguard-demo"), tmp_path / "demo.svg")
    picture = (tmp_path / "demo.svg").read_text()
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", picture, flags=re.DOTALL)).replace("&#160;", " ")
    for part in ("How they ended", "gpt-4o", "Audit", "lost 0, twice 0"):
        assert part in words, part
    assert not re.findall(r"url\(\W*http", picture)
    assert "font-face" not in picture


def test_plain_lines_come_now_and_then() -> None:
    clock, lines = FakeClock(), list[str]()
    with Plain(2_000, clock, lines.append) as show:
        for ended in range(0, 100, 10):
            show.standing(Standing(ended, Figures()))
            clock.advance(1)
    assert [line.split(":")[0] for line in lines] == ["10 of 2,000", "60 of 2,000"]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_a_value_with_that_share_at_or_below_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) <= share * len(values)
