"""Asking remote models about what the local checks left, as the policy of the prompt wants it. Used by guard and verify."""

import asyncio
from collections.abc import Mapping, Sequence

from streamguard import metrics
from streamguard.checks.contract import ChainResult, Direction, Role
from streamguard.checks.policy import InvalidPolicy, Policy, PromptPolicy
from streamguard.checks.remote import RemoteCheck, RemoteModel, RemoteScores
from streamguard.clock import Clock
from streamguard.errors import ProviderError

Opinion = Sequence[RemoteScores] | None
"""None: there is none."""


class SecondOpinion:
    """The remote checks of one direction, for all prompts. Asks nobody where the policy names none."""

    def __init__(self, direction: Direction, policy: Policy, models: Mapping[str, RemoteModel], clock: Clock) -> None:
        """`models` by the names that the policy knows them by. Raises `InvalidPolicy` for a name that is not among them."""
        self._direction: Direction = direction
        self._models = models
        self._clock = clock
        self._common = self._checks(policy, policy.stamp)
        self._own = {prompt: self._checks(policy.of(prompt), policy.stamp) for prompt in policy.prompts}

    @property
    def longest(self) -> tuple[float, str]:
        """For how many seconds a step may wait for opinions, and the policy's key that says so."""
        checks = (check for checks in (self._common, *self._own.values()) for check in checks)
        asked = ((check.rules.timeout, check.name) for check in checks if check.rules.when != "never")
        seconds, name = max(asked, default=(0.0, ""))
        return seconds, f"{self._direction}.remote.{name}.timeout"

    async def on(self, prompt: str, result: ChainResult, roles: Sequence[Role], deadline: int | None) -> ChainResult:
        """`result` with the opinions on its texts, whose roles are `roles`; all models are asked at once.

        `deadline` is the request's, in microseconds since the epoch: nobody is waited for beyond it. Never raises, but for a
        cancellation: a model that fails is what the policy says about that.
        """
        checks = [(check, places) for check in self._of(prompt) if (places := check.wanted(result, roles))]
        if not checks:
            return result
        opinions = await asyncio.gather(*(self._ask(check, places, result, deadline) for check, places in checks))
        for (check, places), opinion in zip(checks, opinions, strict=True):
            if opinion is None:
                result = check.unavailable(result)
            else:
                result = check.joined(result, roles, dict(zip(places, opinion, strict=True)))
        return result

    async def _ask(
        self, check: RemoteCheck, places: Sequence[int], result: ChainResult, deadline: int | None
    ) -> Opinion:
        timeout = check.rules.timeout
        if deadline is not None:
            timeout = min(timeout, (deadline - self._clock.now_us()) / 1e6)
        code = "timeout"
        opinion: Opinion = None
        began = self._clock.monotonic()
        if timeout > 0:
            try:
                given = await self._models[check.name].judge([result.texts[place] for place in places], timeout=timeout)
                opinion, code = (given, "ok") if len(given) == len(places) else (None, "invalid_response")
            except ProviderError as error:
                code = error.code
            except Exception:  # noqa: BLE001  # a model that breaks its promise gives no opinion; its message may hold text
                code = "internal"
        metrics.REMOTE_CHECKS.labels(check.name, self._direction, code).inc()
        metrics.REMOTE_CHECK_SECONDS.labels(check.name).observe(self._clock.monotonic() - began)
        return opinion

    def _of(self, prompt: str) -> Sequence[RemoteCheck]:
        return self._own.get(prompt, self._common)

    def _checks(self, policy: PromptPolicy, stamp: str) -> Sequence[RemoteCheck]:
        section = policy.input if self._direction == "input" else policy.output
        if strangers := sorted(section.remote.keys() - self._models.keys()):
            there = f"there are {', '.join(sorted(self._models))}" if self._models else "there is none"
            raise InvalidPolicy(
                f"policy: {self._direction}.remote.{strangers[0]}: not among [[remote_checks]]; {there}"
            )
        return [
            RemoteCheck(name, rules, self._direction, section.moderation, policy.input.injection, stamp)
            for name, rules in section.remote.items()
        ]
