"""The breakers of all models that a worker knows, and the log that its fleet shares. The rules are in `breaker.py`."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from streamguard.clock import Clock
from streamguard.config import Breaker as BreakerSettings
from streamguard.events.fleet import BreakerChange
from streamguard.metrics import BREAKER_CHANGES, BREAKER_STATE
from streamguard.providers.breaker import Breaker, Claimed, Permit, State

__all__ = ["Breakers", "Permit", "State"]

log = logging.getLogger(__name__)

_NUMBERS: dict[State, int] = {"closed": 0, "half_open": 1, "open": 2}


class Breakers:
    """One breaker a provider and model, made when first asked for or told of. For one event loop.

    Without `publish` it works alone. With it, changes go there and are expected back through `apply`, in the order of a log that
    all workers read; `share` says later that there is such a log, or none any more. `worker` must then be unique for each
    start of a process.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        clock: Clock,
        *,
        worker: str = "",
        publish: Callable[[BreakerChange], None] | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._worker = worker
        self._publish = publish
        self._models: dict[tuple[str, str], Breaker] = {}
        self._waiting: dict[tuple[str, str], set[asyncio.Future[None]]] = {}
        self._shown: set[tuple[str, str]] = set()

    async def permit(self, provider: str, model: str, *, longest: float) -> Permit | None:
        """Leave to call; None while open, or while someone else tries it.

        Closed: at once, without a switch of tasks. Open time over: claims the probe and waits for the log at most
        min(`claim_wait`, `longest`) seconds, together with all others of this worker; one of them gets it.
        """
        key = (provider, model)
        breaker = self._of(key)
        if key not in self._shown:
            self._shown.add(key)
            BREAKER_STATE.labels(*key).set(_NUMBERS[breaker.state])
        answer = breaker.permit()
        if not isinstance(answer, Claimed):
            return answer
        end = min(answer.until, self._clock.monotonic() + longest)
        while (left := end - self._clock.monotonic()) > 0:
            await self._news(key, left)
            answer = breaker.permit()
            if not isinstance(answer, Claimed):
                return answer
        return None

    def success(self, permit: Permit, seconds: float) -> bool:
        """The call was answered after `seconds`. True when that was so slow that this opened the breaker."""
        return self._of((permit.provider, permit.model)).success(permit, seconds)

    def failure(self, permit: Permit, seconds: float) -> bool:
        """The provider failed after `seconds`. True when this opened the breaker."""
        return self._of((permit.provider, permit.model)).failure(permit, seconds)

    def release(self, permit: Permit) -> None:
        """The call says nothing about the provider: the caller's fault, cancelled, rate limited."""
        self._of((permit.provider, permit.model)).release(permit)

    def apply(self, change: BreakerChange) -> None:
        """A record of the log, in log order, own records too."""
        self._of((change.provider, change.model)).apply(change)

    def share(self, publish: Callable[[BreakerChange], None] | None) -> None:
        """There is a log, and it was read to its end: own changes that are not in it are published now. None: there is none
        any more, and everybody decides alone."""
        self._publish = publish
        for breaker in self._models.values():
            breaker.share(publish)

    def probing(self, provider: str, model: str) -> bool:
        """Whether this worker is the one that tries that model again."""
        return self._of((provider, model)).mine

    @property
    def shared(self) -> bool:
        """Whether changes go into a log."""
        return self._publish is not None

    def states(self) -> Mapping[tuple[str, str], State]:
        """All states by provider and model."""
        return {key: breaker.state for key, breaker in self._models.items()}

    def _of(self, key: tuple[str, str]) -> Breaker:
        breaker = self._models.get(key)
        if breaker is None:
            breaker = self._models[key] = Breaker(
                self._settings,
                self._clock,
                *key,
                worker=self._worker,
                say=self._publish,
                changed=partial(self._changed, key),
            )
        return breaker

    def _changed(self, key: tuple[str, str], before: State, cause: str) -> None:
        for waiter in self._waiting.get(key, ()):
            if not waiter.done():
                waiter.set_result(None)
        breaker = self._models[key]
        state = breaker.state
        # what nobody asks here, such as all that the log tells at the start, would be noise, and labels without bounds
        if state == before or key not in self._shown:
            return
        BREAKER_STATE.labels(*key).set(_NUMBERS[state])
        BREAKER_CHANGES.labels(*key, state).inc()
        log.log(
            logging.WARNING if state == "open" else logging.INFO,
            "breaker %s",
            state,
            extra={"provider": key[0], "model": key[1], "cause": cause, "probing": breaker.mine},
        )

    async def _news(self, key: tuple[str, str], seconds: float) -> None:
        """Return when something changed, or after `seconds`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(key, set())
        waiters.add(waiter)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waiter, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            waiter.cancel()
            waiters.discard(waiter)
