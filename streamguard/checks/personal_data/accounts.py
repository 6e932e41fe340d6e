"""Bank accounts: IBANs of every country that has them, by length and check digits (ISO 13616, the SWIFT registry)."""

import re
from collections.abc import Iterator

from streamguard.checks.personal_data.checksums import iso_97_10
from streamguard.checks.text.matching import Pattern

_ANY = Pattern(r"(?i)\b[A-Z]{2}[0-9]{2}[ -]?[0-9A-Z]")
# The same for the standard library's engine, whose matches cost a tenth: a text may be full of them. Five characters at most.
_START = re.compile(r"(?<![0-9A-Za-z_])[A-Za-z]{2}[0-9]{2}(?=[ \u00a0-]?(?:[0-9A-Za-z]|\Z))")
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
# One character, then as many more as the country has, a single separator before each.
_FORMS = {
    country: re.compile(rf"[0-9A-Za-z](?:[ \u00a0-]?[0-9A-Za-z]){{{length - 1}}}(?![^\W_])")
    for length, countries in _COUNTRIES.items()
    for country in countries.split()
}
_AS_FAR_AS = re.compile(r"[0-9A-Za-z](?:[ \u00a0-]?[0-9A-Za-z]){0,32}[ \u00a0-]?")

LONGEST = 2 * 33
"""Characters of the longest, with a separator after each letter and digit."""


def accounts(text: str) -> Iterator[tuple[int, int]]:
    """Where IBANs stand, in any grouping."""
    if not _ANY.found_in(text):
        return
    reached = 0
    for match in _START.finditer(text):
        end = _end_of(text, match.start())
        if end is None or match.start() < reached:
            continue
        if iso_97_10("".join(filter(str.isalnum, text[match.start() : end].upper()))):
            reached = end
            yield match.start(), end


def open_account(text: str) -> int | None:
    """Where an IBAN begins that the end of `text` cuts off."""
    tail = max(0, len(text) - LONGEST)
    for match in _START.finditer(text, tail):
        form = _FORMS.get(text[match.start() : match.start() + 2].upper())
        if form is not None and (rest := _AS_FAR_AS.match(text, match.start())) and rest.end() == len(text):
            return match.start()
    return None


def _end_of(text: str, start: int) -> int | None:
    """Where as many letters and digits from `start` as its country's have come to their end."""
    form = _FORMS.get(text[start : start + 2].upper())
    match = form.match(text, start) if form is not None else None
    return match.end() if match else None
