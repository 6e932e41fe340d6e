"""Finding personal data in a text: addresses, telephones, cards, accounts. Pure; says where, changes nothing.

Kinds: `EMAIL`, `IBAN`, `CARD`, `SSN` (of the USA), `IP`, `PHONE`. Names and street addresses are not looked for.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from streamguard.checks.matching import Pattern
from streamguard.checks.numbers import Numbers, TooManyNumbers

MOST = 5_000
"""More data than this in one text is not a text any more."""


class TooMuchFound(Exception):
    """A text holds more than `MOST` personal data, or more numbers than can be looked at."""


@dataclass(frozen=True, slots=True)
class Datum:
    """A personal datum at characters `start` to `end` (excluded)."""

    kind: str
    start: int
    end: int


# No further validation: a needless placeholder is put back again, an address let through is not.
# Letters up to Latin Extended-B: wider classes would swallow the words of scripts that are written without spaces.
_EMAIL = Pattern(r"[\w.%+'\x{C0}-\x{24F}-]+@(?:[\w\x{C0}-\x{24F}-]+\.)+[A-Za-z\x{C0}-\x{24F}]{2,}")
_IPV4 = Pattern(r"(?:^|[^\w.])((?:\d{1,3}\.){3}\d{1,3})(?:$|[^\w.]|\.(?:$|\D))", group=1)
_IPV6 = Pattern(r"(?i)(?:^|[^\w:.])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?:$|[^\w:])", group=1)
_IBAN_START = Pattern(r"(?i)\b[A-Z]{2}[0-9]{2}[ -]?[0-9A-Z]")

_IBAN_COUNTRIES: dict[int, str] = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
_IBAN_LENGTHS = {country: length for length, countries in _IBAN_COUNTRIES.items() for country in countries.split()}


def personal_data(text: str) -> list[Datum]:
    """All personal data of `text`, in order, without overlaps. Raises `TooMuchFound`."""
    found: list[Datum] = []
    if "@" in text:
        found += _bounded(Datum("EMAIL", *span) for span in _EMAIL.spans(text))
    if any(digit in text for digit in "0123456789"):
        found += _bounded(_accounts(text))
        found += _bounded(_addresses(text))
        found += _bounded(Datum(kind, start, end) for kind, start, end in Numbers(text).found())
    return _without_overlaps(found) if len(found) > 1 else found


def _bounded(data: Iterator[Datum]) -> Iterator[Datum]:
    try:
        for count, datum in enumerate(data):
            if count == MOST:
                raise TooMuchFound
            yield datum
    except TooManyNumbers:
        raise TooMuchFound from None


def _without_overlaps(found: list[Datum]) -> list[Datum]:
    """`found` in order; those that overlap become one, of the kind that was looked for first: it is the most certain."""
    ranked = sorted(enumerate(found), key=lambda item: item[1].start)
    kept = [ranked[0]]
    for rank, datum in ranked[1:]:
        before_rank, before = kept[-1]
        if datum.start >= before.end:
            kept.append((rank, datum))
            continue
        kind = datum.kind if rank < before_rank else before.kind
        kept[-1] = min(rank, before_rank), Datum(kind, before.start, max(before.end, datum.end))
    return [datum for _, datum in kept]


def _accounts(text: str) -> Iterator[Datum]:
    for start, _ in _IBAN_START.spans(text):
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
        if length is None:
            continue
        end = _end_of(text, start, length)
        if end is not None and _is_iban(text[start:end]):
            yield Datum("IBAN", start, end)


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where `length` letters and digits from `start` end, with single spaces and hyphens between them allowed."""
    seen, position, separated = 0, start, False
    while position < len(text) and seen < length:
        character = text[position]
        if character.isascii() and character.isalnum():
            seen, separated = seen + 1, False
        elif character in " -" and not separated:
            separated = True
        else:
            return None
        position += 1
    complete = seen == length and (position == len(text) or not text[position].isalnum())
    return position if complete else None


def _is_iban(written: str) -> bool:
    compact = "".join(character for character in written.upper() if character.isalnum())
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _addresses(text: str) -> Iterator[Datum]:
    if "." in text:
        for start, end in _IPV4.spans(text):
            if _is_address(text[start:end]):
                yield Datum("IP", start, end)
    if text.count(":") > 1:
        for start, end in _IPV6.spans(text):
            if end - start >= 6 and _is_address(text[start:end]):
                yield Datum("IP", start, end)


def _is_address(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    # The machine itself and "anywhere" are nobody's address.
    return not (address.is_loopback or address.is_unspecified)
