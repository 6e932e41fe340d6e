"""guard: what may go to a model, and in which words.

Bounds, unicode tricks, secrets, personal data and injection are checked by `streamguard.checks`; what passes is rendered
from a prompt template, with everything that users and documents say behind fences.
"""

import hmac
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streamguard.answers.arguments import argument_texts, as_one_string, rewritten
from streamguard.cache.exact import fingerprint
from streamguard.checks.chain import CHECK_ERROR, Chains, InputChain
from streamguard.checks.contract import ChainResult, Subject
from streamguard.checks.text.tokens import count_message_tokens, count_tool_tokens
from streamguard.clock import Clock
from streamguard.config import Candidate
from streamguard.errors import StreamguardError
from streamguard.events.base import Record, unknown
from streamguard.events.outcome import Outcome, Status
from streamguard.events.reason import Reason
from streamguard.events.request import CacheMode, Document, Message, NamedTool, Request, ToolCall
from streamguard.events.stages import Admitted, Ask, Guarded, Reservation
from streamguard.events.trail import TrailEntry
from streamguard.prompts.errors import UnknownPrompt
from streamguard.prompts.registry import PromptBook
from streamguard.prompts.rendering import Rendered, render
from streamguard.prompts.trimming import Trimmed, trim
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.ending import Ending, conclude
from streamguard.stages.second_opinion import SecondOpinion
from streamguard.stages.watch import Watch


class CheckFailed(StreamguardError):
    """A check could not be made, so the request must not go on. `code` names the check: `check_failed_injection`."""

    def __init__(self, checked: ChainResult) -> None:
        failed = [verdict.check for verdict in checked.verdicts if verdict.code == CHECK_ERROR]
        self.code = "_".join(("check_failed", *failed[:1]))
        super().__init__(self.code)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The request's texts after the checks, sorted back to where they came from."""

    messages: tuple[Message, ...]
    variables: Mapping[str, str]
    documents: tuple[Document, ...]

    @property
    def asked(self) -> tuple[Message, ...]:
        """What was asked, as messages: those that came, or the variables of the prompt."""
        return self.named(self.variables)

    def named(self, known: Container[str]) -> tuple[Message, ...]:
        """As `asked`, but only with the names that are `known`: any other is a text that nobody has checked."""
        return self.messages or tuple(
            Message(role="user", content=f"{name}: {value}" if name in known else value)
            for name, value in sorted(self.variables.items())
        )


