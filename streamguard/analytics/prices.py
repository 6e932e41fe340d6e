"""What calls cost: exact rates out of the price list that comes with genai-prices, never fetched from anywhere.

A rate is dollars per million tokens with few decimal places, so per token it is a fraction of a nano-dollar at worst. All
rates of a model are scaled to integers, a call's total is summed exactly and rounded once, half to even, to whole nano-dollars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from streamguard.events.usage import Usage
from streamguard.money import NANO, Price

_PER = 1_000_000  # rates are given for this many tokens
_REMEMBERED = 4096  # models; names come from outside, so their number must be bounded


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates a token (`call`: a call), in `scale` parts of a nano-dollar, for calls of more than `above` input tokens."""

    above: int
    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    call: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """A model's rates at one time; `tiers` highest first, the last one always fits."""

    scale: int
    tiers: tuple[Tier, ...]

    def cost(self, usage: Usage) -> int:
        """Whole nano-dollars, rounded half to even where the exact total lies between two."""
        given = usage.input_tokens
        for tier in self.tiers:
            if given > tier.above:
                break
        else:
            tier = self.tiers[-1]
        cached = min(usage.cache_read_tokens, given)
        written = min(usage.cache_write_tokens, given - cached)
        thought = min(usage.reasoning_tokens, usage.output_tokens)
        total = (
            (given - cached - written) * tier.input
            + cached * tier.cache_read
            + written * tier.cache_write
            + (usage.output_tokens - thought) * tier.output
            + thought * tier.reasoning
            + tier.call
        )
        if self.scale == 1:
            return total
        whole, rest = divmod(total, self.scale)
        return whole + (2 * rest > self.scale or (2 * rest == self.scale and whole % 2 == 1))


class GenaiPrices:
    """The bundled price list. Pure lookups, no I/O: safe on the hot path, about a microsecond for a model seen before."""

    def __init__(self) -> None:
        # the list is imported here, not with the module: it is 30,000 lines
        from genai_prices.data import providers

        self._list = DataSnapshot(providers=providers, from_auto_update=False)
        self._models: dict[tuple[str, str], Rates | ModelInfo | None] = {}
        self._rates: dict[int, tuple[ModelPrice, Rates | None]] = {}
        self.version = f"genai-prices/{version('genai-prices')}"
        """The price list, as it is kept beside each cost."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        """What a call with this usage cost at that time (microseconds since the epoch); None where the price is unknown.

        Tokens read from the provider's cache, and those written to it, have their own rates where the list has them, else they
        are input like any other. Writes are priced as those that the provider keeps for its usual time (Anthropic: 5 minutes).
        """
        try:
            known = self._models[provider, model]
        except KeyError:
            known = self._find(provider, model)
        if isinstance(known, ModelInfo):
            known = self._at(known, at_us)
        return None if known is None else Price(known.cost(usage), self.version)

    def window(self, provider: str, model: str) -> int | None:
        """Tokens that the model takes, as the list says; None where it does not. Not for the hot path: nothing is kept."""
        try:
            return self._list.find_provider_model(model, None, provider, None)[1].context_window
        except LookupError:
            return None

    def _find(self, provider: str, model: str) -> Rates | ModelInfo | None:
        try:
            info = self._list.find_provider_model(model, None, provider, None)[1]
        except LookupError:
            found = None
        else:
            found = info if isinstance(info.prices, list) else rates_of(info.prices)
        if len(self._models) >= _REMEMBERED:
            self._models.clear()
        self._models[provider, model] = found
        return found

    def _at(self, info: ModelInfo, at_us: int) -> Rates | None:
        """Of a model whose price changes with the date or the time of day."""
        prices = info.get_prices(datetime.fromtimestamp(at_us / 1e6, UTC))
        if (kept := self._rates.get(id(prices))) is None or kept[0] is not prices:
            kept = self._rates[id(prices)] = (prices, rates_of(prices))
        return kept[1]


def rates_of(prices: ModelPrice) -> Rates | None:
    """Exact integer rates, or None when the model is not priced by tokens of text."""
    given, answered = prices.input_mtok, prices.output_mtok
    if given is None and answered is None:
        return None
    read = given if prices.cache_read_mtok is None else prices.cache_read_mtok
    written = given if prices.cache_write_mtok is None else prices.cache_write_mtok
    thought = answered if prices.output_reasoning_mtok is None else prices.output_reasoning_mtok
    columns = (given, read, written, answered, thought, prices.requests_kcount)
    units = (_PER, _PER, _PER, _PER, _PER, 1000)
    starts = sorted({0, *(tier.start for column in columns for tier in _tiers(column))}, reverse=True)
    table = [
        [_rate_above(column, start) * NANO / unit for column, unit in zip(columns, units, strict=True)]
        for start in starts
    ]
    scale = _scale([rate for row in table for rate in row])
    return Rates(
        scale,
        tuple(Tier(start, *(int(rate * scale) for rate in row)) for start, row in zip(starts, table, strict=True)),
    )


def _tiers(column: Decimal | TieredPrices | None):
    return column.tiers if isinstance(column, TieredPrices) else ()


def _rate_above(column: Decimal | TieredPrices | None, start: int) -> Decimal:
    """Dollars per million tokens for a call of just more than `start` input tokens."""
    if column is None:
        return Decimal(0)
    if not isinstance(column, TieredPrices):
        return column
    return next((tier.price for tier in reversed(column.tiers) if tier.start <= start), column.base)


def _scale(rates: Sequence[Decimal]) -> int:
    """The smallest power of ten that makes every rate whole."""
    places = 0
    for rate in rates:
        exponent = rate.normalize().as_tuple().exponent
        if isinstance(exponent, int):
            places = max(places, -exponent)
    return int(10**places)
