"""The providers' prompt caches: which beginnings of prompts were seen before."""

from collections.abc import Sequence
from dataclasses import dataclass

from streamguard.clock import Clock

_KEPT_SECONDS = 300.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of a prompt, as a digest of all that is in it, and its tokens."""

    digest: bytes
    tokens: int


class PromptCache:
    """Keeps a prefix for five minutes after its last use, as Anthropic does; `minimum` tokens are the shortest that is kept.

    Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
    """

    def __init__(self, clock: Clock, minimum: int) -> None:
        self._clock = clock
        self._minimum = minimum
        self._until: dict[tuple[str, str, bytes], float] = {}

    def use(self, provider: str, model: str, prefixes: Sequence[Prefix]) -> tuple[int, int]:
        """Read the longest of `prefixes` (each the beginning of the next) that is there, and write the longer ones.

        Returns the tokens read and the tokens written.
        """
        now = self._clock.monotonic()
        kept = [prefix for prefix in prefixes if prefix.tokens >= self._minimum]
        read = 0
        for prefix in kept:
            key = (provider, model, prefix.digest)
            if self._until.pop(key, 0.0) > now:
                read = prefix.tokens
            self._until[key] = now + _KEPT_SECONDS  # behind all others: the first ones are those that end first
        while self._until and (len(self._until) > _MOST or self._until[next(iter(self._until))] <= now):
            del self._until[next(iter(self._until))]
        return read, (kept[-1].tokens - read if kept else 0)
