"""Asking models until one answers, within one deadline and one budget of calls.

In order: the candidates of the route, the preferred first; a stale cache entry; the static text of the ask; a failure.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from streamguard.clock import Clock
from streamguard.config import Candidate, Invoke
from streamguard.errors import ConfigError, ProviderError
from streamguard.events.reason import Reason
from streamguard.events.request import Message
from streamguard.events.stages import Ask, CacheEntry, Degraded, Reservation
from streamguard.events.usage import total_cost
from streamguard.providers.answered import Answered, Source
from streamguard.providers.attempts import Attempts, Kind
from streamguard.providers.backoff import wait_before_retry
from streamguard.providers.breaker import Breakers
from streamguard.providers.contract import ChatAnswer, ChatProvider, ChatRequest
from streamguard.providers.errors import CallFailed, CallTimeout
from streamguard.providers.prices import PriceBook

FormCheck = Callable[[str], str | None]
"""Says what is wrong with the form of an answer, in words made for the model that hold nothing of the answer itself."""

_SHORTEST_CALL = 0.01
"""Seconds; with less time left a call is not begun, since it could only be paid and thrown away."""
_REASK = (
    "Your last answer cannot be used: {problem}. Answer the same question again, in exactly the form asked for, and with "
    "nothing around it."
)


Permit = Callable[[], Awaitable[None]]
"""Returns when this worker may call a model; may take long, and may be cancelled."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One question to one candidate: the unit that is tried, and tried again, under one idempotency key."""

    candidate: Candidate
    key: str
    messages: tuple[Message, ...]
    kind: Kind
    longest: float
    """Seconds a call may take."""
    after: int
    """Candidates behind this one: one call is kept for each."""