class Epochs:
    """Tells records of an owner of the journal that had been replaced already when it wrote them.

    A record is void when one of a newer epoch of the same journal partition lies before it in the same partition of
    `admitted`. Records may be asked about in any order; only what was asked about is known.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], dict[int, int]] = {}

    def void(self, partition: int, offset: int, journal_partition: int, epoch: int) -> bool:
        """Enter the record at `offset`, and tell whether it is void."""
        first = self._first.setdefault((partition, journal_partition), {})
        first[epoch] = min(offset, first.get(epoch, offset))
        return any(newer > epoch and at < offset for newer, at in first.items())


class Guard:
    """The stage. `routes` as configured: which models may answer is part of the question's fingerprint."""

    def __init__(
        self,
        *,
        chains: Chains[InputChain],
        prompts: PromptBook,
        default_prompt: str,
        routes: Mapping[str, Sequence[Candidate]],
        key: bytes,
        ending: Ending,
        clock: Clock,
        opinion: SecondOpinion | None = None,
    ) -> None:
        self._chains = chains
        self._opinion = opinion
        self._prompts = prompts
        self._default_prompt = default_prompt
        self._routes = {name: [(c.provider, c.model) for c in candidates] for name, candidates in routes.items()}
        self._key = key
        self._fingerprint_key = hmac.digest(key, b"streamguard/fingerprint", "sha256")
        self._ending = ending
        self._clock = clock
        self._epochs = Epochs()

    async def run(self, event: Event[Admitted], found: Record | None) -> Step:
        """What to look up, or the refusal; nothing for a record that a replaced owner wrote.

        Raises `CheckFailed` when a check could not be made: safety fails closed.
        """
        decision = event.record.decision
        if isinstance(found, Guarded):
            return [Out("guarded", event.key, found)]
        if isinstance(found, Outcome):
            return conclude(event.key, found)
        # a replay lies behind whatever was admitted since, and an operator vouches for it
        if event.run is None and self._epochs.void(event.partition, event.offset, decision.partition, decision.epoch):
            return []
        watch = Watch("guard", self._clock)
        if decision.action == "refuse":
            reason = decision.reason or Reason.INTERNAL
            return self._ending.early(event.key, event.record, watch.entry("passed_on"), "refused", reason)
        deadline = event.record.request.deadline
        if deadline is not None and deadline <= watch.started_at:
            return self._ending.early(event.key, event.record, watch.entry(Reason.EXPIRED), "refused", Reason.EXPIRED)
        return await self._guard(event, watch)

    async def _guard(self, event: Event[Admitted], watch: Watch) -> Step:
        request = event.record.request
        prompt = request.prompt.name if request.prompt else self._default_prompt
        subjects = subjects_of(request)
        checked = self._chains.of(prompt).run(subjects)
        if self._opinion is not None:
            checked = await self._opinion.on(prompt, checked, [one.role for one in subjects], request.deadline)
        if checked.blocked is Reason.INTERNAL:
            raise CheckFailed(checked)
        texts = _sorted(request, checked)
        if checked.blocked is not None:
            status = "failed" if checked.blocked is Reason.CHECK_UNAVAILABLE else "refused"
            return self._refuse(event, watch, checked.blocked, checked, texts, status)
        if checked.escalated is not None:
            return self._refuse(event, watch, checked.escalated, checked, texts, "escalated")
        try:
            rendered = self._render(request, texts)
        except UnknownPrompt:
            return self._refuse(event, watch, Reason.UNKNOWN_PROMPT, checked, texts)
        reservation = event.record.decision.reservation
        assert reservation is not None
        room = reservation.input_tokens - count_tool_tokens(request.tools)
        trimmed = trim(rendered.messages, room, count_message_tokens)
        if not trimmed.fits:
            return self._refuse(event, watch, Reason.INPUT_TOO_LONG, checked, texts)
        entry = watch.entry("pass", tokens=trimmed.tokens, trimmed=trimmed.dropped)
        guarded = self._guarded(event.record, entry, checked, texts, rendered, trimmed, reservation)
        return [Out("guarded", event.key, guarded)]

    def _render(self, request: Request, texts: _Texts) -> Rendered:
        prompt = request.prompt
        template = self._prompts.get(prompt.name, prompt.version) if prompt else self._prompts.get(self._default_prompt)
        return render(
            self._prompts,
            template,
            key=self._key,
            tenant=request.tenant_id,
            messages=None if prompt else texts.messages,
            variables=texts.variables if prompt else None,
            context=texts.documents,
        )

    def _guarded(
        self,
        admitted: Admitted,
        entry: TrailEntry,
        checked: ChainResult,
        texts: _Texts,
        rendered: Rendered,
        trimmed: Trimmed,
        reservation: Reservation,
    ) -> Guarded:
        request, template = admitted.request, rendered.template
        form = request.response_format or template.response_format
        asks_for_json = request.response_format is not None and request.response_format.type != "text"
        wants_call = request.tool_choice == "required" or isinstance(request.tool_choice, NamedTool)
        ask = Ask(
            messages=trimmed.messages,
            route=template.route,
            temperature=template.temperature,
            max_output_tokens=min(reservation.output_tokens, request.max_output_tokens or template.max_output_tokens),
            response_format=form,
            tools=request.tools,
            tool_choice=request.tool_choice,
            canary=rendered.canary,
            static_text=None if asks_for_json or wants_call else template.static_text,
        )
        head = admitted.head()
        return Guarded(
            **unknown(admitted, Guarded),
            head=head.model_copy(update={"cache": _less_shared(head.cache, template.cache)}),
            run=admitted.run,
            received_at=admitted.received_at,
            trail=(*admitted.trail, entry),
            verdicts=checked.verdicts,
            prompt=template.used,
            ask=ask,
            placeholders=checked.placeholders,
            input_tokens=trimmed.tokens,
            fingerprint=fingerprint(
                key=self._fingerprint_key,
                tenant_id=request.tenant_id,
                prompt_name=template.name,
                prompt_version=template.version,
                messages=texts.asked,
                documents=texts.documents,
                route=self._routes.get(template.route, ()),
                temperature=template.temperature,
                max_output_tokens=ask.max_output_tokens,
                response_format=form,
                actions=request.actions,
                policy_version=self._chains.stamp,
                tools=request.tools,
                tool_choice=request.tool_choice,
            ),
            reservation=reservation,
            policy_version=self._chains.stamp,
        )

    def _refuse(
        self,
        event: Event[Admitted],
        watch: Watch,
        reason: Reason,
        checked: ChainResult,
        texts: _Texts,
        status: Status = "refused",
    ) -> Step:
        entry = watch.entry(reason, check=checked.code or None)
        known = self._variables_of(event.record.request)
        kept = tuple(message for message in texts.named(known) if message.content or message.tool_calls)
        return self._ending.early(
            event.key, event.record, entry, status, reason, verdicts=checked.verdicts, messages=kept
        )

    def _variables_of(self, request: Request) -> Container[str]:
        """The names that the request's prompt gives its variables."""
        if request.prompt is None:
            return ()
        try:
            template = self._prompts.get(request.prompt.name, request.prompt.version)
        except UnknownPrompt:
            return ()
        return (*template.variables, *template.optional)


