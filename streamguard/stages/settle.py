"""settle: books what happened. It decides nothing; what it cannot book stops it, so that nothing is lost."""

from typing import Literal

from pydantic_core import to_json

from streamguard import metrics
from streamguard.clock import Clock
from streamguard.events.base import Record
from streamguard.events.booked import Payload, Settlement, Telemetry
from streamguard.events.outcome import Outcome
from streamguard.events.request import ToolCall
from streamguard.events.stages import CacheEntry
from streamguard.money import NANO
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch


class Settle:
    """The stage. `cache_ttl_us`: how long an answer may serve others, in microseconds."""

    def __init__(self, payloads: Literal["none", "redacted"], cache_ttl_us: int, clock: Clock) -> None:
        self._payloads = payloads
        self._cache_ttl_us = cache_ttl_us
        self._clock = clock

    async def run(self, event: Event[Outcome], found: Record | None) -> Step:
        """Telemetry without text, the settlement for admit, and where policy allows the texts and a cache entry."""
        watch = Watch("settle", self._clock)
        outcome = event.record
        settled_at = found.trail[-1].started_at if isinstance(found, Telemetry) else watch.started_at
        telemetry = found if isinstance(found, Telemetry) else self._telemetry(event, watch)
        if telemetry is not found:  # booked by an earlier run: it was counted then
            _count(outcome)
        outputs = [
            Out("telemetry", event.key, telemetry),
            Out("settlements", outcome.head.tenant_id, _settlement(outcome, settled_at)),
        ]
        if self._payloads == "redacted" and outcome.head.consent.retention and outcome.messages:
            outputs.append(Out("payloads", event.key, _payload(outcome)))
        if outcome.fingerprint is not None and _cacheable(outcome):
            outputs.append(Out("cache-entries", outcome.fingerprint, self._cache_entry(outcome)))
        return outputs

    def _telemetry(self, event: Event[Outcome], watch: Watch) -> Telemetry:
        outcome, head = event.record, event.record.head
        return Telemetry(
            request_id=head.request_id,
            tenant_id=head.tenant_id,
            run=outcome.run,
            user_id=head.user_id,
            conversation_id=head.conversation_id,
            session_id=head.session_id,
            feature=head.feature,
            lane=head.lane,
            trace_id=event.trace_id,
            received_at=outcome.received_at,
            ended_at=outcome.ended_at,
            status=outcome.status,
            reason=outcome.reason,
            degraded=outcome.degraded,
            source=outcome.source,
            prompt_name=outcome.prompt.name if outcome.prompt else None,
            prompt_version=outcome.prompt.version if outcome.prompt else None,
            policy_version=outcome.provenance.policy_version,
            provider=outcome.provider,
            model=outcome.model,
            finish_reason=outcome.finish_reason,
            input_tokens_counted=outcome.input_tokens,
            usage=outcome.usage,
            cost_nusd=outcome.cost_nusd,
            price_version=outcome.price_version,
            cache=outcome.cache,
            cache_mode=head.cache,
            stream=head.stream,
            trail=(*outcome.trail, watch.entry("booked", waited_us=max(0, watch.started_at - outcome.ended_at))),
            verdicts=outcome.verdicts,
            calls=outcome.calls,
        )

    def _cache_entry(self, outcome: Outcome) -> CacheEntry:
        assert outcome.output is not None
        return CacheEntry(
            tenant_id=outcome.head.tenant_id,
            output=outcome.output,
            provider=outcome.provider or "",
            model=outcome.model or "",
            usage=outcome.usage,
            cost_nusd=outcome.cost_nusd,
            price_version=outcome.price_version,
            created_at=outcome.ended_at,
            expires_at=outcome.ended_at + self._cache_ttl_us,
            source=f"{outcome.head.tenant_id}/{outcome.head.request_id}/{outcome.run}",
        )


def _count(outcome: Outcome) -> None:
    reason = outcome.reason or ""
    metrics.OUTCOMES.labels(outcome.status, reason).inc()
    metrics.REQUEST_SECONDS.labels(outcome.status).observe(outcome.timings.total_us / 1e6)
    for call in outcome.calls:
        metrics.CALLS.labels(call.provider, call.model, call.kind, call.status).inc()
        if call.usage is not None:
            metrics.TOKENS.labels(call.provider, call.model, "input").inc(call.usage.input_tokens)
            metrics.TOKENS.labels(call.provider, call.model, "output").inc(call.usage.output_tokens)
        if call.estimated:
            metrics.ESTIMATED_CALLS.labels(call.provider, call.model).inc()
        if call.first_token_us is not None:
            metrics.FIRST_TOKEN_SECONDS.labels(call.provider, call.model).observe(call.first_token_us / 1e6)
        if call.between_tokens_us is not None:
            metrics.BETWEEN_TOKENS_SECONDS.labels(call.provider, call.model).observe(call.between_tokens_us / 1e6)
        if call.cost_nusd:
            metrics.COST_USD.labels(call.provider, call.model).inc(call.cost_nusd / NANO)


def _settlement(outcome: Outcome, settled_at: int) -> Settlement:
    return Settlement(
        request_id=outcome.head.request_id,
        tenant_id=outcome.head.tenant_id,
        run=outcome.run,
        user_id=outcome.head.user_id,
        status=outcome.status,
        usage=outcome.usage,
        calls=sum(call.status != "skipped" for call in outcome.calls),
        cost_nusd=outcome.cost_nusd,
        settled_at=settled_at,
    )


def _payload(outcome: Outcome) -> Payload:
    return Payload(
        request_id=outcome.head.request_id,
        tenant_id=outcome.head.tenant_id,
        run=outcome.run,
        user_id=outcome.head.user_id,
        ended_at=outcome.ended_at,
        prompt_text="\n\n".join(
            f"{message.role}: {_with_calls(message.content, message.tool_calls or ())}" for message in outcome.messages
        ),
        output_text=_with_calls(outcome.output, outcome.tool_calls) if outcome.tool_calls else outcome.output,
    )


def _with_calls(text: str | None, calls: tuple[ToolCall, ...]) -> str:
    """A text with the tools that it calls, as JSON, below it."""
    return "\n".join((*((text,) if text else ()), *(to_json(call).decode() for call in calls)))


def _cacheable(outcome: Outcome) -> bool:
    """A model's own, whole and clean answer to someone who did not ask to be left out. One that calls tools is a step on the way
    to an answer, and the ids of its calls belong to one conversation."""
    return (
        outcome.status == "answered"
        and outcome.source == "model"
        and outcome.degraded is None
        and outcome.output is not None
        and not outcome.tool_calls
        and outcome.head.cache != "off"
        and outcome.head.consent.retention
        and all(verdict.action == "pass" for verdict in outcome.verdicts if verdict.direction == "output")
    )
