"""invoke: asks a model, within one deadline and one budget of calls, and says what that took."""

from typing import Protocol

from pydantic_core import to_json

from streamguard.answers.structure import form_problem
from streamguard.clock import Clock
from streamguard.events.base import Record, carry
from streamguard.events.reason import Reason
from streamguard.events.stages import Ask, CacheEntry, CacheUse, Completion, Invocation, Reservation
from streamguard.providers.answered import Answered
from streamguard.providers.invoker import FormCheck
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch

LONGEST_ANSWER = 400_000
"""Bytes on the wire. With a longer one the completion would not fit into a record, and what it cost would be lost with it."""


class Asker(Protocol):
    """Who asks the models: `streamguard.providers.invoker.Invoker`, or a fake of it."""

    async def ask(
        self,
        ask: Ask,
        *,
        call_id_base: str,
        reservation: Reservation,
        deadline_us: int | None = None,
        check: FormCheck | None = None,
        stale: CacheEntry | None = None,
    ) -> Answered:
        """An answer or a failure; raises nothing that a provider does."""
        ...


class Invoke:
    """The stage."""

    def __init__(self, asker: Asker, clock: Clock) -> None:
        self._asker = asker
        self._clock = clock

    async def run(self, event: Event[Invocation], found: Record | None) -> Step:
        """A completion: with an answer, or with the failure that stands in its place."""
        if isinstance(found, Completion):
            return [Out("completions", event.key, found)]
        watch = Watch("invoke", self._clock)
        invocation = event.record
        head, form = invocation.head, invocation.ask.response_format
        answered = await self._asker.ask(
            invocation.ask,
            call_id_base=f"{head.tenant_id}/{head.request_id}/{invocation.run}",
            reservation=invocation.reservation,
            deadline_us=head.deadline,
            check=(lambda text: form_problem(text, form)) if form is not None and form.type != "text" else None,
            stale=invocation.stale,
        )
        text, failure = answered.text, answered.failure
        if text is not None and _too_long(text):
            text, failure = None, Reason.INVALID_OUTPUT
        made = [call for call in answered.calls if call.status != "skipped"]
        entry = watch.entry(
            failure or answered.source,
            calls=len(made),
            retries=sum(call.kind == "retry" for call in made),
            fallbacks=sum(call.kind == "fallback" for call in made),
            reasks=sum(call.kind == "reask" for call in made),
            skipped=len(answered.calls) - len(made),
        )
        completion = carry(
            invocation,
            Completion,
            stale=None,
            trail=(*invocation.trail, entry),
            output=text,
            source=answered.source,
            failure=failure,
            degraded=answered.degraded,
            provider=answered.provider,
            model=answered.model,
            finish_reason=answered.finish_reason,
            calls=answered.calls,
            usage=answered.usage,
            cost_nusd=answered.cost_nusd,
            price_version=answered.price_version,
            cache=CacheUse(status="off" if head.cache == "off" else "miss"),
        )
        return [Out("completions", event.key, completion)]


def _too_long(text: str) -> bool:
    # a character takes at most six bytes in JSON, and hardly any answer is long enough to be worth the look
    return len(text) > LONGEST_ANSWER // 6 and len(to_json(text)) > LONGEST_ANSWER
