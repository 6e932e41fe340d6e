"""Records for the tests of this room."""

from streamguard.events.booked import Payload, Telemetry
from streamguard.events.stages import CacheUse
from streamguard.events.trail import Span, TrailEntry, Verdict
from streamguard.events.usage import Call, Usage

AT = 2_000_000_000_000_000  # in 2033: rows that are past their time to live vanish at once
VERSION = "genai-prices/0"


def call(number: int = 0, **changes: object) -> Call:
    values: dict[str, object] = {
        "call_id": f"call-{number}",
        "provider": "openai",
        "model": "gpt-4o",
        "kind": "first",
        "status": "ok",
        "http_status": 200,
        "started_at": AT + 1000,
        "duration_us": 50_000,
        "usage": Usage(input_tokens=100, output_tokens=20, cache_read_tokens=10),
        "cost_nusd": 437_500,
        "price_version": VERSION,
        "response_id": "chatcmpl-1",
        "response_model": "gpt-4o-2024-11-20",
        "finish_reason": "stop",
    }
    return Call.model_validate(values | changes)


def telemetry(number: int = 0, **changes: object) -> Telemetry:
    calls = (call(number),)
    stages = ("admit", "guard", "lookup", "invoke", "verify")
    values: dict[str, object] = {
        "request_id": f"request-{number}",
        "tenant_id": f"tenant-{number % 7}",
        "run": 1,
        "user_id": f"user-{number % 50}",
        "conversation_id": f"conversation-{number % 100}",
        "feature": "support",
        "lane": "interactive",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "received_at": AT + number,
        "ended_at": AT + number + 75_000,
        "status": "answered",
        "source": "model",
        "prompt_name": "chat",
        "prompt_version": 1,
        "policy_version": "1",
        "provider": "openai",
        "model": "gpt-4o",
        "finish_reason": "stop",
        "input_tokens_counted": 101,
        "usage": calls[0].usage,
        "cost_nusd": 437_500,
        "price_version": VERSION,
        "cache": CacheUse(status="miss"),
        "cache_mode": "exact",
        "trail": tuple(
            TrailEntry.model_validate(
                {"stage": s, "started_at": AT + i, "duration_us": 900 + i, "decision": "pass", "detail": {"n": i}}
            )
            for i, s in enumerate(stages)
        ),
        "verdicts": tuple(
            Verdict(
                check=name,
                action="transform" if name == "personal_data" else "pass",
                code="email" if name == "personal_data" else "",
                spans=(Span(kind="email", start=3, end=9),) if name == "personal_data" else (),
                score=0.97 if name == "injection" else None,
                contributions={"rules": 0.9, "remote": 0.75} if name == "injection" else {},
                policy_version="1",
                content_hash="ab" * 32,
            )
            for name in ("unicode", "secrets", "personal_data", "injection", "moderation", "leak")
        ),
        "calls": calls,
    }
    return Telemetry.model_validate(values | changes)


def payload(number: int = 0, **changes: object) -> Payload:
    values: dict[str, object] = {
        "request_id": f"request-{number}",
        "tenant_id": f"tenant-{number % 7}",
        "run": 1,
        "user_id": f"user-{number % 50}",
        "ended_at": AT + number,
        "prompt_text": "my address is [EMAIL_1], what now?",
        "output_text": "A mail to [EMAIL_1] is on its way.",
    }
    return Payload.model_validate(values | changes)
