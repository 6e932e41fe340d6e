"""Runs of digits: which of them are cards, social security numbers or telephones."""

import re
from collections.abc import Iterator

import phonenumbers

from streamguard.checks.matching import Pattern

_RUN = Pattern(
    r"(?:^|[^\w+.,]|[^\d][.,])(\+?[(]?[0-9](?:[ \t().\-/]{0,3}[0-9]){6,}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?)", group=1
)
_CHUNK = re.compile(r"[+(]*[0-9][0-9().\-/]*(?: ?(?:x|ext\.? ?)[0-9]{1,6})?")
_DIGITS = re.compile(r"[^0-9]")

_CARD_PREFIX = re.compile(r"(?:3(?:0|[4-9])|4|5|6|2[2-7]|1800|2131)")
_CARD_FORM = re.compile(r"\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}")
_SSN_FORM = re.compile(r"(\d{3})-(\d{2})-(\d{4})")

_CUE = re.compile(
    r"\b(?:(?:tele)?phones?|tel|call(?: \w+)?|mobile|cell|fax|whatsapp|sms|text me|dial|reach me|desk|office"
    r"|telefon\w*|handy\w*|mobil|rufnummer|anrufen|appelez|portable|movil|móvil|teléfono|téléphone|llámame)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:order|ticket|invoice|case|ref|reference|account|customer|item|article|id|tracking|bestell\w*|auftrag\w*|kunden\w*"
    r"|rechnung\w*|commande|facture|pedido|factura)\b",
    re.IGNORECASE,
)
"""A word that makes the number after it something else, wherever a telephone was mentioned before."""
_CUE_REACH = 32
"""How many characters before a number a word may stand that makes it a telephone's."""
_NORTH_AMERICAN = re.compile(r"(?:1[-. ])?(?:[2-9]\d{2}[-. ]{1,2}|\([2-9]\d{2}\)[-. ]{0,2})\d{3}[-. ]\d{4}")
_EXTENSION = re.compile(r" ?(?:x|ext\.? ?)[0-9]{1,6}$")
_TOLL_FREE = re.compile(r"(?:\+?1[-. ]?)?\(?8(?:00|33|44|55|66|77|88)\)?[-. ]")
_DATE = re.compile(r"(?:19|20)\d{2}[-./]\d{1,2}[-./]\d{1,2}\b|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d{2}\b")
_REGIONS = ("GB", "DE", "FR", "IT", "AT", "CH", "NL", "ES", "AU", "SE")

_LOOKED_UP = 200
"""So many numbers of one text are looked up in the numbering plans; after that each that would be counts as a telephone's."""
_TRIED = 15_000
"""So many pieces of digits are tried at all: several thousand numbers in a row are no text any more."""
_LONGEST = 19
_LONGEST_RUN = 10_000
"""Characters of digits and separators without anything else between them."""


class TooManyNumbers(Exception):
    """A text holds more numbers than can be looked at."""


class Numbers:
    """The numbers of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._look_ups = _LOOKED_UP
        self._tries = _TRIED

    def found(self) -> Iterator[tuple[str, int, int]]:
        """`(kind, start, end)` of cards, social security numbers and telephones, in order. Raises `TooManyNumbers`."""
        for start, end in _RUN.spans(self._text):
            if end - start > _LONGEST_RUN:
                raise TooManyNumbers
            yield from self._within(start, end)

    def _within(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """Numbers that follow each other run together: the longest piece that is something is taken, from the left."""
        chunks = [match.span() for match in _CHUNK.finditer(self._text, start, end)]
        if end < len(self._text) and self._text[end].isalnum():
            chunks.pop()  # the last one is the beginning of a word
        digits = [sum(map(str.isdigit, self._text[first:last])) for first, last in chunks]
        first = 0
        while first < len(chunks):
            last, total = first, digits[first]
            while last + 1 < len(chunks) and total + digits[last + 1] <= _LONGEST:
                last += 1
                total += digits[last]
            while last >= first:
                piece = chunks[first][0], chunks[last][1]
                if (kind := self._kind(*piece)) is not None:
                    yield kind, *piece
                    first = last
                    break
                last -= 1
            first += 1

    def _kind(self, start: int, end: int) -> str | None:
        self._tries -= 1
        if self._tries < 0:
            raise TooManyNumbers
        written = _EXTENSION.sub("", self._text[start:end])
        digits = _DIGITS.sub("", written)
        if not 7 <= len(digits) <= _LONGEST:
            return None
        if len(digits) >= 12 and _is_card(written, digits):
            return "CARD"
        if (match := _SSN_FORM.fullmatch(written)) and _is_ssn(*match.groups()):
            return "SSN"
        if len(digits) <= 15 and not _DATE.match(written) and not _TOLL_FREE.match(written):
            return "PHONE" if self._is_phone(written, digits, start) else None
        return None

    def _is_phone(self, written: str, digits: str, start: int) -> bool:
        if self._announced(start) or _NORTH_AMERICAN.fullmatch(written):
            return True
        international = written.startswith("+") or (digits.startswith("00") and len(digits) >= 11)
        national = 9 <= len(digits) <= 12 and written.startswith(("0", "(0"))
        if not international and not national:
            return False
        self._look_ups -= 1
        if self._look_ups < 0:
            return True
        if international:
            return _possible("+" + digits.removeprefix("00"))
        return any(_valid(digits, region) for region in _REGIONS)

    def _announced(self, start: int) -> bool:
        before = self._text[max(0, start - _CUE_REACH) : start]
        cue = _CUE.search(before)
        return cue is not None and _OTHER.search(before, cue.start()) is None


def _is_card(written: str, digits: str) -> bool:
    return bool(_CARD_FORM.fullmatch(written) and _CARD_PREFIX.match(digits)) and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the check digit at the end of `digits` is right."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_ssn(area: str, group: str, serial: str) -> bool:
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def _possible(international: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(international, None))
    except phonenumbers.NumberParseException:
        return False


def _valid(digits: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