_SHARING: tuple[CacheMode, ...] = ("off", "exact", "semantic")


def _less_shared(wanted: CacheMode, allowed: CacheMode | None) -> CacheMode:
    """The request's wish, within what its prompt allows."""
    return wanted if allowed is None else _SHARING[min(_SHARING.index(wanted), _SHARING.index(allowed))]


def subjects_of(request: Request) -> list[Subject]:
    """Every text of the request, in a fixed order that `_sorted` undoes."""
    subjects: list[Subject] = []
    for message in request.messages or ():
        subjects.append(Subject(message.content, message.role))
        for call in message.tool_calls or ():
            subjects += [Subject(text, message.role) for text in argument_texts(call.function.arguments)]
    if request.prompt:
        subjects += [Subject(value, "variable") for _, value in sorted(request.prompt.variables.items())]
    for document in request.context:
        subjects += [Subject(document.title or "", "document"), Subject(document.text, "document")]
    return subjects


def _sorted(request: Request, checked: ChainResult) -> _Texts:
    texts = iter(checked.texts)
    messages = tuple(_checked(message, texts) for message in request.messages or ())
    names = sorted(request.prompt.variables) if request.prompt else []
    variables = {name: next(texts) for name in names}
    documents = tuple(
        Document(id=document.id, title=next(texts) or None, text=next(texts)) for document in request.context
    )
    return _Texts(messages, variables, documents)


def _checked(message: Message, texts: Iterator[str]) -> Message:
    content = next(texts)
    calls: list[ToolCall] = []
    for call in message.tool_calls or ():
        arguments = call.function.arguments
        parts = [next(texts) for _ in argument_texts(arguments)]
        left = rewritten(arguments, parts)
        left = as_one_string(parts) if left is None else left
        calls.append(call.model_copy(update={"function": call.function.model_copy(update={"arguments": left})}))
    return message.model_copy(update={"content": content, "tool_calls": tuple(calls) or None})
