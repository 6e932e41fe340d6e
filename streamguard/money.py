"""Money is whole nano-dollars (1e-9 US dollars) inside, and `Decimal` with nine places at the edges."""

from dataclasses import dataclass
from decimal import Decimal

NANO = 1_000_000_000
_PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Price:
    """What a call cost, in nano-dollars, and which price list says so."""

    cost_nusd: int
    version: str


def to_decimal(nusd: int) -> Decimal:
    """Dollars with nine places, as the store keeps them (`Decimal(18, 9)`)."""
    return (Decimal(nusd) / NANO).quantize(_PLACES)


def from_decimal(dollars: Decimal) -> int:
    """Whole nano-dollars. Raises `ValueError` for an amount with more than nine places: money is never rounded unseen."""
    nano = dollars * NANO
    whole = int(nano)
    if whole != nano:
        raise ValueError(f"{dollars} dollars is no whole number of nano-dollars")
    return whole


def format_usd(nusd: int | None) -> str:
    """For people: at least two places, no needless zeros; an unknown amount is `unknown`."""
    if nusd is None:
        return "unknown"
    text = f"{to_decimal(abs(nusd)):f}".rstrip("0")
    whole, _, places = text.partition(".")
    return f"{'-' if nusd < 0 else ''}${whole}.{places.ljust(2, '0')}"
