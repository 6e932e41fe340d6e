"""How a request ends: one outcome, which decides, and the response that follows from it."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_json

from streamguard import metrics
from streamguard.answers.provenance import Signer
from streamguard.answers.tools import restored
from streamguard.checks.personal_data.placeholders import put_back
from streamguard.clock import Clock
from streamguard.events.base import unknown
from streamguard.events.chunk import Chunk
from streamguard.events.outcome import Outcome, Response, Status, Timings
from streamguard.events.reason import Reason
from streamguard.events.request import Message, RequestHead, ToolCall
from streamguard.events.stages import Admitted, CacheUse, Carried, Completion, Guarded, Invocation, Placeholder
from streamguard.events.trail import TrailEntry, Verdict
from streamguard.events.usage import Usage
from streamguard.stages.chunks import CHUNKS, last_word
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch

Placeholders = tuple[Placeholder, ...]


class Ending:
    """Ends requests: guard's refusals, verify's answers, and failures of any stage."""

    def __init__(self, signer: Signer, policy_version: str, clock: Clock) -> None:
        self._signer = signer
        self._policy_version = policy_version
        self._clock = clock

    def early(
        self,
        key: str,
        admitted: Admitted,
        entry: TrailEntry,
        status: Status,
        reason: Reason,
        *,
        verdicts: tuple[Verdict, ...] = (),
        messages: tuple[Message, ...] = (),
    ) -> Step:
        """End a request that did not come past guard. `messages` are what the checks left of its text, if they ran."""
        return self._end(
            key,
            head=admitted.head(),
            newer=unknown(admitted, Outcome),
            run=admitted.run,
            received_at=admitted.received_at,
            trail=(*admitted.trail, entry),
            status=status,
            reason=reason,
            verdicts=verdicts,
            messages=messages,
            cost_nusd=0,
            cache=_no_cache(admitted.request),
            retry_after_us=admitted.decision.retry_after_us,
            reservation=admitted.decision.reservation,
            admission_partition=admitted.decision.partition,
        )

    def completed(
        self,
        event: Event[Completion],
        entry: TrailEntry,
        status: Status,
        reason: Reason | None,
        *,
        output: str | None,
        parsed: JsonValue,
        verdicts: tuple[Verdict, ...],
        tool_calls: tuple[ToolCall, ...] = (),
    ) -> Step:
        """End a request that came as far as verify. `output`, `parsed` and `tool_calls` still hold placeholders."""
        completion = event.record
        return self._end(
            event.key,
            record=completion,
            output=output,
            parsed=parsed,
            tool_calls=tool_calls,
            status=status,
            reason=reason,
            **_carried(completion, entry, verdicts),
            **_made(completion),
        )

    def failed(self, event: Event[Admitted | Carried], watch: Watch) -> Step:
        """End a request that a stage could not handle: `failed: internal`."""
        entry = watch.entry(Reason.INTERNAL)
        record = event.record
        if isinstance(record, Admitted):
            return self.early(event.key, record, entry, "failed", Reason.INTERNAL)
        if isinstance(record, Completion):
            made = _made(record)
        else:  # nobody can tell which calls invoke made before it gave up
            made = {"cost_nusd": None if isinstance(record, Invocation) else 0, "cache": _no_cache(record.head)}
        return self._end(
            event.key,
            record=record,
            status="failed",
            reason=Reason.INTERNAL,
            **_carried(record, entry, record.verdicts),
            **made,
        )

    def _end(
        self,
        key: str,
        *,
        head: RequestHead,
        run: int,
        received_at: int,
        trail: tuple[TrailEntry, ...],
        status: Status,
        reason: Reason | None,
        output: str | None = None,
        parsed: JsonValue = None,
        tool_calls: tuple[ToolCall, ...] = (),
        record: Carried | None = None,
        newer: Mapping[str, Any],
        **fields: Any,
    ) -> Step:
        ended_at = max(received_at, self._clock.now_us())
        provenance = self._signer.sign(
            tenant_id=head.tenant_id,
            request_id=head.request_id,
            run=run,
            status=status,
            reason=reason,
            output=for_service(output, parsed, _placeholders(record))[0],
            policy_version=self._policy_version,
            prompt=fields.get("prompt"),
            provider=fields.get("provider"),
            model=fields.get("model"),
            tool_calls=calls_for_service(tool_calls, record),
        )
        outcome = Outcome(
            **newer,
            head=head,
            run=run,
            received_at=received_at,
            ended_at=ended_at,
            status=status,
            reason=reason,
            output=output,
            parsed=parsed,
            tool_calls=tool_calls,
            trail=trail,
            timings=Timings(
                total_us=ended_at - received_at,
                stages_us={entry.stage: entry.duration_us for entry in trail},
            ),
            provenance=provenance,
            **fields,
        )
        step = conclude(key, outcome, record)
        if isinstance(chunk := step[-1].record, Chunk):
            stage = trail[-1].stage
            metrics.CHUNKS.labels(stage, chunk.mark or "none").inc()
            if chunk.mark == "retracted" and isinstance(record, Completion) and record.shown is not None:
                metrics.RETRACTIONS.labels(stage).inc()
        return step


def conclude(key: str, outcome: Outcome, record: Carried | None = None) -> Step:
    """The outcome, which decides, the response that follows from it, and what readers of a stream are told last; equal however
    often it is asked for. `record` is what the request came with to the stage that ended it, None before guard was past."""
    output, parsed = for_service(outcome.output, outcome.parsed, _placeholders(record))
    response = Response(
        request_id=outcome.head.request_id,
        tenant_id=outcome.head.tenant_id,
        run=outcome.run,
        status=outcome.status,
        reason=outcome.reason,
        retry_after_us=outcome.retry_after_us,
        degraded=outcome.degraded,
        output=output,
        parsed=parsed,
        tool_calls=calls_for_service(outcome.tool_calls, record),
        model=outcome.model,
        provider=outcome.provider,
        usage=outcome.usage,
        cost_nusd=outcome.cost_nusd,
        price_version=outcome.price_version,
        cache=outcome.cache,
        verdicts=outcome.verdicts,
        timings=outcome.timings,
        provenance=outcome.provenance,
    )
    ends = [Out("outcomes", key, outcome), Out("responses", key, response)]
    chunk = last_word(outcome, output, record) if record is not None else None
    return ends if chunk is None else [*ends, Out(CHUNKS, key, chunk)]


def for_service(output: str | None, parsed: JsonValue, placeholders: Placeholders) -> tuple[str | None, JsonValue]:
    """Output and parsed value with the asker's own data in place of the placeholders.

    In JSON the data goes into the parsed strings and the text is written anew, so that a quote in it breaks nothing.
    """
    if output is None or not placeholders:
        return output, parsed
    if parsed is None:
        return put_back(output, placeholders), None
    restored = _put_back_json(parsed, placeholders)
    return to_json(restored).decode(), restored


def calls_for_service(tool_calls: tuple[ToolCall, ...], record: Carried | None) -> tuple[ToolCall, ...]:
    """The calls with the asker's own data in their arguments: what the service is to call."""
    put = restoring(_placeholders(record))
    if not tool_calls or put is None or not isinstance(record, Guarded):
        return tool_calls
    tools = {tool.function.name: tool for tool in record.ask.tools}
    given: list[ToolCall] = []
    for call in tool_calls:
        own = restored(call.function.arguments, tools.get(call.function.name), put)
        given.append(call.model_copy(update={"function": call.function.model_copy(update={"arguments": own})}))
    return tuple(given)


