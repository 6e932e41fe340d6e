"""Asking one candidate, again where that may help: its breaker, its turn, the budget of further calls, and the books."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from streamguard.clock import Clock
from streamguard.config import Invoke
from streamguard.errors import ProviderError
from streamguard.providers.attempts import Attempts, Begun, Kind, Skip
from streamguard.providers.backoff import wait_before_retry
from streamguard.providers.breakers import Breakers, Permit
from streamguard.providers.budget import Stake
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatProvider, ChatRequest
from streamguard.providers.errors import CallFailed, CallTimeout, RateLimited, Withheld
from streamguard.providers.question import Audience
from streamguard.providers.routing import Step
from streamguard.providers.structured import adapt
from streamguard.providers.turns import Turn, Turns

SHORTEST_CALL = 0.01
"""Seconds; with less time left a call is not begun, since it could only be paid and thrown away."""
_NEWS = 0.05
"""Seconds; who waited longer for a turn looks at the breaker anew."""

Way = Literal["usual", "at_once", "insist", "patient"]
"""How a candidate is asked: if it has a place at once, since the first choice has one and only the budget is against it; though
the budget is against it, since nobody else has a place; or again, and with a wait, after all of that."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether this worker may call models. `wait` returns when it may; may take long, and may be cancelled. `given` tells whether
    it may at this moment: what was waited for can be over before a connection is made."""

    wait: Callable[[], Awaitable[None]]
    given: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Errand:
    """One question to one candidate: the unit that is tried, and tried again, under one idempotency key.

    `longest` is in seconds, for one call; `after` counts the candidates behind this one, for each of which a call is kept;
    `tokens` are about those of question and answer.
    """

    step: Step
    request: ChatRequest
    kind: Kind
    longest: float
    after: int
    lane: str
    tokens: int
    stake: Stake
    audience: Audience | None = None
    way: Way = "usual"


@dataclass(frozen=True, slots=True)
class _Entered:
    permit: Permit
    turn: Turn


class CandidateCaller:
    """Makes the calls of a worker. Safe to use concurrently."""

    def __init__(
        self,
        *,
        providers: Mapping[str, ChatProvider],
        breakers: Breakers,
        turns: Turns,
        clock: Clock,
        rng: random.Random,
        settings: Invoke,
        leave: Leave | None = None,
    ) -> None:
        """`leave` is awaited before each call, and asked again before its first byte goes out."""
        self._providers = providers
        self._breakers = breakers
        self._turns = turns
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._leave = leave

    async def answer(self, errand: Errand, attempts: Attempts) -> ChatAnswer | None:
        """The candidate's answer, or None when it gave none; `attempts` tells why.

        A retry repeats the question under the same idempotency key. After a try that brought a whole but useless answer, the
        next one takes its own call id as the key, since a provider that knows the key would only repeat the answer.
        """
        first, step = errand.request.request_id, errand.step
        request = adapt(errand.request, step.candidate.without)
        kind, tries, withheld = errand.kind, 0, False
        while True:
            entered = await self._enter(errand, attempts, kind, charged=withheld)
            if not isinstance(entered, _Entered):
                attempts.skipped(request.request_id, step, kind, entered)
                return None
            streams = errand.audience is not None and "streaming" not in step.candidate.without
            begun = attempts.begin(request, step, kind, streams=streams)
            try:
                return await self._call(errand, request, begun, entered, attempts, self._longest(errand, attempts))
            except Withheld:
                withheld = True
            except ProviderError as error:
                withheld = False
                last = attempts.calls[-1]
                wait = None if last.tripped else self._wait(errand, attempts, error, tries)
                if wait is None:
                    return None
                tries += 1
                call_id, kind = f"{first}.{tries}", "retry"
                if not errand.stake.retry():
                    attempts.skipped(call_id, step, kind, "retry_budget")
                    return None
                await self._clock.sleep(wait)
                attempts.retries_left -= 1
                answered = isinstance(error, CallFailed) and error.answered
                key = call_id if answered else request.idempotency_key
                request = replace(request, request_id=call_id, idempotency_key=key)

    async def _enter(self, errand: Errand, attempts: Attempts, kind: Kind, *, charged: bool) -> _Entered | Skip:
        """Leave for one call, or why there is none. `charged`: the budget gave its leave before, and nothing came of it."""
        candidate = errand.step.candidate
        names = candidate.provider, candidate.model
        if attempts.calls_left <= 0:
            return "no_calls"
        # before a place or the right to probe is taken: others could use them while this waits
        if not await self._passed(attempts):
            return "no_time"
        if (longest := self._longest(errand, attempts)) < SHORTEST_CALL:
            return "no_time"
        permit = await self._breakers.permit(*names, longest=longest)
        if permit is None:
            return "breaker_open"
        turn: Turn | None = None
        try:
            came = self._clock.monotonic()
            patience = self._patience(errand, attempts)
            turn = await self._turns.enter(*names, errand.lane, tokens=errand.tokens, longest=patience)
            why: Skip | None = None if turn else "saturated"
            if turn is not None and self._clock.monotonic() - came > _NEWS:
                self._breakers.release(permit)
                permit = await self._breakers.permit(*names, longest=self._longest(errand, attempts))
                why = None if permit else "breaker_open"
            if why is None and not await self._passed(attempts):
                why = "no_time"
            if why is None and self._longest(errand, attempts) < SHORTEST_CALL:
                why = "no_time"
            if why is None and not charged and not self._in_budget(errand, attempts, kind):
                why = "retry_budget"
        except BaseException:
            self._give_back(permit, turn)
            raise
        if why is None and permit is not None and turn is not None:
            return _Entered(permit, turn)
        self._give_back(permit, turn)
        return why or "saturated"

    async def _passed(self, attempts: Attempts) -> bool:
        """Wait until this worker may call; False when the question's time ends first."""
        if self._leave is None:
            return True
        try:
            async with asyncio.timeout(max(0.0, attempts.time_left())):
                await self._leave.wait()
        except TimeoutError:
            return False
        return True

    def _patience(self, errand: Errand, attempts: Attempts) -> float:
        """Seconds to wait for a place. What a fallback needs is not spent on it; and where another model may have a place, a
        queue here would only make everybody late. A question of the batch lane has the time: all but that of the call itself."""
        if errand.way == "at_once":
            return 0.0
        left = attempts.time_left() - self._kept(errand, attempts)
        longest = min(errand.longest, self._settings.concurrency.wait) if errand.after else errand.longest
        if errand.lane == "batch":
            longest = max(longest, left - errand.longest)
        return max(0.0, min(longest, left))

    def _in_budget(self, errand: Errand, attempts: Attempts, kind: Kind) -> bool:
        """A question's first call is its own; what comes beyond it is what an outage multiplies. Retries have leave already."""
        if kind == "first":
            leave = errand.stake.first()
            if leave or errand.way != "insist":
                return leave
            if attempts.made:
                return errand.stake.fallback()
            errand.stake.insist()
            return True
        return kind != "fallback" or not attempts.made or errand.stake.fallback()

    def _give_back(self, permit: Permit | None, turn: Turn | None) -> None:
        if permit is not None:
            self._breakers.release(permit)
        if turn is not None:
            turn.leave()

    async def _call(
        self,
        errand: Errand,
        request: ChatRequest,
        begun: Begun,
        entered: _Entered,
        attempts: Attempts,
        seconds: float,
    ) -> ChatAnswer:
        """One call, booked however it ends."""
        breakers, permit, turn = self._breakers, entered.permit, entered.turn
        provider, progress, audience = self._providers[begun.step.candidate.provider], begun.progress, errand.audience
        limits = CallLimits(
            seconds,
            min(seconds, self._settings.first_token) if progress else None,
            self._settings.between_tokens if progress else None,
            self._leave.given if self._leave else None,
        )
        try:
            if audience is not None:
                await audience.begin()
                if progress is not None:
                    progress.on_text = audience.text
            answer = await provider.chat(request, limits=limits, progress=progress)
        except Withheld:
            self._give_back(permit, turn)
            attempts.withdraw(begun)
            raise
        except ProviderError as error:
            blames = not isinstance(error, CallFailed) or error.blames_provider
            tripped = breakers.failure(permit, attempts.seconds(begun)) if blames else False
            if not blames:
                breakers.release(permit)
            if isinstance(error, RateLimited):
                turn.limited(error.retry_after, error.rate)
            else:
                turn.leave()
            attempts.failed(begun, error, tripped=tripped)
            raise
        except BaseException:
            # cancelled, or a fault of our own: neither says anything about the provider
            self._give_back(permit, turn)
            attempts.cut(begun)
            raise
        tripped = breakers.success(permit, attempts.seconds(begun))
        turn.answered(answer.rate)
        attempts.answered(begun, answer, tripped=tripped)
        if audience is not None and progress is None:
            await audience.text(answer.text)
        return answer

    def _kept(self, errand: Errand, attempts: Attempts) -> float:
        """Seconds that are left to those behind this candidate: what one of them needs, or half of what there is."""
        return min(self._settings.fallback_timeout, attempts.time_left() / 2) if errand.after else 0.0

    def _longest(self, errand: Errand, attempts: Attempts) -> float:
        """Seconds for one call."""
        return min(errand.longest, attempts.time_left() - self._kept(errand, attempts))

    def _wait(self, errand: Errand, attempts: Attempts, error: ProviderError, tries: int) -> float | None:
        """Seconds until the same candidate is asked again; None when it is not."""
        if not error.retriable or attempts.retries_left <= 0 or attempts.calls_left <= errand.after:
            return None
        if errand.after and isinstance(error, CallTimeout):
            return None
        # what a fallback needs is not spent on waiting for this one
        kept = max(SHORTEST_CALL, self._kept(errand, attempts))
        return wait_before_retry(
            tries + 1,
            base=self._settings.backoff,
            cap=self._settings.backoff_cap,
            rng=self._rng,
            time_left=attempts.time_left() - kept,
            retry_after=error.retry_after,
        )
