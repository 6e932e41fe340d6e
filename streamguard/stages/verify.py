"""verify: is this an answer that may be given? Today's output policy holds for every answer, a cached one too.

In order: the form asked for; the actions it wants; then the checks of `streamguard.checks` over its text. What passes
gets the asker's own data back in place of the placeholders, and is signed.
"""

from pydantic import JsonValue
from pydantic_core import to_json

from streamguard.answers.actions import action_problem
from streamguard.answers.escapes import escaped, looks_like_json, unescaped
from streamguard.answers.structure import structure
from streamguard.checks.chain import Chains, OutputChain
from streamguard.clock import Clock
from streamguard.events.base import Record
from streamguard.events.outcome import Outcome, Status
from streamguard.events.reason import Reason
from streamguard.events.stages import Completion
from streamguard.events.trail import Verdict
from streamguard.stages.asked import asked_text, system_text
from streamguard.stages.contract import Event, Step
from streamguard.stages.ending import Ending, conclude
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
        form = completion.ask.response_format
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
        ask = completion.ask
        checked = self._chains.of(completion.prompt.name).run(
            text,
            placeholders=completion.placeholders,
            system_text=system_text(ask),
            asked=asked_text(ask),
            canary=ask.canary,
            finish_reason=completion.finish_reason,
        )
        if self._opinion is not None:
            prompt, deadline = completion.prompt.name, completion.head.deadline
            checked = await self._opinion.on(prompt, checked, ("assistant",), deadline)
        if checked.blocked is Reason.INTERNAL:
            raise CheckFailed(checked)
        if checked.blocked is not None:
            status = "failed" if checked.blocked is Reason.CHECK_UNAVAILABLE else "refused"
            return self._end(event, watch, status, checked.blocked, verdicts=checked.verdicts, check=checked.code)
        if checked.escalated is not None:
            return self._end(
                event, watch, "escalated", checked.escalated, verdicts=checked.verdicts, check=checked.code
            )
        value, output = structured.value, said
        if checked.text != text:
            output = escaped(checked.text) if escapes else checked.text
            if is_json:  # a check took something out of it; what is left must still fit
                again = structure(output, form)
                if again.error is not None:
                    return self._end(event, watch, "failed", Reason.INVALID_OUTPUT, verdicts=checked.verdicts)
                value, output = again.value, to_json(again.value).decode()
        return self._end(
            event, watch, "answered", None, output=output, parsed=value, verdicts=checked.verdicts,
            repaired=structured.repaired or None,
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
        verdicts: tuple[Verdict, ...] = (),
        check: str | None = None,
        repaired: bool | None = None,
    ) -> Step:
        entry = watch.entry(reason or status, check=check, repaired=repaired)
        return self._ending.completed(
            event, entry, status, reason, output=output, parsed=parsed, verdicts=(*event.record.verdicts, *verdicts)
        )
