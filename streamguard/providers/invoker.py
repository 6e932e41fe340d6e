"""Asking models until one answers, within one deadline and one budget of calls.

The pyramid: the candidates of the plan, the preferred first; a stale cache entry; the static text of the ask; a failure.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamguard.clock import Clock
from streamguard.config import Invoke
from streamguard.events.reason import Reason
from streamguard.events.request import Message
from streamguard.events.stages import Degraded
from streamguard.events.usage import total_cost
from streamguard.providers.abort import Stopped, until
from streamguard.providers.answered import Answered, Source
from streamguard.providers.attempts import Attempts, Kind
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets, Stake
from streamguard.providers.candidate import SHORTEST_CALL, CandidateCaller, Errand, Leave, Way
from streamguard.providers.contract import ChatAnswer, ChatProvider, ChatRequest
from streamguard.providers.prices import PriceBook
from streamguard.providers.question import Question
from streamguard.providers.routing import Plan, Router, Step
from streamguard.providers.turns import Turns

_REASK = (
    "Your last answer cannot be used: {problem}. Answer the same question again, in exactly the form asked for, and with "
    "nothing around it."
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What all questions of a worker share, and what its breakers share with other workers."""

    breakers: Breakers
    budgets: RetryBudgets
    turns: Turns


class Invoker:
    """Asks models. One for all requests of a worker: connections, breakers, budgets and turns are shared. Safe to use
    concurrently."""

    def __init__(
        self,
        *,
        router: Router,
        providers: Mapping[str, ChatProvider],
        prices: PriceBook,
        fleet: Fleet,
        clock: Clock,
        rng: random.Random,
        settings: Invoke,
        count: Callable[[str], int],
        static: frozenset[str] = frozenset(),
        leave: Leave | None = None,
    ) -> None:
        """`count` counts the tokens of a text; `static` names the providers that answer without a model; `leave` tells
        when calls may be made. `providers` must hold those of all candidates of `router`."""
        self._router = router
        self._prices = prices
        self._budgets = fleet.budgets
        self._clock = clock
        self._settings = settings
        self._count = count
        self._static = static
        self._caller = CandidateCaller(
            providers=providers,
            breakers=fleet.breakers,
            turns=fleet.turns,
            clock=clock,
            rng=rng,
            settings=settings,
            leave=leave,
        )

    async def ask(self, question: Question) -> Answered:
        """The best answer that can be had; never raises a `ProviderError`.

        Everything ends within `invoke.timeout` (`invoke.batch.timeout`) and before the question's deadline; at most
        `reservation.calls` calls are made. A retry repeats the question to the same candidate; it is one of `retries` for all
        candidates together, and leaves a call for each candidate behind. Retries and fallbacks that follow a call need leave of
        the budget of the provider that the question was bound for; while that has none, questions go to the others first, to
        those that have a place at once (`streamguard.providers.budget`). Elsewhere an interactive question waits for a place
        `concurrency.wait` at most, the last candidate's excepted. A candidate that timed out is not asked again while there are
        others. An answer with a wrong form (`check`) goes back to its model with what is wrong.

        Calls are named so that a second run of the same request names them alike: the n-th question that the plan can lead to
        has the idempotency key `call_id_base/n`; its tries are the calls `call_id_base/n`, `call_id_base/n.1`, ….
        """
        settings = self._settings
        own = settings.batch.timeout if question.lane == "batch" else None
        left = own or settings.timeout
        expires = None if question.deadline_us is None else (question.deadline_us - self._clock.now_us()) / 1e6
        if expires is not None:
            left = min(left, expires)
        attempts = Attempts(
            clock=self._clock,
            prices=self._prices,
            ends=self._clock.monotonic() + left,
            calls_left=question.reservation.calls,
            retries_left=settings.retries,
            input_tokens=question.input_tokens,
            counted=question.ask.messages,
            count=self._count,
        )
        run = _Run(question, attempts)
        if expires is not None and expires <= 0:
            return run.ended("none", failure=Reason.EXPIRED)
        try:
            async with until(question.stop):
                return await self._descend(run)
        except Stopped:
            return run.ended("none", failure=Reason.CANCELLED)

    async def _descend(self, run: "_Run") -> Answered:
        """From the first step of the pyramid to the one that answers."""
        question = run.question
        plan = run.plan = self._router.plan(
            question.ask, input_tokens=question.input_tokens, conversation=question.conversation
        )
        if plan.steps:
            stake = self._budgets.of(plan.steps[0].candidate.provider).open()
            live = False
            try:
                answered = await self._ask_each(run, plan, stake)
                live = answered is not None and answered.source == "model"
            finally:
                stake.end(live=live)
            if answered is not None:
                return answered
        return self._without_model(run)

    async def _ask_each(self, run: "_Run", plan: Plan, stake: Stake) -> Answered | None:
        """The answer of the first candidate that gives one."""
        waiting: deque[tuple[int, Step, Way]] = deque((number, step, "usual") for number, step in enumerate(plan.steps))
        way_of_others: Way = "usual"
        while waiting:
            number, step, way = waiting.popleft()
            way = way_of_others if number and way == "usual" else way
            kind: Kind = "first" if number == 0 else "fallback"
            errand, made = self._errand(run, step, number, kind, len(waiting), stake, way), run.attempts.made
            answer = await self._caller.answer(errand, run.attempts)
            if answer is not None:
                return await self._in_form(run, errand, answer, number)
            if way == "usual" and number == 0 and run.attempts.made == 0 and run.attempts.out_of_budget:
                # its provider causes too many calls already; it is asked in spite of that if nobody else can be at once
                waiting.append((number, step, "insist"))
                way_of_others = "at_once"
            elif way == "at_once" and run.attempts.crowded and run.attempts.made == made:
                waiting.append((number, step, "patient"))
        return None

    def _errand(self, run: "_Run", step: Step, number: int, kind: Kind, after: int, stake: Stake, way: Way) -> Errand:
        ask, candidate, key = run.question.ask, step.candidate, self._key(run, number, 0)
        request = ChatRequest(
            model=candidate.model,
            messages=ask.messages,
            max_output_tokens=step.max_output_tokens,
            idempotency_key=key,
            request_id=key,
            temperature=ask.temperature,
            response_format=ask.response_format,
            tools=ask.tools,
            tool_choice=ask.tool_choice,
        )
        longest = candidate.timeout if kind == "first" else min(candidate.timeout, self._settings.fallback_timeout)
        tokens = run.question.input_tokens + step.max_output_tokens
        return Errand(step, request, kind, longest, after, run.question.lane, tokens, stake, run.question.audience, way)

    async def _in_form(self, run: "_Run", errand: Errand, answer: ChatAnswer, number: int) -> Answered:
        """The answer, sent back while its form is wrong and that is still possible."""
        check, attempts = run.question.check, run.attempts
        problem = check(answer.text, answer.tool_calls) if check else None
        request, shown = errand.request, run.question.audience
        for again in range(1, self._settings.reasks + 1):
            if check is None or problem is None or attempts.calls_left <= 0 or attempts.time_left() < SHORTEST_CALL:
                break
            key = self._key(run, number, again)
            messages = (*request.messages, *_sent_back(answer, problem))
            request = replace(request, messages=messages, idempotency_key=key, request_id=key)
            before = attempts.made
            better = await self._caller.answer(
                replace(errand, request=request, kind="reask", after=0, way="usual"), attempts
            )
            if better is None:
                if attempts.made > before:
                    shown = None  # what its readers saw last is a part of an answer that does not stand
                break
            answer, problem = better, check(better.text, better.tool_calls)
        if shown is not None:
            await shown.end()
        candidate, static = errand.step.candidate, errand.step.candidate.provider in self._static
        degraded: Degraded | None = "static" if static else "fallback"
        preferred = errand.step.rung == "primary"
        return run.ended(
            "static" if static and not preferred else "model",
            text=answer.text,
            tool_calls=answer.tool_calls,
            provider=candidate.provider,
            model=candidate.model,
            finish_reason=answer.finish_reason,
            degraded=None if preferred else degraded,
            form_error=problem,
            rung=errand.step.rung,
        )

    def _without_model(self, run: "_Run") -> Answered:
        question = run.question
        stale, static = question.stale, question.ask.static_text
        if question.deadline_us is not None and self._clock.now_us() >= question.deadline_us:
            return run.ended("none", failure=Reason.EXPIRED)
        if stale is not None:
            return run.ended(
                "stale_cache", text=stale.output, provider=stale.provider, model=stale.model, degraded="stale_cache"
            )
        if static is not None:
            return run.ended("static", text=static, degraded="static")
        return run.ended("none", failure=Reason.PROVIDERS_EXHAUSTED)

    def _key(self, run: "_Run", number: int, again: int) -> str:
        return f"{run.question.call_id_base}/{number * (1 + self._settings.reasks) + again + 1}"


