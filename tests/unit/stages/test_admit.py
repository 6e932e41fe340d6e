"""Admit's decisions, and that they are made once."""

from typing import Any

import pytest

from streamguard.clock import FakeClock
from streamguard.config import Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import decode, encode
from streamguard.events.reason import Reason
from streamguard.events.request import Request
from streamguard.events.stages import Admitted, Decision
from streamguard.limits.admission import Admission
from streamguard.stages.admit import Admit, Misplaced
from streamguard.stages.contract import Step
from tests.unit.stages.examples import NOW, event, request


class Owned:
    """Partition 0, owned since epoch 7."""

    def __init__(self, limits: Limits) -> None:
        self.state = Admission(limits)

    def admission(self, partition: int) -> Admission:
        return {0: self.state}[partition]

    def epoch(self, partition: int) -> int:
        return {0: 7}[partition]


def stage(limits: Limits | None = None, clock: FakeClock | None = None, home: int = 0) -> Admit:
    limits = limits or Limits()
    return Admit(limits, Owned(limits), lambda _tenant: home, clock or FakeClock(NOW), calls=4)


def decision(step: Step) -> Decision:
    assert [out.topic for out in step] == ["admission-journal", "admitted"]
    entry, admitted = step[0].record, step[1].record
    assert isinstance(entry, JournalEntry)
    assert isinstance(admitted, Admitted)
    assert entry.decision == admitted.decision
    return admitted.decision


async def ask(admit: Admit, offset: int = 0, *, at: int = NOW, size: int = 100, **changes: Any) -> Step:
    return await admit.run(event(request(**changes), offset=offset, at=at, size=size), None)


async def test_a_sound_request_is_admitted_with_a_reservation() -> None:
    step = await ask(stage(), max_output_tokens=50)

    decided = decision(step)
    assert decided.action == "admit"
    assert decided.epoch == 7
    assert decided.reservation is not None
    assert decided.reservation.output_tokens == 50
    assert step[0].key == "acme"
    assert step[1].key == "acme/r1"


async def test_the_same_id_is_dropped_the_second_time() -> None:
    admit = stage()
    await ask(admit, 0)

    assert list(await ask(admit, 1)) == []


async def test_the_same_record_gets_its_decision_again_after_a_crash() -> None:
    """The journal has the decision, `admitted` does not: the record runs again and must not count as its own duplicate."""
    admit = stage()
    first = decision(await ask(admit, 0))

    assert decision(await ask(admit, 0)) == first


async def test_a_found_decision_stands_whatever_would_be_decided_now() -> None:
    found = JournalEntry(
        kind="decision",
        decision=Decision(action="refuse", reason=Reason.NO_CONSENT, at=5, partition=0, epoch=3),
    )

    step = await stage().run(event(request()), found)

    assert found.decision is not None
    assert decision(step) == found.decision.model_copy(update={"epoch": 7})  # in the name of who passes it on


@pytest.mark.parametrize(
    ("changes", "size", "reason"),
    [
        ({"consent": {"processing": False}}, 100, Reason.NO_CONSENT),
        ({"deadline": NOW}, 100, Reason.EXPIRED),
        ({}, 2001, Reason.INPUT_TOO_LONG),
        ({"messages": [{"role": "user", "content": "x" * 501}]}, 100, Reason.INPUT_TOO_LONG),
        ({"messages": [{"role": "user", "content": "x"}] * 4}, 100, Reason.INPUT_TOO_LONG),
        ({"context": [{"id": "a", "text": "x"}, {"id": "b", "text": "x"}]}, 100, Reason.INPUT_TOO_LONG),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "x" * 501}}],
                    }
                ]
            },
            100,
            Reason.INPUT_TOO_LONG,
        ),
        ({"tools": [{"function": {"name": "f", "parameters": {"type": "nonsense"}}}]}, 100, Reason.INVALID_REQUEST),
        ({"tools": [{"function": {"name": "f", "parameters": {"type": "array"}}}]}, 100, Reason.INVALID_REQUEST),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}},
            100,
            Reason.INVALID_REQUEST,
        ),
    ],
)
async def test_what_is_refused_and_why(changes: dict[str, Any], size: int, reason: Reason) -> None:
    limits = Limits(max_request_bytes=2000, max_characters=500, max_messages=3, max_documents=1)

    decided = decision(await ask(stage(limits), size=size, **changes))

    assert (decided.action, decided.reason) == ("refuse", reason)
    assert decided.reservation is None


