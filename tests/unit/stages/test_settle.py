"""What is booked of an outcome, and what never is."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from streamguard.clock import FakeClock
from streamguard.events.base import Record
from streamguard.events.booked import Payload, Settlement, Telemetry
from streamguard.events.codec import decode, encode
from streamguard.events.outcome import Outcome, Response
from streamguard.events.stages import CacheEntry, Completion
from streamguard.events.trail import Verdict
from streamguard.events.usage import Call, Usage
from streamguard.stages.settle import Settle
from streamguard.stages.watch import Watch
from tests.unit.stages.examples import NOW, completion, ended, ending, event, request

CALL = Call(
    call_id="acme/r1/1/1",
    provider="openai",
    model="gpt-4o",
    kind="first",
    status="ok",
    started_at=NOW,
    duration_us=5,
    usage=Usage(input_tokens=10, output_tokens=5),
    cost_nusd=75_000,
)


def outcome(**changes: Any) -> Outcome:
    made = completion(calls=(CALL,), usage=CALL.usage, cost_nusd=75_000, **changes)
    watch = Watch("verify", FakeClock(NOW))
    step = ending().completed(
        event(made), watch.entry("answered"), "answered", None,
        output="Tomorrow, [EMAIL_1].", parsed=None, verdicts=made.verdicts,
    )  # fmt: skip
    return ended(step)[0]


async def booked(what: Outcome, payloads: Any = "redacted", found: Record | None = None) -> dict[str, Record | None]:
    settle = Settle(payloads, 1_000_000, FakeClock(NOW + 10))
    return {out.topic: out.record for out in await settle.run(event(what, trace_id="a" * 32), found)}


async def test_telemetry_tells_the_story_without_a_word_of_text() -> None:
    telemetry = (await booked(outcome()))["telemetry"]

    assert isinstance(telemetry, Telemetry)
    assert telemetry.cost_nusd == 75_000
    assert telemetry.calls == (CALL,)
    assert telemetry.trace_id == "a" * 32
    assert [entry.stage for entry in telemetry.trail] == ["verify", "settle"]
    text = encode(telemetry)
    assert b"parcel" not in text
    assert b"Tomorrow" not in text
    assert b"kind and brief" not in text


async def test_the_settlement_says_what_was_used() -> None:
    settlement = (await booked(outcome()))["settlements"]

    assert isinstance(settlement, Settlement)
    assert (settlement.calls, settlement.cost_nusd, settlement.usage) == (1, 75_000, CALL.usage)


async def test_a_clean_answer_of_a_model_is_cached_redacted() -> None:
    entry = (await booked(outcome()))["cache-entries"]

    assert isinstance(entry, CacheEntry)
    assert entry.output == "Tomorrow, [EMAIL_1]."
    assert entry.expires_at - entry.created_at == 1_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "cache"},
        {"source": "static", "degraded": "static"},
        {"degraded": "fallback"},
        {"head": request(cache="off").head()},
        {"head": request(consent={"retention": False}).head()},
        {"verdicts": (Verdict(check="moderation", direction="output", action="flag"),)},
    ],
)
async def test_what_is_not_cached(changes: dict[str, Any]) -> None:
    assert "cache-entries" not in await booked(outcome(**changes))


async def test_texts_are_kept_redacted_and_by_policy() -> None:
    kept = (await booked(outcome()))["payloads"]

    assert isinstance(kept, Payload)
    assert kept.output_text == "Tomorrow, [EMAIL_1]."
    assert "payloads" not in await booked(outcome(), payloads="none")
    assert "payloads" not in await booked(outcome(head=request(consent={"retention": False}).head()))


async def test_an_interrupted_run_books_the_same_again() -> None:
    first = await booked(outcome())
    telemetry = first["telemetry"]
    assert isinstance(telemetry, Telemetry)

    assert await booked(outcome(), found=telemetry) == first


async def test_what_is_booked_again_is_counted_once() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("streamguard_outcomes_total", {"status": "answered", "reason": ""}) or 0.0

    before = counted()
    first = await booked(outcome())
    await booked(outcome(), found=first["telemetry"])

    assert counted() == before + 1


async def test_an_unknown_cost_is_still_unknown_after_its_way_over_the_topics() -> None:
    made = decode(Completion, encode(completion(calls=(CALL,), usage=CALL.usage, cost_nusd=None)))
    entry = Watch("verify", FakeClock(NOW)).entry("answered")
    step = ending().completed(event(made), entry, "answered", None, output="Soon.", parsed=None, verdicts=())
    outcome_made, response_made = ended(step)
    told, response = decode(Outcome, encode(outcome_made)), decode(Response, encode(response_made))

    records = await booked(told)

    assert (told.cost_nusd, response.cost_nusd) == (None, None)
    for topic in ("telemetry", "settlements"):
        record = records[topic]
        assert isinstance(record, Telemetry | Settlement)
        assert decode(type(record), encode(record)).cost_nusd is None
