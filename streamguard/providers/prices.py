"""What the invoker needs to know of prices; the tables live elsewhere."""

from typing import Protocol

from streamguard.events.usage import Usage
from streamguard.money import Price


class PriceBook(Protocol):
    """Prices of models over time. Pure and quick: it is asked after each call."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        """What `usage` cost at that time (microseconds since the epoch); None for a model without a known price."""
        ...


class FlatPrices:
    """A price book for tests: the same price for every model, in nano-dollars a token; None for `unknown` models."""

    def __init__(self, *, input_nusd: int = 2, output_nusd: int = 10, unknown: frozenset[str] = frozenset()) -> None:
        self._input = input_nusd
        self._output = output_nusd
        self._unknown = unknown

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        if model in self._unknown:
            return None
        return Price(usage.input_tokens * self._input + usage.output_tokens * self._output, "flat-1")