def restoring(placeholders: Placeholders) -> Callable[[str], str] | None:
    """What puts the asker's own data back into a text; None where there is none."""
    return (lambda text: put_back(text, placeholders)) if placeholders else None


def _put_back_json(value: JsonValue, placeholders: Placeholders) -> JsonValue:
    if isinstance(value, str):
        return put_back(value, placeholders)
    if isinstance(value, list):
        return [_put_back_json(item, placeholders) for item in value]
    if isinstance(value, dict):
        return {put_back(name, placeholders): _put_back_json(item, placeholders) for name, item in value.items()}
    return value


def _placeholders(record: Carried | None) -> Placeholders:
    return record.placeholders if isinstance(record, Guarded) else ()


def _carried(record: Carried, entry: TrailEntry, verdicts: tuple[Verdict, ...]) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "head": record.head,
        "run": record.run,
        "received_at": record.received_at,
        "trail": (*record.trail, entry),
        "verdicts": verdicts,
        "newer": unknown(record, Outcome),
    }
    if isinstance(record, Guarded):
        fields |= {
            "prompt": record.prompt,
            "messages": record.ask.messages,
            "input_tokens": record.input_tokens,
            "fingerprint": record.fingerprint,
            "reservation": record.reservation,
        }
    return fields


def _made(completion: Completion) -> Mapping[str, Any]:
    names = (
        "source", "degraded", "provider", "model", "finish_reason", "calls", "usage", "cost_nusd", "price_version", "cache"
    )  # fmt: skip
    made: dict[str, Any] = {name: getattr(completion, name) for name in names}
    run = f"{completion.head.tenant_id}/{completion.head.request_id}/{completion.run}/"
    if completion.calls and not completion.calls[0].call_id.startswith(run):
        # a replay of what verify could not handle: the run that made the calls has booked them
        made |= {"calls": (), "usage": Usage(), "cost_nusd": 0}
    return made


def _no_cache(head: RequestHead) -> CacheUse:
    return CacheUse(status="off" if head.cache == "off" else "miss")
