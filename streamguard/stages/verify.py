"""verify: is this an answer that may be given? Today's output policy holds for every answer, a cached one too.

In order: the form asked for, or that of the tools it calls; the actions it wants; then the checks of `streamguard.checks` over
its text and the arguments of its calls. What passes gets the asker's own data back in place of the placeholders, and is signed.
"""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue
from pydantic_core import to_json

from streamguard.answers.actions import action_problem, call_problem
from streamguard.answers.arguments import argument_texts, rewritten
from streamguard.answers.escapes import escaped, looks_like_json, unescaped
from streamguard.answers.structure import structure
from streamguard.answers.tools import Called, calls_in_form
from streamguard.checks.chain import Chains, OutputChain
from streamguard.clock import Clock
from streamguard.events.base import Record
from streamguard.events.outcome import Outcome, Status
from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.stages import Completion
from streamguard.events.trail import Verdict
from streamguard.stages.asked import asked_text, system_text, tools_text
from streamguard.stages.contract import Event, Step
from streamguard.stages.ending import Ending, conclude, restoring
from streamguard.stages.guard import CheckFailed
from streamguard.stages.second_opinion import SecondOpinion
from streamguard.stages.watch import Watch


class Verify:
    """The stage."""

    def __init__(
        self, chains: Chains[OutputChain], ending: Ending, clock: Clock, opinion: SecondOpinion | None = None
    ) -> None:
        self._chains = chains
        self._opinion = opinion
        self._ending = ending
        self._clock = clock

    async def run(self, event: Event[Completion], found: Record | None) -> Step:
        """The outcome and its response. Raises `CheckFailed` when a check could not be made: safety fails closed."""
        if isinstance(found, Outcome):
            return conclude(event.key, found, event.record)
        watch = Watch("verify", self._clock)
        completion = event.record
        if completion.output is None:
            reason = completion.failure or Reason.PROVIDERS_EXHAUSTED
            return self._end(event, watch, "failed", reason)
        ask = completion.ask
        called = _called(completion, completion.tool_calls)
        if called.error is not None:
            return self._end(event, watch, "failed", Reason.INVALID_OUTPUT)
        if (reason := call_problem(called.calls, completion.head.actions)) is not None:
            return self._end(event, watch, "refused", reason)
        form = None if called.calls else ask.response_format
        structured = structure(completion.output, form)
        if structured.error is not None:
            return self._end(event, watch, "failed", Reason.INVALID_OUTPUT)
        if (reason := action_problem(structured.value, completion.head.actions)) is not None:
            return self._end(event, watch, "refused", reason)
        is_json = form is not None and form.type != "text"
        said = to_json(structured.value).decode() if is_json else completion.output
        # Services also ask for JSON in words alone.
        escapes = is_json or looks_like_json(said)
        text = unescaped(said) if escapes else said
        repaired = structured.repaired or called.repaired
        silent = bool(called.calls) and not text.strip()  # it says nothing, and that is no fault of it
        texts = [] if silent else [text]
        for call in called.calls:
            texts += argument_texts(call.function.arguments)
        checked = self._chains.of(completion.prompt.name).run(
            texts[0],
            others=texts[1:],
            placeholders=completion.placeholders,
            system_text=system_text(ask),
            asked=asked_text(ask),
            known=tools_text(ask),
            canary=ask.canary,
            finish_reason=completion.finish_reason,
        )
        if self._opinion is not None:
            prompt, deadline = completion.prompt.name, completion.head.deadline
            checked = await self._opinion.on(prompt, checked, ("assistant",) * len(texts), deadline)
        if checked.blocked is Reason.INTERNAL:
            raise CheckFailed(checked)
        if checked.blocked is not None:
            status = "failed" if checked.blocked is Reason.CHECK_UNAVAILABLE else "refused"
            return self._end(event, watch, status, checked.blocked, verdicts=checked.verdicts, check=checked.code)
        if checked.escalated is not None:
            return self._end(
                event, watch, "escalated", checked.escalated, verdicts=checked.verdicts, check=checked.code
            )
        left = iter(checked.texts)
        value, output = structured.value, said
        if not silent and (left_of := next(left)) != text:
            output = escaped(left_of) if escapes else left_of
            if is_json:  # a check took something out of it; what is left must still fit
                again = structure(output, form)
                if again.error is not None:
                    return self._end(event, watch, "failed", Reason.INVALID_OUTPUT, verdicts=checked.verdicts)
                value, output = again.value, to_json(again.value).decode()
        calls = tuple(_left_of(call, left) for call in called.calls)
        if calls != called.calls:
            called = _called(completion, tuple(call for call in calls if call is not None))
            if called.error is not None or None in calls:
                return self._end(event, watch, "failed", Reason.INVALID_OUTPUT, verdicts=checked.verdicts)
        return self._end(
            event, watch, "answered", None, output=output, parsed=value, calls=called.calls, verdicts=checked.verdicts,
            repaired=repaired or None,
        )  # fmt: skip

    def _end(
        self,
        event: Event[Completion],
        watch: Watch,
        status: Status,
        reason: Reason | None,
        *,
        output: str | None = None,
        parsed: JsonValue = None,
        calls: tuple[ToolCall, ...] = (),
        verdicts: tuple[Verdict, ...] = (),
        check: str | None = None,
        repaired: bool | None = None,
    ) -> Step:
        entry = watch.entry(reason or status, check=check, repaired=repaired)
        return self._ending.completed(
            event, entry, status, reason, output=output, parsed=parsed, tool_calls=calls,
            verdicts=(*event.record.verdicts, *verdicts),
        )  # fmt: skip


def _called(completion: Completion, calls: Sequence[ToolCall]) -> Called:
    ask = completion.ask
    return calls_in_form(calls, ask.tools, ask.tool_choice, restoring(completion.placeholders))


def _left_of(call: ToolCall, texts: Iterator[str]) -> ToolCall | None:
    """The call with what the checks left of its arguments; None where that is no JSON any more."""
    arguments = call.function.arguments
    left = rewritten(arguments, [next(texts) for _ in argument_texts(arguments)])
    if left is None:
        return None
    return call.model_copy(update={"function": call.function.model_copy(update={"arguments": left})})
