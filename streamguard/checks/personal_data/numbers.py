"""Runs of digits: which of them are cards, social security numbers, national ids or telephones."""

import re
from collections.abc import Iterator

from streamguard.checks.personal_data.cards import is_card
from streamguard.checks.personal_data.cue_words import ANY_ID, CARD, MONEY, OTHER, PHONE, SSN
from streamguard.checks.personal_data.cues import cue_before, labelled_after
from streamguard.checks.personal_data.limits import TooMany
from streamguard.checks.personal_data.national_ids import FORMS, fits
from streamguard.checks.personal_data.phones import is_international, is_national, is_service, without_extension

_SPACES, _DASHES = r"\u00a0\u2000-\u200a\u202f", r"\u2010-\u2014\u2212"
SEPARATORS = rf" \t().\-/{_SPACES}{_DASHES}"
# The standard library's own engine on the whole text: one class repeated, so every character is read at most seven times over.
_RUN = re.compile(rf"[0-9][0-9{SEPARATORS}]{{6,}}")
_PART = re.compile(rf"[0-9](?:[{SEPARATORS}]{{0,3}}[0-9])*")
_CHUNK = re.compile(rf"[+(]{{0,2}}[0-9](?:[0-9().\-/{_DASHES}]*[0-9])?\)?")
_EXTENSION = re.compile(r"(?i) ?(?:x|(?:ext|extension|durchwahl|poste)\.? ?)[0-9]{1,6}(?![0-9])")
_SSN_FORM = re.compile(r"(\d{3})([-. ]?)(\d{2})\2(\d{4})")
_DATE = re.compile(r"(?:19|20)\d{2}[-./ ]\d{1,2}[-./ ]\d{1,2}\b|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d{2}\b")
_STREET_AFTER = re.compile(
    r"[ \t](?:[A-ZÀ-Þ][\w'’.-]*[ \t]){1,4}(?:St|Street|Rd|Road|Ave|Avenue|Blvd|Lane|Ln|Drive|Dr|Way|Court|Ct|Place|Pl"
    r"|Apt|Suite)\b"
)
_STREET_REACH = 64

_ONE_DATE = re.compile(r"(?:(?:19|20)\d\d([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:19|20)\d\d)(?: \d\d?)?\D*")
"""A date, perhaps with an hour before the colon that ends the run: logs are full of them."""

