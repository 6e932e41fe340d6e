"""What the invoker needs to know of prices, and those of the configuration; the list that comes along lives elsewhere."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol

from streamguard.config import Candidate, TokenPrice
from streamguard.errors import ConfigError
from streamguard.events.usage import Usage
from streamguard.money import NANO, Price

_NUSD = NANO // 1_000_000  # nano-dollars a token in a dollar per million tokens


class PriceBook(Protocol):
    """Prices of models over time. Pure and quick: it is asked after each call."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        """What `usage` cost at that time (microseconds since the epoch); None for a model without a known price."""
        ...


class ConfiguredPrices:
    """The prices that candidates bring, before those of another book.

    They are named `configured/` and a digest of all of them, so that a change of any of them shows in what is booked. Exact:
    all rates of a model are scaled to integers, and a call's total is rounded once, half to even, to whole nano-dollars.
    """

    def __init__(self, book: PriceBook, candidates: Iterable[Candidate], *, free: Collection[str] = ()) -> None:
        """`book` prices all other models. Providers in `free` (a static text) charge nothing, unless a candidate says otherwise.

        Raises `ConfigError` where one model of a provider has two prices.
        """
        self._book = book
        self._free = frozenset(free)
        prices: dict[tuple[str, str], TokenPrice] = {}
        for candidate in candidates:
            if candidate.price is None:
                continue
            place = candidate.provider, candidate.model
            if prices.setdefault(place, candidate.price) != candidate.price:
                raise ConfigError(f"routes: {'/'.join(place)} has two prices")
        self._rates = {place: _Rates(price) for place, price in prices.items()}
        self.version = f"configured/{_digest(self._rates)}"
        """The configured prices, as they are kept beside each cost."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        """What `usage` cost: by the candidate's own price, else nothing at a free provider, else as the book says.

        Reasoning is output like any other.
        """
        rates = self._rates.get((provider, model))
        if rates is not None:
            return Price(rates.cost(usage), self.version)
        if provider in self._free:
            return Price(0, self.version)
        return self._book.cost(provider, model, usage, at_us)


class _Rates:
    """One model's rates a token, in `scale` parts of a nano-dollar."""

    def __init__(self, price: TokenPrice) -> None:
        read = price.input if price.cache_read is None else price.cache_read
        written = price.input if price.cache_write is None else price.cache_write
        rates = [rate * _NUSD for rate in (price.input, read, written, price.output)]
        self.scale = int(10 ** max(0, *(_places(rate) for rate in rates)))
        self.input, self.read, self.written, self.output = (int(rate * self.scale) for rate in rates)

    def cost(self, usage: Usage) -> int:
        """Whole nano-dollars. More tokens of the cache than there are of input never make it negative."""
        read = min(usage.cache_read_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - read)
        total = (
            (usage.input_tokens - read - written) * self.input
            + read * self.read
            + written * self.written
            + usage.output_tokens * self.output
        )
        whole, rest = divmod(total, self.scale)
        return whole + (2 * rest > self.scale or (2 * rest == self.scale and whole % 2 == 1))


def _places(rate: Decimal) -> int:
    exponent = rate.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _digest(rates: Mapping[tuple[str, str], _Rates]) -> str:
    digest = blake2b(digest_size=6)
    for (provider, model), each in sorted(rates.items()):
        line = (provider, model, each.scale, each.input, each.read, each.written, each.output)
        digest.update(repr(line).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


class FlatPrices:
    """A price book for tests: the same price for every model, in nano-dollars a token; None for `unknown` models.

    Tokens read from and written to the provider's cache are part of the input, and cost the same where nothing is said.
    """

    def __init__(
        self,
        *,
        input_nusd: int = 2,
        output_nusd: int = 10,
        cache_read_nusd: int | None = None,
        cache_write_nusd: int | None = None,
        unknown: frozenset[str] = frozenset(),
    ) -> None:
        self._input = input_nusd
        self._output = output_nusd
        self._read = input_nusd if cache_read_nusd is None else cache_read_nusd
        self._written = input_nusd if cache_write_nusd is None else cache_write_nusd
        self._unknown = unknown

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        if model in self._unknown:
            return None
        plain = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
        given = plain * self._input + usage.cache_read_tokens * self._read + usage.cache_write_tokens * self._written
        return Price(given + usage.output_tokens * self._output, "flat-1")