class Invoker:
    """Asks models. One for all requests of a worker: connections and breakers are shared. Safe to use concurrently."""

    def __init__(
        self,
        *,
        routes: Mapping[str, tuple[Candidate, ...]],
        providers: Mapping[str, ChatProvider],
        prices: PriceBook,
        breakers: Breakers,
        clock: Clock,
        rng: random.Random,
        settings: Invoke,
        permit: Permit | None = None,
    ) -> None:
        """`permit` is awaited before each call. Raises `ConfigError` for a candidate whose provider is not among `providers`."""
        for route, candidates in routes.items():
            for candidate in candidates:
                if candidate.provider not in providers:
                    raise ConfigError(f"route {route!r} names the provider {candidate.provider!r}, which is not there")
        self._routes = routes
        self._providers = providers
        self._prices = prices
        self._breakers = breakers
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._permit = permit

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
        """The best answer that can be had; never raises a `ProviderError`.

        Everything ends within `invoke.timeout` and before `deadline_us` (microseconds since the epoch); at most
        `reservation.calls` calls are made. A retry repeats the question to the same candidate; it is one of `retries` for
        all candidates together, and leaves a call for each candidate behind. A candidate that timed out is not asked
        again while there are others. An answer with a wrong form (`check`) goes back to its model with what is wrong.

        Calls are named so that a second run of the same request names them alike: the n-th question that this route can
        lead to has the idempotency key `call_id_base/n`; its tries are the calls `call_id_base/n`, `call_id_base/n.1`, ….
        After a try that brought a whole but useless answer, the next one takes its own call id as the key, since a
        provider that knows the key would only repeat the answer.
        """
        left = self._settings.timeout
        expires = None if deadline_us is None else (deadline_us - self._clock.now_us()) / 1e6
        if expires is not None:
            left = min(left, expires)
        attempts = Attempts(
            clock=self._clock,
            prices=self._prices,
            ends=self._clock.monotonic() + left,
            calls_left=reservation.calls,
            retries_left=self._settings.retries,
        )
        if expires is not None and expires <= 0:
            return _ended(attempts, "none", failure=Reason.EXPIRED)
        candidates = self._routes.get(ask.route, ())
        for number, candidate in enumerate(candidates):
            if attempts.calls_left <= 0 or attempts.time_left() < _SHORTEST_CALL:
                break
            turn = _Turn(
                candidate,
                self._key(call_id_base, number, 0),
                ask.messages,
                "fallback" if number else "first",
                min(candidate.timeout, self._settings.fallback_timeout) if number else candidate.timeout,
                len(candidates) - number - 1,
            )
            answer = await self._try(turn, ask, attempts)
            if answer is not None:
                return await self._in_form(turn, ask, answer, attempts, check, call_id_base, number)
        return self._without_model(ask, attempts, stale, deadline_us)

    async def _in_form(
        self,
        turn: _Turn,
        ask: Ask,
        answer: ChatAnswer,
        attempts: Attempts,
        check: FormCheck | None,
        call_id_base: str,
        number: int,
    ) -> Answered:
        """The answer, sent back while its form is wrong and that is still possible."""
        problem = check(answer.text) if check else None
        messages = ask.messages
        for again in range(1, self._settings.reasks + 1):
            if check is None or problem is None or attempts.calls_left <= 0 or attempts.time_left() < _SHORTEST_CALL:
                break
            messages = (
                *messages,
                Message(role="assistant", content=answer.text),
                Message(role="user", content=_REASK.format(problem=problem)),
            )
            key = self._key(call_id_base, number, again)
            better = await self._try(_Turn(turn.candidate, key, messages, "reask", turn.longest, 0), ask, attempts)
            if better is None:
                break
            answer, problem = better, check(better.text)
        return _ended(
            attempts,
            "model",
            text=answer.text,
            provider=turn.candidate.provider,
            model=turn.candidate.model,
            finish_reason=answer.finish_reason,
            degraded="fallback" if number else None,
            form_error=problem,
        )

    async def _try(self, turn: _Turn, ask: Ask, attempts: Attempts) -> ChatAnswer | None:
        """Ask one candidate, again where that may help; None when it gave no answer."""
        breaker = self._breakers.of(turn.candidate.provider, turn.candidate.model)
        provider = self._providers[turn.candidate.provider]
        call_id, key, kind, tries = turn.key, turn.key, turn.kind, 0
        while True:
            if self._permit is not None:
                await self._permit()
                if attempts.time_left() < _SHORTEST_CALL:
                    return None
            permit = breaker.permit(self._clock.monotonic())
            if permit is None:
                attempts.skipped(call_id, turn.candidate, kind)
                return None
            begun = attempts.begin(call_id, turn.candidate, kind)
            request = ChatRequest(
                model=turn.candidate.model,
                messages=turn.messages,
                max_output_tokens=ask.max_output_tokens,
                idempotency_key=key,
                request_id=call_id,
                temperature=ask.temperature,
                response_format=ask.response_format,
            )
            try:
                answer = await provider.chat(request, timeout=self._longest(turn, attempts, tries))
            except ProviderError as error:
                now = self._clock.monotonic()
                blames = not isinstance(error, CallFailed) or error.blames_provider
                tripped = breaker.failure(permit, now) if blames else False
                if not blames:
                    breaker.release(permit)
                attempts.failed(begun, error, tripped=tripped)
                wait = None if tripped else self._wait(turn, attempts, error, tries)
                if wait is None:
                    return None
                await self._clock.sleep(wait)
                tries += 1
                attempts.retries_left -= 1
                call_id, kind = f"{turn.key}.{tries}", "retry"
                if isinstance(error, CallFailed) and error.answered:
                    key = call_id
            except BaseException:
                # cancelled, or a fault of our own: neither says anything about the provider
                breaker.release(permit)
                raise
            else:
                breaker.success(permit, self._clock.monotonic())
                attempts.answered(begun, answer)
                return answer

    def _longest(self, turn: _Turn, attempts: Attempts, tries: int) -> float:
        """Seconds for one call. A first try may take all there is; another one leaves a fallback its time."""
        kept = self._settings.fallback_timeout if turn.after and tries else 0.0
        return min(turn.longest, attempts.time_left() - kept)

    def _wait(self, turn: _Turn, attempts: Attempts, error: ProviderError, tries: int) -> float | None:
        """Seconds until the same candidate is asked again; None when it is not."""
        if not error.retriable or attempts.retries_left <= 0 or attempts.calls_left <= turn.after:
            return None
        if turn.after and isinstance(error, CallTimeout):
            return None
        # what a fallback needs is not spent on waiting for this one
        kept = self._settings.fallback_timeout if turn.after else _SHORTEST_CALL
        return wait_before_retry(
            tries + 1,
            base=self._settings.backoff,
            cap=self._settings.backoff_cap,
            rng=self._rng,
            time_left=attempts.time_left() - kept,
            retry_after=error.retry_after,
        )

    def _without_model(
        self, ask: Ask, attempts: Attempts, stale: CacheEntry | None, deadline_us: int | None
    ) -> Answered:
        if deadline_us is not None and self._clock.now_us() >= deadline_us:
            return _ended(attempts, "none", failure=Reason.EXPIRED)
        if stale is not None:
            return _ended(
                attempts,
                "stale_cache",
                text=stale.output,
                provider=stale.provider,
                model=stale.model,
                degraded="stale_cache",
            )
        if ask.static_text is not None:
            return _ended(attempts, "static", text=ask.static_text, degraded="static")
        return _ended(attempts, "none", failure=Reason.PROVIDERS_EXHAUSTED)

    def _key(self, base: str, candidate: int, again: int) -> str:
        return f"{base}/{candidate * (1 + self._settings.reasks) + again + 1}"


def _ended(
    attempts: Attempts,
    source: Source,
    *,
    text: str | None = None,
    failure: Reason | None = None,
    degraded: Degraded | None = None,
    provider: str | None = None,
    model: str | None = None,
    finish_reason: str | None = None,
    form_error: str | None = None,
) -> Answered:
    calls = tuple(attempts.calls)
    return Answered(
        text=text,
        source=source,
        failure=failure,
        degraded=degraded,
        provider=provider,
        model=model,
        finish_reason=finish_reason,
        form_error=form_error,
        calls=calls,
        usage=attempts.usage(),
        cost_nusd=total_cost(calls),
        price_version=attempts.price_version(),
    )
