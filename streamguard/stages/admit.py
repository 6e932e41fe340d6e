"""admit: is the request well-formed, seen before, wanted by its user, in time, and within the rates?

The decision is serial and synchronous: between asking the state and entering the decision nothing is awaited, so one
worker decides for one tenant at a time, exactly. It goes to the journal first, then to `admitted`.
"""

from collections.abc import Callable
from typing import Protocol

from streamguard.answers.structure import check_schema
from streamguard.answers.tools import check_tools
from streamguard.clock import Clock
from streamguard.config import Limits
from streamguard.errors import InputAtFault
from streamguard.events.base import Record
from streamguard.events.booked import JournalEntry
from streamguard.events.reason import Reason
from streamguard.events.request import Message, Request, RequestHead
from streamguard.events.stages import Admitted, Decision, Reservation
from streamguard.limits.admission import Admission
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch

_IDENTITY = (
    "request_id", "tenant_id", "user_id", "conversation_id", "session_id", "feature", "client_ip", "lane", "stream",
    "deadline", "consent", "cache",
)  # fmt: skip
"""Fields of a request that are bounded in length and hold no text."""

FIRST_RUN = 1
"""A request that comes in over `requests` is in its first pass, unless it is a replayed dead letter."""


class Misplaced(InputAtFault):
    """A request that was sent on to its tenant's partition, or says so, stands on another one all the same."""


class OwnedState(Protocol):
    """Where the state of the partitions that this worker owns is kept."""

    def admission(self, partition: int) -> Admission:
        """The state of an owned partition. Raises `KeyError` when it is not owned."""
        ...

    def epoch(self, partition: int) -> int:
        """The epoch of its owner, which is us."""
        ...


class Admit:
    """The stage. `partition_of` maps a tenant to the partition of `requests` where its requests belong."""

    def __init__(
        self, limits: Limits, owned: OwnedState, partition_of: Callable[[str], int], clock: Clock, calls: int
    ) -> None:
        self._limits = limits
        self._owned = owned
        self._partition_of = partition_of
        self._clock = clock
        self._calls = calls

    async def run(self, event: Event[Request], found: Record | None) -> Step:
        """Journal entry and decision; a request seen before gives nothing; a misplaced one goes to its partition."""
        watch = Watch("admit", self._clock)
        request = event.record
        if isinstance(found, JournalEntry) and found.decision is not None:
            return self._outputs(event, found.decision, watch)
        if isinstance(found, Admitted):
            return self._outputs(event, found.decision, watch)
        if (home := self._partition_of(request.tenant_id)) != event.partition:
            if event.placed:
                raise Misplaced
            return [Out("requests", request.tenant_id, request, partition=home, placed=True, run=event.run)]
        state = self._owned.admission(event.partition)
        seen = state.seen(request.tenant_id, request.request_id, event.run or FIRST_RUN)
        if seen is not None:
            return self._outputs(event, seen.decision, watch) if seen.src == event.src else []
        now = state.now(event.timestamp_us, self._clock.now_us())
        decision = self._decide(event, state, now)
        outputs = self._outputs(event, decision, watch)
        entry = outputs[0].record
        assert isinstance(entry, JournalEntry)
        state.apply(entry)
        return outputs

    def failed(self, event: Event[Request]) -> Step:
        """What to pass on when this stage cannot handle a request that it could read: the refusal `internal`.

        Nothing for an id that was decided on before, which ends by that decision; and nothing for a tenant whose ids another
        partition's owner knows: here nobody can tell whether it was.
        """
        watch, request = Watch("admit", self._clock), event.record
        if self._partition_of(request.tenant_id) != event.partition:
            return []
        state = self._owned.admission(event.partition)
        seen = state.seen(request.tenant_id, request.request_id, event.run or FIRST_RUN)
        if seen is not None and seen.src != event.src:
            return []
        decision = Decision(
            action="refuse",
            reason=Reason.INTERNAL,
            at=state.now(event.timestamp_us, self._clock.now_us()),
            partition=event.partition,
            epoch=self._owned.epoch(event.partition),
        )
        outputs = self._outputs(event, decision, watch)
        entry = outputs[0].record
        assert isinstance(entry, JournalEntry)
        state.apply(entry)
        return outputs

    def _decide(self, event: Event[Request], state: Admission, now: int) -> Decision:
        request = event.record
        retry_after = None
        reason = self._refusal(event, now)
        if reason is None and (over := state.over_rate(request.tenant_id, request.user_id, request.client_ip, now)):
            reason, retry_after = over.reason, over.retry_after_us
        return Decision(
            action="admit" if reason is None else "refuse",
            reason=reason,
            retry_after_us=retry_after,
            at=now,
            partition=event.partition,
            epoch=self._owned.epoch(event.partition),
            reservation=self._reservation(request) if reason is None else None,
        )

    def _refusal(self, event: Event[Request], now: int) -> Reason | None:
        request, limits = event.record, self._limits
        if not request.consent.processing:
            return Reason.NO_CONSENT
        if request.deadline is not None and request.deadline <= now:
            return Reason.EXPIRED
        if (
            event.size > limits.max_request_bytes
            or len(request.messages or ()) > limits.max_messages
            or len(request.context) > limits.max_documents
            or _characters(request) > limits.max_characters
        ):
            return Reason.INPUT_TOO_LONG
        unusable = check_schema(request.response_format) or check_tools(request.tools)
        return Reason.INVALID_REQUEST if unusable else None

    def _reservation(self, request: Request) -> Reservation:
        limits = self._limits
        return Reservation(
            input_tokens=limits.max_input_tokens,
            output_tokens=min(request.max_output_tokens or limits.max_output_tokens, limits.max_output_tokens),
            calls=self._calls,
        )

    def _outputs(self, event: Event[Request], decision: Decision, watch: Watch) -> Step:
        """A decision of an earlier owner is passed on in our name: under its own epoch guard would take it for void as soon as
        it comes behind another tenant's of ours."""
        request, epoch = event.record, self._owned.epoch(event.partition)
        if decision.epoch != epoch:
            decision = decision.model_copy(update={"epoch": epoch})
        entry = JournalEntry(
            kind="decision",
            tenant_id=request.tenant_id,
            request_id=request.request_id,
            run=event.run or FIRST_RUN,
            user_id=request.user_id,
            client_ip=request.client_ip,
            src=event.src,
            decision=decision,
        )
        # a broker that takes its producers' timestamps takes any: what cannot be true counts as received when decided on
        received_at = event.timestamp_us if 0 < event.timestamp_us <= decision.at else decision.at
        admitted = Admitted(
            request=request if decision.action == "admit" else _bare(request),
            run=event.run or FIRST_RUN,
            received_at=received_at,
            decision=decision,
            trail=(watch.entry(decision.reason or decision.action, waited_us=max(0, watch.started_at - received_at)),),
            head_fields=RequestHead.ADDED or None,
        )
        return [
            Out("admission-journal", request.tenant_id, entry),
            Out("admitted", request.conversation_key, admitted),
        ]


def _bare(request: Request) -> Request:
    """Who asked, and nothing else: a refused request needs no text any more, and one that is too long must fit all the same."""
    return Request.model_validate(
        {
            **{name: getattr(request, name) for name in _IDENTITY},
            "messages": (Message(role="user", content=""),),
        }
    )


def _characters(request: Request) -> int:
    texts = [message.content for message in request.messages or ()]
    texts += [call.function.arguments for message in request.messages or () for call in message.tool_calls or ()]
    texts += [document.text for document in request.context]
    texts += request.prompt.variables.values() if request.prompt else ()
    return sum(map(len, texts))
