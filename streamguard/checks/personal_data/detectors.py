"""Finding personal data in a text. Pure; says where, changes nothing.

Kinds with a check of their own: `EMAIL`, `PHONE`, `CARD`, `IBAN`, `SSN` (of the USA), `NATIONAL_ID` (of thirty-odd countries),
`IP`, `MAC`, `WALLET` (crypto-currencies). By the words before them: `BIRTH_DATE`, `PASSPORT`, `DRIVER_LICENSE`. By how they are
written alone, and so less surely: `ADDRESS`, `NAME`.
"""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Literal, get_args

from streamguard.checks.personal_data import accounts, addresses, cued, names, national_ids, network, numbers, wallets
from streamguard.checks.personal_data.cards import is_card
from streamguard.checks.personal_data.cue_words import CARD, MONEY, OTHER, PHONE
from streamguard.checks.personal_data.cues import cue_before
from streamguard.checks.personal_data.digits import plain_digits
from streamguard.checks.personal_data.limits import TooMany
from streamguard.checks.personal_data.numbers import Numbers
from streamguard.checks.personal_data.opening import open_start

MOST = 3_000
"""More data than this in one text is not a text any more."""

PersonalKind = Literal[
    "EMAIL", "PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID", "IP", "MAC", "WALLET", "BIRTH_DATE", "PASSPORT", "DRIVER_LICENSE",
    "ADDRESS", "NAME",
]  # fmt: skip
CERTAIN_KINDS: frozenset[PersonalKind] = frozenset(get_args(PersonalKind)) - {"ADDRESS", "NAME"}
"""Those with a check of their own, or announced by the words before them."""
_NUMBER_KINDS = frozenset({"PHONE", "CARD", "SSN", "NATIONAL_ID"})


LONGEST_DATUM = max(
    network.LONGEST, numbers.LONGEST, accounts.LONGEST, wallets.LONGEST, cued.LONGEST, addresses.LONGEST
)
"""No datum has more characters than this: data that overlap are joined only as far as that."""


class TooMuchFound(Exception):
    """A text holds more than `MOST` personal data, or more numbers, or words that announce data, than are looked at."""


@dataclass(frozen=True, slots=True)
class Datum:
    """A personal datum at characters `start` to `end` (excluded)."""

    kind: str
    start: int
    end: int


def personal_data(text: str, kinds: Set[str] = CERTAIN_KINDS) -> list[Datum]:
    """All personal data of `text` of these kinds, in order, without overlaps. Raises `TooMuchFound`."""
    text = plain_digits(text)
    found: list[Datum] = []
    digits = any(digit in text for digit in "0123456789")
    # First, because it is the one that refuses what is nothing but digits.
    of_digits = list(_bounded(_numbers(text, kinds))) if digits and kinds & _NUMBER_KINDS else []
    if "EMAIL" in kinds and any(sign in text for sign in network.AT_SIGNS):
        found += _bounded(_of("EMAIL", network.emails(text)))
    if digits:
        for kind, find in _WITH_DIGITS:
            if kind in kinds:
                found += _bounded(_of(kind, find(text)))
        found += of_digits
        if "ADDRESS" in kinds:
            found += _bounded(_of("ADDRESS", addresses.addresses(text)))
    if "NAME" in kinds:
        found += _bounded(_of("NAME", names.names(text)))
    return _without_overlaps(found) if len(found) > 1 else found


def open_from(text: str, kinds: Set[str] = CERTAIN_KINDS) -> int:
    """The position from which a datum of `kinds` could still come to be or change if more text followed `text`.

    Every datum of any longer text either ends at or before it, and is then found in `text` already, or begins at or after it.
    The length of the text when nothing is open. Raises `TooMuchFound`.
    """
    start = open_start(text, LONGEST_DATUM, by_words=bool(kinds & {"ADDRESS", "NAME"}))
    if start in (0, len(text)):
        return start
    # Not inside of one that is settled.
    return next((datum.start for datum in personal_data(text, kinds) if datum.start < start < datum.end), start)


def _numbers(text: str, kinds: Set[str]) -> Iterator[Datum]:
    return (Datum(kind, start, end) for kind, start, end in Numbers(text).found() if kind in kinds)


def _national(text: str) -> Iterator[tuple[int, int]]:
    for count, (start, end) in enumerate(national_ids.written(text)):
        if count == MOST:
            raise TooMuchFound
        cue = cue_before(text, start)
        # Mere digits that a word calls something else, or that are a card's, are left to those who look for that.
        if text[start:end].isdigit() and (cue in _ELSE or is_card(text[start:end], text[start:end])):
            continue
        if national_ids.form_of(text[start:end], cue) is not None:
            yield start, end


_ELSE = frozenset({PHONE, CARD, MONEY, OTHER})


_WITH_DIGITS: tuple[tuple[str, Callable[[str], Iterable[tuple[int, int]]]], ...] = (
    ("IBAN", accounts.accounts),
    ("WALLET", wallets.wallets),
    ("IP", network.ip_addresses),
    ("MAC", network.mac_addresses),
    ("BIRTH_DATE", cued.birth_dates),
    ("PASSPORT", cued.passports),
    ("DRIVER_LICENSE", cued.driver_licenses),
    ("NATIONAL_ID", _national),
)


def _of(kind: str, spans: Iterable[tuple[int, int]]) -> Iterator[Datum]:
    return (Datum(kind, start, end) for start, end in spans)


def _bounded(data: Iterator[Datum]) -> Iterator[Datum]:
    try:
        for count, datum in enumerate(data):
            if count == MOST:
                raise TooMuchFound
            yield datum
    except TooMany:
        raise TooMuchFound from None


def _without_overlaps(found: list[Datum]) -> list[Datum]:
    """`found` in order; those that overlap become one, of the kind that was looked for first: it is the most certain.

    Where that would be longer than `LONGEST_DATUM`, what exceeds it is a datum of its own.
    """
    ranked = sorted(enumerate(found), key=lambda item: item[1].start)
    kept = [ranked[0]]
    for rank, datum in ranked[1:]:
        before_rank, before = kept[-1]
        if datum.start >= before.end:
            kept.append((rank, datum))
            continue
        if datum.end - before.start > LONGEST_DATUM:
            kept.append((rank, Datum(datum.kind, before.end, datum.end)))
            continue
        kind = datum.kind if rank < before_rank else before.kind
        kept[-1] = min(rank, before_rank), Datum(kind, before.start, max(before.end, datum.end))
    return [datum for _, datum in kept]
