"""Payment cards: issuers' ranges and lengths, groupings, and the check digit.

Ranges are those that issuers publish (ISO/IEC 7812 first digits), a little wider where older or regional cards were given out.
"""

import re

from streamguard.checks.personal_data.checksums import luhn

# Beginning, then the lengths that it comes with.
_ISSUERS: tuple[tuple[str, frozenset[int]], ...] = (
    (r"4", frozenset({13, 16, 19})),  # Visa
    (r"5[1-5]", frozenset({16})),  # Mastercard
    (r"2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", frozenset({16})),  # Mastercard, the second range
    (r"3[47]", frozenset({15})),  # American Express
    (r"30[0-59]|3[689]", frozenset({14, 16, 19})),  # Diners Club
    (r"6(?:011|4[4-9]|5)", frozenset({16, 19})),  # Discover
    (r"35", frozenset({16, 19})),  # JCB
    (r"1800|2131", frozenset({15})),  # JCB, older
    (r"62|81", frozenset({16, 17, 18, 19})),  # UnionPay
    (r"50(?:18|20|38)|5[68]|57|6304|6390|67(?:59|6[1-3])", frozenset(range(12, 20))),  # Maestro
    (r"220[0-4]|9792|5019|508|60|82|50[67]", frozenset({16})),  # Mir, Troy, Dankort, RuPay, Verve
)
_RANGES = tuple((re.compile(beginning), lengths) for beginning, lengths in _ISSUERS)
_ANNOUNCED_ONLY = re.compile(r"0604")
"""Maestro numbers of the United Kingdom that begin like a telephone's."""

# As printed on cards and typed by people. One kind of separator throughout.
_FORM = re.compile(
    r"\d{12,19}|\d{4}([ .\-])\d{4}\1\d{4}(?:\1\d{4})?(?:\1?\d{1,4})?|\d{4}([ .\-])\d{6}\2\d{4,5}|\d{8}[ \-]\d{8}"
)
_ANY_FORM = re.compile(r"\d+(?:[ .\-/]\d+)*")
_WIDE = re.compile(r" {2,3}| ?- ?")
_UNSURE_LENGTHS = (12, 13, 14)
"""So short, one in some hundred numbers of a shop passes all tests: a word that calls it something else is believed."""


def is_card(written: str, digits: str, *, announced: bool = False, otherwise: bool = False) -> bool:
    """Whether `digits`, written as `written`, are a payment card's number.

    `announced`: a word before it speaks of cards, so any grouping will do. `otherwise`: a word calls it something else.
    """
    form = _ANY_FORM if announced else _FORM
    single = _WIDE.sub(lambda gap: "-" if "-" in gap[0] else " ", written)
    if form.fullmatch(single) is None or (otherwise and len(digits) in _UNSURE_LENGTHS):
        return False
    known = any(len(digits) in lengths and beginning.match(digits) for beginning, lengths in _RANGES)
    if not known and not (announced and len(digits) >= 12 and _ANNOUNCED_ONLY.match(digits)):
        return False
    return luhn(digits) and len(set(digits)) > 1