_DROPPED = str.maketrans("", "", " +\t().-/")
_TYPED = str.maketrans(
    {**dict.fromkeys("\t\u00a0\u202f", " "), **{chr(code): " " for code in range(0x2000, 0x200B)}}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
"""What a typesetter puts for a space or a hyphen, as it is typed."""
_OPENING = ("+", "(")
_FEWEST_DIGITS = 7
_TRIED = 8_000
"""So many pieces of digits are tried at all: several thousand numbers in a row are no text any more."""
_MOST_DIGITS = 19
_LONGEST_RUN = 10_000
"""Characters of digits and separators without anything else between them."""

LONGEST = 96
"""Characters of the longest number: nineteen digits with up to three separators between them, brackets, an extension."""
LOOKAHEAD = LONGEST + _STREET_REACH
"""How many characters after a number have a say in it."""


class TooManyNumbers(TooMany):
    """A text holds more numbers than can be looked at."""


class Numbers:
    """The numbers of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tries = _TRIED

    def found(self) -> Iterator[tuple[str, int, int]]:
        """`(kind, start, end)` of cards, social security numbers, ids and telephones, in order. Raises `TooManyNumbers`."""
        for run in _RUN.finditer(self._text):
            if run.end() - run.start() > _LONGEST_RUN:
                raise TooManyNumbers
            if _ONE_DATE.fullmatch(run.group()):
                continue
            self._try()
            for part in _PART.finditer(self._text, *run.span()):
                if part.end() - part.start() >= _FEWEST_DIGITS:
                    yield from self._within(*part.span())

    def _within(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """Numbers that follow each other run together: the longest piece that is something is taken, from the left."""
        text = self._text
        for _ in range(2):
            start -= text[start - 1 : start] in _OPENING
        if _joined_before(text, start):
            return
        chunks = [match.span() for match in _CHUNK.finditer(text, start, end)]
        if match := _EXTENSION.match(text, end):
            chunks[-1] = chunks[-1][0], match.end()
        elif _is_letter(text[end : end + 1]):
            chunks.pop()  # the last one is the beginning of a word
        digits = [
            len(without_extension(text[first:last]).translate(_TYPED).translate(_DROPPED)) for first, last in chunks
        ]
        first = 0
        while first < len(chunks):
            last, total = first, digits[first]
            while last + 1 < len(chunks) and total + digits[last + 1] <= _MOST_DIGITS:
                last += 1
                total += digits[last]
            # What the words before say is asked once for all pieces that begin here, and only if one may be long enough.
            cue = cue_before(self._text, chunks[first][0]) if total >= _FEWEST_DIGITS else None
            while last >= first and total >= _FEWEST_DIGITS:
                piece = chunks[first][0], chunks[last][1]
                if (kind := self._kind(*piece, cue)) is not None:
                    yield kind, *piece
                    first = last
                    break
                total -= digits[last]
                last -= 1
            first += 1

    def _kind(self, start: int, end: int, cue: str | None) -> str | None:
        self._try()
        typed = self._text[start:end].translate(_TYPED)
        written = without_extension(typed)
        digits = written.translate(_DROPPED)
        if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
            return None
        if len(digits) >= 12 and is_card(written, digits, announced=cue == CARD, otherwise=cue == OTHER):
            return "CARD"
        if len(digits) == 9 and _is_ssn(written, announced=cue == SSN):
            return "SSN"
        if cue is not None and (cue == ANY_ID or cue in FORMS) and not written.startswith("+"):
            return "NATIONAL_ID" if fits(digits, cue) is not None else None
        if len(digits) > 15 or _DATE.match(written) or (is_service(written) and written == typed):
            return None
        return "PHONE" if self._is_phone(written, digits, start, end, cue) else None

    def _try(self) -> None:
        self._tries -= 1
        if self._tries < 0:
            raise TooManyNumbers

    def _is_phone(self, written: str, digits: str, start: int, end: int, cue: str | None) -> bool:
        # A word that calls it something else is believed, unless it begins with the sign that only telephones have.
        if cue in (OTHER, MONEY, CARD, SSN) and not written.startswith(("+", "(+")):
            return False
        if is_international(written, digits):
            return True
        if cue == PHONE or labelled_after(self._text, end):
            return _STREET_AFTER.match(self._text, end, end + _STREET_REACH) is None
        return is_national(written, digits)


def _joined_before(text: str, start: int) -> bool:
    """Whether the digits at `start` are the rest of a word, or of a number with a point or comma in it."""
    before = text[start - 1 : start]
    if before and before in ".,":
        return text[start - 2 : start - 1].isdigit()
    return before in ("_", "+") or _is_letter(before) or before.isdigit()


def _is_letter(character: str) -> bool:
    """Of a script that puts gaps between words: in the others a number stands directly beside a word."""
    return character.isalpha() and character.lower() != character.upper()


def _is_ssn(written: str, *, announced: bool) -> bool:
    """A social security number, or the number that the tax office gives those without one (ITIN: 9xx, certain groups)."""
    match = _SSN_FORM.fullmatch(written)
    if match is None or (match[2] != "-" and not announced):
        return False
    area, group, serial = match[1], match[3], match[4]
    if area[0] == "9":
        return 50 <= int(group) <= 65 or 70 <= int(group) <= 88 or int(group) in (90, 91, 92, 94, 95, 96, 97, 98, 99)
    return area not in ("000", "666") and group != "00" and serial != "0000"