class _Run:
    """One question on its way."""

    def __init__(self, question: Question, attempts: Attempts) -> None:
        self.question = question
        self.attempts = attempts
        self.plan: Plan | None = None

    def ended(
        self,
        source: Source,
        *,
        text: str | None = None,
        failure: Reason | None = None,
        rung: str | None = None,
        **answer: Any,
    ) -> Answered:
        calls = tuple(self.attempts.calls)
        fields: dict[str, Any] = {
            "degraded": None, "provider": None, "model": None, "finish_reason": None, "form_error": None, **answer
        }  # fmt: skip
        return Answered(
            text=text,
            source=source,
            failure=failure,
            calls=calls,
            usage=self.attempts.usage(),
            cost_nusd=total_cost(calls),
            price_version=self.attempts.price_version(),
            detail={**(self.plan.detail if self.plan else {}), **({"rung": rung} if rung else {})},
            **fields,
        )


def _sent_back(answer: ChatAnswer, problem: str) -> tuple[Message, ...]:
    """The answer as it came, and what is wrong with it: to each tool call as its result, since providers insist on one."""
    words = _REASK.format(problem=problem)
    said = Message(role="assistant", content=answer.text, tool_calls=answer.tool_calls or None)
    if not answer.tool_calls:
        return said, Message(role="user", content=words)
    return said, *(Message(role="tool", content=words, tool_call_id=call.id) for call in answer.tool_calls)
