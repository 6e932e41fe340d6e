"""Requests as they end in telemetry, drawn from a seed: for analysts' questions, whose answers can then be counted."""

import random
import time
from collections.abc import Sequence

from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.rows import Place, Row, payload_rows, telemetry_rows
from streamguard.events.booked import Payload, Telemetry
from streamguard.events.stages import CacheUse
from streamguard.events.trail import Verdict
from streamguard.events.usage import Call, Usage, total_cost

DAY = 86_400_000_000
MODELS = (("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest"))
_ENDS = (
    ("answered", None, 70),
    ("refused", "prompt_injection", 10),
    ("refused", "rate_limited_user", 8),
    ("failed", "providers_exhausted", 4),
    ("failed", "internal", 3),
    ("escalated", "low_confidence", 5),
)


def requests(count: int = 400, seed: int = 7) -> list[Telemetry]:
    """So many requests of the last twenty days, oldest first. A tenant of two asks a model without a price by its own prompt, and
    has not asked for a week: what is added up of nothing, or divided by nothing, shows."""
    draw, now = random.Random(seed), int(time.time()) * 1_000_000
    ended = sorted(now - draw.randrange(DAY // 100, 20 * DAY) for _ in range(count))
    drawn = [_request(draw, number, at) for number, at in enumerate(ended)]
    unpriced = {"tenant_id": "umbrella", "prompt_name": "own", "prompt_version": 1, "cost_nusd": None}
    for number in [place for place, record in enumerate(drawn) if record.source == "model"][:2]:
        drawn[number] = drawn[number].model_copy(update=unpriced)
    return drawn


def store(connection: Connection, records: Sequence[Telemetry]) -> None:
    """Write their rows, and a text for each that was answered."""
    tables: dict[str, list[Row]] = {}
    for number, record in enumerate(records):
        for table, rows in telemetry_rows(record, Place("telemetry", number % 4, number // 4)).items():
            tables.setdefault(table, []).extend(rows)
        if record.status == "answered":
            text = Payload(
                request_id=record.request_id,
                tenant_id=record.tenant_id,
                run=record.run,
                user_id=record.user_id,
                ended_at=record.ended_at,
                prompt_text="user: where is [NAME_1]?",
                output_text="On its way.",
            )
            for table, rows in payload_rows(text, Place("payloads", number % 4, number // 4)).items():
                tables.setdefault(table, []).extend(rows)
    for table, rows in tables.items():
        connection.insert(table, rows, f"seeded:{table}")


def _request(draw: random.Random, number: int, ended: int) -> Telemetry:
    status, reason, _ = draw.choices(_ENDS, [share for *_, share in _ENDS])[0]
    took = int(draw.lognormvariate(12, 0.8))
    source = "none"
    if status == "answered":
        source = draw.choices(("model", "cache", "stale_cache", "static"), (70, 20, 5, 5))[0]
    asked = source in ("model", "stale_cache", "static") or reason in ("providers_exhausted", "low_confidence")
    stream = asked and draw.random() < 0.3
    name = f"request-{number}"
    calls = _calls(draw, name, ended - took, source == "model" or reason == "low_confidence", stream) if asked else ()
    last = next((call for call in reversed(calls) if call.status == "ok"), None)
    cached = source == "cache"
    prompt, version = draw.choice((("support", 1), ("support", 2), ("chat", 3)))
    stages = ["admit", "guard", *(["lookup"] if asked or cached else []), *(["invoke"] if asked else [])]
    usage = sum((call.usage for call in calls if call.usage), Usage())
    return Telemetry.model_validate(
        {
            "request_id": name,
            "tenant_id": draw.choice(("acme", "globex", "initech")),
            "run": 2 if draw.random() < 0.02 else 1,
            "user_id": f"user-{draw.randrange(40)}",
            "conversation_id": f"conversation-{number // 3}",
            "feature": draw.choice(("support", "search")),
            "lane": draw.choices(("interactive", "batch"), (4, 1))[0],
            "stream": stream,
            "received_at": ended - took,
            "ended_at": ended,
            "status": status,
            "reason": reason,
            "degraded": {"stale_cache": "stale_cache", "static": "static"}.get(source)
            or ("fallback" if last is not None and last.kind == "fallback" else None),
            "source": source,
            "prompt_name": prompt if len(stages) > 2 else None,
            "prompt_version": version if len(stages) > 2 else None,
            "policy_version": "1",
            "provider": last.provider if last else None,
            "model": last.model if last else None,
            "usage": usage,
            "cost_nusd": total_cost(calls),
            "price_version": "test/1",
            "cache": CacheUse(
                status="exact" if cached else "miss",  # also where nobody looked, as the stages have it
                similarity=None,
                saved_nusd=draw.randrange(100_000, 900_000) if cached else None,
            ),
            "cache_mode": "exact",
            "trail": tuple(
                {
                    "stage": stage,
                    "started_at": ended - took + position,
                    "duration_us": draw.randrange(1, took),
                    "decision": "pass",
                }
                for position, stage in enumerate(stages)
            ),
            "verdicts": _verdicts(draw, reason),
            "calls": calls,
        }
    )


def _calls(draw: random.Random, name: str, at: int, answered: bool, stream: bool) -> tuple[Call, ...]:
    """Failures first, then an answer where there is one."""
    calls = list[Call]()
    failures = draw.choices((0, 1, 2), (80, 15, 5))[0] if answered else 2
    for number in range(failures + answered):
        good = number == failures
        provider, model = MODELS[min(number, 2)] if draw.random() < 0.8 else MODELS[1]
        skipped = not good and draw.random() < 0.2
        usage = None
        if good:
            tokens = draw.randrange(50, 900)
            usage = Usage(
                input_tokens=tokens,
                output_tokens=draw.randrange(5, 300),
                cache_read_tokens=tokens // 3,
                reasoning_tokens=2,
            )
        priced = draw.random() < 0.95
        calls.append(
            Call.model_validate(
                {
                    "call_id": f"{name}/{number}",
                    "provider": provider,
                    "model": model,
                    "kind": "first" if number == 0 else draw.choice(("retry", "fallback", "reask")),
                    "rung": "primary" if number == 0 else draw.choice(("same_model", "cheaper_tier", "other_vendor")),
                    "status": "ok" if good else "skipped" if skipped else "error",
                    "error": None if good else "breaker_open" if skipped else draw.choice(("timeout", "rate_limited")),
                    "http_status": 200 if good else None if skipped else 429,
                    "started_at": at + number * 1000,
                    "duration_us": 0 if skipped else draw.randrange(10_000, 900_000),
                    "usage": usage,
                    "cost_nusd": draw.randrange(10_000, 2_000_000) if good and priced else None if good else 0,
                    "price_version": "test/1",
                    "estimated": good and draw.random() < 0.1,
                    "tripped": not good and not skipped and draw.random() < 0.2,
                    "streamed": stream,
                    "first_token_us": draw.randrange(50_000, 400_000) if good and stream else None,
                    "between_tokens_us": draw.randrange(1_000, 30_000) if good and stream else None,
                }
            )
        )
    return tuple(calls)


def _verdicts(draw: random.Random, reason: str | None) -> tuple[Verdict, ...]:
    said = (
        [("personal_data", "input", "transform", "email")]
        if draw.random() < 0.3
        else [("personal_data", "input", "pass", "")]
    )
    said.append(
        ("injection", "input", "block", "buried_instruction")
        if reason == "prompt_injection"
        else ("injection", "input", "pass", "")
    )
    return tuple(
        Verdict.model_validate(
            {
                "check": check,
                "direction": direction,
                "action": action,
                "code": code,
                "score": None,
                "policy_version": "1",
                "content_hash": "ab" * 32,
            }
        )
        for check, direction, action, code in said
    )