async def test_the_twenty_first_request_of_a_minute_is_refused_with_the_time_to_wait() -> None:
    clock = FakeClock(NOW)
    admit = stage(clock=clock)
    for n in range(20):
        assert decision(await ask(admit, n, request_id=f"r{n}")).action == "admit"

    refused = decision(await ask(admit, 20, request_id="r20"))
    assert (refused.reason, refused.retry_after_us) == (Reason.RATE_LIMITED_USER, 60_000_000)

    clock.advance(60)
    assert decision(await ask(admit, 21, at=NOW + 60_000_000, request_id="r21")).action == "admit"


async def test_a_refused_user_does_not_use_up_the_address() -> None:
    admit = stage(Limits(user_per_minute=1, ip_per_minute=2))
    for n, user in enumerate(["ann", "ann", "ann"]):
        await ask(admit, n, request_id=f"r{n}", user_id=user, client_ip="10.0.0.1")
    second = await ask(admit, 8, request_id="r8", user_id="bob", client_ip="10.0.0.1")
    assert decision(second).action == "admit"

    over = decision(await ask(admit, 9, request_id="r9", user_id="cid", client_ip="10.0.0.1"))

    assert over.reason is Reason.RATE_LIMITED_IP


async def test_a_misplaced_request_goes_to_its_partition_marked_and_once_only() -> None:
    admit = stage(home=3)
    misplaced: Request = request()

    step = await admit.run(event(misplaced), None)

    assert [(out.topic, out.partition, out.placed) for out in step] == [("requests", 3, True)]
    with pytest.raises(Misplaced):
        await admit.run(event(misplaced, placed=True), None)
    assert list(admit.failed(event(misplaced, placed=True))) == []


async def test_a_request_that_cannot_be_handled_ends_once() -> None:
    admit = stage()
    first, again = event(request(), offset=0), event(request(), offset=1)

    assert decision(admit.failed(first)).reason is Reason.INTERNAL
    assert list(admit.failed(again)) == []
    assert list(await admit.run(again, None)) == []


async def test_a_request_that_was_let_in_and_cannot_be_passed_on_is_refused_after_all() -> None:
    admit = stage()
    asked = event(request())
    assert decision(await admit.run(asked, None)).action == "admit"

    assert decision(admit.failed(asked)).reason is Reason.INTERNAL


async def test_a_refused_request_goes_on_without_its_text() -> None:
    document, form = (
        {"id": "a", "text": "secret"},
        {"type": "json_schema", "json_schema": {"schema": {"title": "secret"}}},
    )
    asked: dict[str, Any] = {
        "messages": [{"role": "user", "content": "secret"}],
        "context": [document],
        "response_format": form,
    }
    step = await ask(
        stage(), size=1 << 20, **asked, metadata={"note": "secret"}, unknown="secret", conversation_id="c1"
    )

    assert decision(step).reason is Reason.INPUT_TOO_LONG
    assert step[1].key == "acme/c1"
    assert all(b"secret" not in encode(out.record) for out in step if out.record)
    admitted = step[1].record
    assert isinstance(admitted, Admitted)
    assert decode(Admitted, encode(admitted)) == admitted


@pytest.mark.parametrize("at", [-1_000, 0, 2**62 * 1000])
async def test_a_time_that_cannot_be_is_that_of_the_decision(at: int) -> None:
    [_, out] = await ask(stage(), at=at)

    assert isinstance(out.record, Admitted)
    assert out.record.received_at == out.record.decision.at == NOW
    assert out.record.trail[0].detail["waited_us"] == 0


@pytest.mark.parametrize(
    "spellings",
    [("2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001"), ("10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1")],
)
async def test_an_address_has_one_rate_however_it_is_written(spellings: tuple[str, str, str]) -> None:
    admit = stage(Limits(ip_per_minute=2))
    for n, spelling in enumerate(spellings[:2]):
        decided = decision(await ask(admit, n, request_id=f"r{n}", user_id=f"u{n}", client_ip=spelling))
        assert decided.action == "admit"

    over = decision(await ask(admit, 9, request_id="r9", user_id="u9", client_ip=spellings[2]))

    assert over.reason is Reason.RATE_LIMITED_IP
