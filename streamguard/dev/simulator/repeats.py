"""Answers by their idempotency keys, for providers that know such keys."""

from dataclasses import dataclass
from hashlib import blake2b

from streamguard.dev.simulator.form import Answer
from streamguard.dev.simulator.ledger import NOTHING, Call, Tokens

_MOST = 50_000


@dataclass(slots=True)
class Kept:
    """What came of a key: `answer` is None before the first call with it, `paid` what all calls with it have paid together."""

    body: bytes
    answer: Answer | None = None
    paid: Tokens = NOTHING
    under_way: bool = False


class Repeats:
    """Keeps the last 50,000 keys that brought an answer, a provider each for itself."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Kept] = {}

    def begin(self, provider: str, key: str, body: bytes) -> Kept | None:
        """What is kept of a key; None when that belongs to another body. Who answers sets `under_way`, and ends with `end`."""
        name, digest = (provider, key), blake2b(body, digest_size=16).digest()
        kept = self._kept.pop(name, None) or Kept(digest)
        self._kept[name] = kept
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return kept if kept.body == digest else None

    def end(self, kept: Kept, call: Call) -> None:
        """That call is over: what it was charged is not charged again."""
        kept.under_way = False
        kept.paid = Tokens(
            kept.paid.input + call.input_tokens,
            kept.paid.output + call.output_tokens,
            kept.paid.cache_read + call.cache_read_tokens,
            kept.paid.cache_write + call.cache_write_tokens,
        )
