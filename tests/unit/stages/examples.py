"""Records and events for the tests of stages."""

from typing import Any, TypeVar

from streamguard.answers.provenance import Signer
from streamguard.clock import FakeClock
from streamguard.events.base import Record
from streamguard.events.outcome import Outcome, Response
from streamguard.events.request import Message, Request
from streamguard.events.stages import Admitted, Ask, CacheUse, Completion, Decision, Guarded, PromptUsed, Reservation
from streamguard.stages.contract import Event, Step
from streamguard.stages.ending import Ending

R = TypeVar("R", bound=Record)

NOW = 1_800_000_000_000_000
RESERVATION = Reservation(input_tokens=4000, output_tokens=500, calls=5)


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "request_id": "r1",
        "tenant_id": "acme",
        "user_id": "ann",
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
    }
    return Request.model_validate({**fields, **changes})


def event(record: R, *, partition: int = 0, offset: int = 0, at: int = NOW, **fields: Any) -> Event[R]:
    key = getattr(record, "conversation_key", "acme/r1")
    return Event(record, key, f"topic/{partition}/{offset}/{at // 1000}", partition, offset, at, **fields)


def admitted(asked: Request | None = None, **decision: Any) -> Admitted:
    fields: dict[str, Any] = {
        "action": "admit", "at": NOW, "partition": 0, "epoch": 0, "reservation": RESERVATION
    }  # fmt: skip
    return Admitted(request=asked or request(), received_at=NOW, decision=Decision(**{**fields, **decision}))


def guarded(**changes: Any) -> Guarded:
    fields: dict[str, Any] = {
        "head": request().head(),
        "received_at": NOW,
        "prompt": PromptUsed(name="chat", version=1),
        "ask": Ask(
            messages=(
                Message(role="system", content="Be kind and brief."),
                Message(role="user", content="Where is my parcel?"),
            ),
            route="default",
            max_output_tokens=100,
        ),
        "input_tokens": 10,
        "fingerprint": "f" * 64,
        "reservation": RESERVATION,
        "policy_version": "1",
    }
    return Guarded(**{**fields, **changes})


def completion(output: str | None = "It arrives tomorrow.", **changes: Any) -> Completion:
    fields: dict[str, Any] = {
        **guarded().__dict__,
        "output": output,
        "source": "model",
        "cache": CacheUse(status="miss"),
    }
    fields |= {"provider": "openai", "model": "gpt-4o"} | changes
    return Completion(**fields)


def ending(clock: FakeClock | None = None) -> Ending:
    return Ending(Signer("test", b"key"), "1", clock or FakeClock(NOW))


def ended(step: Step) -> tuple[Outcome, Response]:
    """The outcome and response of a step that ends a request, in that order."""
    assert [out.topic for out in step] == ["outcomes", "responses"]
    outcome, response = step[0].record, step[1].record
    assert isinstance(outcome, Outcome)
    assert isinstance(response, Response)
    return outcome, response
