"""Bank accounts: IBANs of every country that has them, by length and check digits (ISO 13616, the SWIFT registry)."""

from collections.abc import Iterator

from streamguard.checks.checksums import iso_97_10
from streamguard.checks.matching import Pattern

_START = Pattern(r"(?i)\b[A-Z]{2}[0-9]{2}[ -]?[0-9A-Z]")

_COUNTRIES: dict[int, str] = {
    15: "NO",
    16: "BE BI",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_LENGTHS = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}

LONGEST = 2 * 33
"""Characters of the longest, with a separator after each letter and digit."""


def accounts(text: str) -> Iterator[tuple[int, int]]:
    """Where IBANs stand, in any grouping."""
    for start, _ in _START.spans(text):
        length = _LENGTHS.get(text[start : start + 2].upper())
        if length is None:
            continue
        end, complete = _end_of(text, start, length)
        if complete and iso_97_10("".join(filter(str.isalnum, text[start:end].upper()))):
            yield start, end


def open_account(text: str) -> int | None:
    """Where an IBAN begins that the end of `text` cuts off."""
    tail = max(0, len(text) - LONGEST)
    for start, _ in _START.spans(text[tail:]):
        length = _LENGTHS.get(text[tail + start : tail + start + 2].upper())
        if length is not None and _end_of(text, tail + start, length)[0] == len(text):
            return tail + start
    return None


def _end_of(text: str, start: int, length: int) -> tuple[int, bool]:
    """Where `length` letters and digits from `start` end, and whether all were there. Single separators between them are fine."""
    seen, position, separated = 0, start, False
    while position < len(text) and seen < length:
        character = text[position]
        if character.isascii() and character.isalnum():
            seen, separated = seen + 1, False
        elif character in " \u00a0-" and not separated:
            separated = True
        else:
            return position, False
        position += 1
    return position, seen == length and (position == len(text) or not text[position].isalnum())
