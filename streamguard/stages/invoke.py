"""invoke: asks a model, within one deadline and one budget of calls, and says what that took."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pydantic_core import to_json

from streamguard.answers.structure import form_problem
from streamguard.answers.tools import tool_problem
from streamguard.clock import Clock
from streamguard.events.base import Record, carry
from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.stages import CacheUse, Completion, Invocation
from streamguard.providers.answered import Answered
from streamguard.providers.question import Audience, FormCheck, Question
from streamguard.stages.cancelling import Cancellations
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.ending import restoring
from streamguard.stages.showing import Showings
from streamguard.stages.watch import Watch

LONGEST_ANSWER = 400_000
"""Bytes on the wire. With a longer one the completion would not fit into a record, and what it cost would be lost with it."""
_AROUND_CALL = 80
"""Bytes of a tool call beside its id, its name and its arguments."""


class Asker(Protocol):
    """Who asks the models: `streamguard.providers.invoker.Invoker`, or a fake of it."""

    async def ask(self, question: Question) -> Answered:
        """An answer or a failure; raises nothing that a provider does."""
        ...


class Invoke:
    """The stage."""

    def __init__(self, asker: Asker, showings: Showings, cancellations: Cancellations, clock: Clock) -> None:
        self._asker = asker
        self._showings = showings
        self._cancellations = cancellations
        self._clock = clock

    async def run(self, event: Event[Invocation], found: Record | None) -> Step:
        """A completion: with an answer, or with the failure that stands in its place."""
        if isinstance(found, Completion):
            return [Out("completions", event.key, found)]
        watch = Watch("invoke", self._clock)
        invocation = event.record
        head = invocation.head
        showing = self._showings.of(event)
        with self._cancellations.watch(head.tenant_id, head.request_id) as stop:
            answered = await self._asker.ask(self._question(invocation, showing, stop))
        text, tool_calls, failure = answered.text, answered.tool_calls, answered.failure
        if text is not None and _too_long(text, tool_calls):
            text, tool_calls, failure = None, (), Reason.INVALID_OUTPUT
        made = [call for call in answered.calls if call.status != "skipped"]
        entry = watch.entry(
            failure or answered.source,
            calls=len(made),
            retries=sum(call.kind == "retry" for call in made),
            fallbacks=sum(call.kind == "fallback" for call in made),
            reasks=sum(call.kind == "reask" for call in made),
            skipped=len(answered.calls) - len(made),
            **answered.detail,
        )
        completion = carry(
            invocation,
            Completion,
            stale=None,
            trail=(*invocation.trail, entry),
            output=text,
            tool_calls=tool_calls,
            shown=showing.shown if showing else None,
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

    def _question(self, invocation: Invocation, audience: Audience | None, stop: asyncio.Event) -> Question:
        head = invocation.head
        return Question(
            invocation.ask,
            call_id_base=f"{head.tenant_id}/{head.request_id}/{invocation.run}",
            reservation=invocation.reservation,
            conversation=head.conversation_key,
            lane=head.lane,
            input_tokens=invocation.input_tokens,
            deadline_us=head.deadline,
            check=_check_of(invocation),
            stale=invocation.stale,
            audience=audience,
            stop=stop,
        )


def _check_of(invocation: Invocation) -> FormCheck:
    """What an answer must fit: the form asked for, and of tools what verify will hold their calls against."""
    ask, restore = invocation.ask, restoring(invocation.placeholders)
    form, tools, choice = ask.response_format, ask.tools, ask.tool_choice

    def check(text: str, tool_calls: Sequence[ToolCall]) -> str | None:
        if (problem := tool_problem(tool_calls, tools, choice, restore)) is not None or tool_calls:
            return problem
        return form_problem(text, form)

    return check


def _too_long(text: str, tool_calls: Sequence[ToolCall]) -> bool:
    # a character takes at most six bytes in JSON, and hardly any answer is long enough to be worth the look
    said = (text, *(part for call in tool_calls for part in (call.id, call.function.name, call.function.arguments)))
    around = _AROUND_CALL * len(tool_calls)
    if around + sum(map(len, said)) <= LONGEST_ANSWER // 6:
        return False
    return around + sum(len(to_json(one)) for one in said) > LONGEST_ANSWER
