"""From records to rows: pure, without any text of users, with every id and time out of the record itself.

A row is a dict in the order of its table's columns; money is `Decimal`, times are microseconds since the epoch. The same
record always gives the same rows: an insert that is sent again must not differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from streamguard.errors import InvalidRecord
from streamguard.events.booked import Payload, Telemetry
from streamguard.events.trail import Verdict
from streamguard.events.usage import Call, Usage
from streamguard.money import to_decimal

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
"""Rows by table."""

_U16, _U32, _U63 = (1 << 16) - 1, (1 << 32) - 1, (1 << 63) - 1
_F32 = 3.4e38
_LATEST = 4_102_444_799_999_999
"""The last microsecond of the year 2099; the tables' times to live are reckoned in a type that ends in 2106."""
_MOST = 10**18 - 1
"""Nano-dollars that `Decimal(18, 9)` holds."""

_OUTCOME_LIMITS = {
    "run": _U32,
    "prompt_version": _U32,
    "input_tokens_counted": _U32,
    "duration_us": _U63,
    "usage_input_tokens": _U63,
    "usage_output_tokens": _U63,
    "usage_cache_read_input_tokens": _U63,
    "usage_cache_creation_input_tokens": _U63,
    "usage_reasoning_output_tokens": _U63,
}
_CALL_LIMITS = {
    "http_status": _U16,
    "duration_us": _U63,
    "first_token_us": _U63,
    "between_tokens_us": _U63,
    "usage_input_tokens": _U63,
    "usage_output_tokens": _U63,
    "usage_cache_read_input_tokens": _U63,
    "usage_cache_creation_input_tokens": _U63,
    "usage_reasoning_output_tokens": _U63,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Which record a row comes from."""

    topic: str
    partition: int
    offset: int


def telemetry_rows(record: Telemetry, place: Place) -> Rows:
    """The rows of one finished request, of the tables `calls`, `verdicts` and `requests`, in the order in which they are
    written: who sees a request sees its calls too.

    Raises `InvalidRecord` for numbers that no column can hold, so that one bad record cannot stop an insert of many.
    """
    return {
        "calls": [_call(record, call, number, place) for number, call in enumerate(record.calls)],
        "verdicts": [_verdict(record, verdict, number, place) for number, verdict in enumerate(record.verdicts)],
        "requests": [_request(record, place)],
    }


def payload_rows(record: Payload, place: Place) -> Rows:
    """The row of one request's redacted texts, of the table `payloads`. Raises `InvalidRecord` as `telemetry_rows` does."""
    row: Row = {
        "ts": _time("ended_at", record.ended_at),
        "tenant_id": record.tenant_id,
        "user_id": record.user_id,
        "request_id": record.request_id,
        "run": record.run,
        "prompt_text": record.prompt_text,
        "output_text": record.output_text,
        "k_topic": place.topic,
        "k_partition": place.partition,
        "k_offset": place.offset,
    }
    _check(row, {"run": _U32})
    return {"payloads": [row]}


def _request(record: Telemetry, place: Place) -> Row:
    calls = [call for call in record.calls if call.status != "skipped"]
    last = next((call for call in reversed(calls) if call.status == "ok"), None)
    row: Row = {
        "ts": _time("ended_at", record.ended_at),
        "received_at": _time("received_at", record.received_at),
        "duration_us": max(0, record.ended_at - record.received_at),
        "tenant_id": record.tenant_id,
        "request_id": record.request_id,
        "run": record.run,
        "user_id": record.user_id,
        "conversation_id": record.conversation_id or "",
        "session_id": record.session_id or "",
        "trace_id": record.trace_id or "",
        "feature": record.feature,
        "lane": record.lane,
        "stream": record.stream,
        "status": record.status,
        "reason": record.reason or "",
        "degraded": record.degraded or "",
        "source": record.source,
        "prompt_name": record.prompt_name or "",
        "prompt_version": record.prompt_version or 0,
        "policy_version": record.policy_version,
        "provider_name": record.provider or "",
        "request_model": record.model or "",
        "response_model": (last.response_model if last else None) or "",
        "response_finish_reasons": [record.finish_reason] if record.finish_reason else [],
        "input_tokens_counted": record.input_tokens_counted,
        **_usage(record.usage),
        "cost": _money("cost_nusd", record.cost_nusd),
        "estimated": any(call.estimated for call in calls),
        "price_version": record.price_version or "",
        "cache_mode": record.cache_mode,
        "cache_status": record.cache.status,
        "cache_similarity": record.cache.similarity,
        "cache_saved": _money("cache.saved_nusd", record.cache.saved_nusd),
        "calls": len(calls),
        "retries": sum(call.kind == "retry" for call in calls),
        "fallbacks": sum(call.kind == "fallback" for call in calls),
        "reasks": sum(call.kind == "reask" for call in calls),
        "skipped": len(record.calls) - len(calls),
        "trips": sum(call.tripped for call in calls),
        "stages.stage": [entry.stage for entry in record.trail],
        "stages.started_at": [_time("trail.started_at", entry.started_at) for entry in record.trail],
        "stages.duration_us": [entry.duration_us for entry in record.trail],
        "stages.decision": [entry.decision for entry in record.trail],
        "stages.detail": [_object(entry.detail) for entry in record.trail],
        "k_topic": place.topic,
        "k_partition": place.partition,
        "k_offset": place.offset,
    }
    _check(row, _OUTCOME_LIMITS)
    if row["stages.duration_us"] and max(row["stages.duration_us"]) > _U63:
        raise InvalidRecord("invalid_record", ("trail.duration_us",))
    return row


def _call(record: Telemetry, call: Call, position: int, place: Place) -> Row:
    row: Row = {
        "ts": _time("calls.started_at", call.started_at),
        "duration_us": call.duration_us,
        "tenant_id": record.tenant_id,
        "request_id": record.request_id,
        "run": record.run,
        "call_id": call.call_id,
        "position": position,
        "trace_id": record.trace_id or "",
        "feature": record.feature,
        "operation_name": "chat",
        "provider_name": call.provider,
        "request_model": call.model,
        "response_model": call.response_model or "",
        "response_id": call.response_id or "",
        "response_finish_reasons": [call.finish_reason] if call.finish_reason else [],
        "kind": call.kind,
        "rung": call.rung or "",
        "status": call.status,
        "error_type": call.error or "",
        "http_status": call.http_status,
        **_usage(call.usage),
        "cost": _money("calls.cost_nusd", call.cost_nusd),
        "estimated": call.estimated,
        "price_version": call.price_version or "",
        "tripped": call.tripped,
        "streamed": call.streamed,
        "first_token_us": call.first_token_us,
        "between_tokens_us": call.between_tokens_us,
        "k_topic": place.topic,
        "k_partition": place.partition,
        "k_offset": place.offset,
    }
    _check(row, _CALL_LIMITS)
    return row


def _verdict(record: Telemetry, verdict: Verdict, position: int, place: Place) -> Row:
    if any(not 0 <= edge <= _U32 for span in verdict.spans for edge in (span.start, span.end)):
        raise InvalidRecord("invalid_record", ("verdicts.spans",))
    if any(not abs(value) <= _F32 for value in verdict.contributions.values()):  # true for NaN too
        raise InvalidRecord("invalid_record", ("verdicts.contributions",))
    return {
        "ts": record.ended_at,
        "tenant_id": record.tenant_id,
        "request_id": record.request_id,
        "run": record.run,
        "position": position,
        "feature": record.feature,
        "check": verdict.check,
        "direction": verdict.direction,
        "action": verdict.action,
        "code": verdict.code,
        "score": verdict.score,
        "contributions": verdict.contributions,
        "spans.kind": [span.kind for span in verdict.spans],
        "spans.start": [span.start for span in verdict.spans],
        "spans.end": [span.end for span in verdict.spans],
        "policy_version": verdict.policy_version,
        "content_hash": verdict.content_hash,
        "k_topic": place.topic,
        "k_partition": place.partition,
        "k_offset": place.offset,
    }


def _usage(usage: Usage | None) -> Row:
    return {
        "usage_input_tokens": usage.input_tokens if usage else None,
        "usage_output_tokens": usage.output_tokens if usage else None,
        "usage_cache_read_input_tokens": usage.cache_read_tokens if usage else None,
        "usage_cache_creation_input_tokens": usage.cache_write_tokens if usage else None,
        "usage_reasoning_output_tokens": usage.reasoning_tokens if usage else None,
    }


def _object(detail: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(detail).decode() if detail else "{}"
    except TypeError:  # an integer beyond 64 bits
        raise InvalidRecord("invalid_record", ("trail.detail",)) from None


def _time(field: str, at_us: int) -> int:
    if at_us > _LATEST:
        raise InvalidRecord("invalid_record", (field,))
    return at_us


def _money(field: str, nusd: int | None):
    if nusd is None:
        return None
    if not -_MOST <= nusd <= _MOST:
        raise InvalidRecord("invalid_record", (field,))
    return to_decimal(nusd)


def _check(row: Row, limits: Mapping[str, int]) -> None:
    for column, limit in limits.items():
        value = row[column]
        if value is not None and not 0 <= value <= limit:
            raise InvalidRecord("invalid_record", (column,))
