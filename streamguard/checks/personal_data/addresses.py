"""Street addresses, by how they are written: number and street's type, in ten languages; boxes; flats; postcode and city.

Looked for around words that give an address away, in a bounded window; streets without such a word are not found.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from streamguard.checks.personal_data.limits import TooMany
from streamguard.checks.text.matching import Pattern

_TYPES = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|square|sq|terrace|crescent|close"
    r"|parkway|pkwy|highway|hwy|way|place|pl|row|mews|grove|circle|cir|trail|alley|heights"
)
_BEFORE_NAME = (
    r"rue|avenue|av|boulevard|bd|chemin|allée|impasse|quai|route|cours|calle|c/|avenida|avda|paseo|plaza|carrera|camino|via"
    r"|viale|piazza|corso|vicolo|rua|travessa|largo|praça|estrada|ulica|ul|aleja|al"
)
_ENDINGS = (
    r"straße|strasse|str|gasse|allee|weg|platz|damm|ufer|straat|laan|plein|gracht|kade|gatan|vägen|gränd|vej|gade|veien|katu"
    r"|tie|kuja"
)
_UNITS = r"apt|apartment|suite|ste|unit|flat|whg|piso|appt|box"
_OTHERS = r"utca|tér|PSC|CMR|APO|FPO|DPO|Postfach|box|unit"
_ANCHOR = Pattern(rf"(?i)\b(?:{_TYPES}|{_BEFORE_NAME}|{_UNITS}|{_OTHERS})\b|(?:{_ENDINGS})\b")
_LEFT, _RIGHT = 56, 96
LONGEST = _LEFT + _RIGHT
"""Characters of the longest one found; a longer one is found in part."""
_MOST_ANCHORS = 6_000
"""So many of the words with digits beside them are looked at, each in some 10 µs; a text with more is refused."""

# All of these meet bounded pieces; no two repetitions stand side by side that could share characters.
_WORD = r"[^\W\d_][\w'’.-]*"
_WORDS = rf"{_WORD}(?: {_WORD}){{0,3}}"
_HOUSE = r"\d{1,5}(?: ?[A-Za-z])?(?:[-/]\d{1,4}[A-Za-z]?)?(?![\w-])"
_UNIT = rf"(?:,?[ \n]{{1,2}}(?i:{_UNITS}|no|nr|n[º°]|#|floor)\.? ?#?[\w-]{{1,6}}\b)?"
_CITY = (
    rf"(?:[, \n>]{{1,4}}(?:(?:[A-Z]{{1,2}}-)?\d{{4,6}} {_WORD}(?: {_WORD})?|{_WORDS}, ?[A-Z]{{2}},? \d{{5}}(?:-\d{{4}})?"
    rf"|{_WORD}(?: {_WORD})?,? [A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}))?"
)
_TAIL = re.compile(_UNIT + _CITY)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.casefold().split("|"))


@dataclass(frozen=True, slots=True)
class _Form:
    """An address around one of `words`: what must stand before it (up to it) and after it."""

    words: frozenset[str]
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None


_FORMS = (
    # 12 Main Street
    _Form(_set(_TYPES), re.compile(rf"(?<![\w.-]){_HOUSE},? (?:(?:of |the )?[A-Z0-9][\w'’.-]* ){{1,4}}\Z"), None),
    # 12 rue de la Paix
    _Form(
        _set("rue|avenue|av|boulevard|bd|chemin|allée|impasse|quai|route|cours"),
        re.compile(rf"(?<![\w.-]){_HOUSE}(?: bis| ter)?,? \Z"),
        re.compile(rf"\.? {_WORDS}"),
    ),
    # Calle Mayor 5; Via Roma, 12
    _Form(_set(_BEFORE_NAME), None, re.compile(rf"\.? ?{_WORDS},? ?(?:n[º°]?\.? ?)?{_HOUSE}")),
    # Hauptstraße 5; Koskikatu 25; Kossuth utca 3
    _Form(
        _set(_ENDINGS) | _set("utca|tér|platz|weg|allee|straße"),
        re.compile(r"(?:(?<![\w.-])\d{1,6} )?(?:[A-ZÀ-Þ][\w'’.-]* ){0,2}[\w'’-]{0,30}\Z"),
        re.compile(rf"\.? {_HOUSE}"),
    ),
    # 6750 Koskikatu 25 Apt. 864
    _Form(
        _set(_UNITS) - {"box"},
        re.compile(r"(?<![\w.-])\d{1,6} (?:[\w'’.-]{1,24} ){1,5}\Z"),
        re.compile(r"\.? ?#?\d{1,5}\b"),
    ),
    # Boxes: PSC 3294, Box 9168; APO AA 61487; P.O. Box 12
    _Form(
        _set(_OTHERS),
        None,
        re.compile(
            r"(?:(?<=unit)|(?<=PSC)|(?<=CMR)) \d{2,5},? box \d{2,5}\b|(?<=[afd]po) (?:aa|ae|ap) \d{5}\b|(?<=fach) [\d ]{2,8}\b",
            re.IGNORECASE,
        ),
    ),
    _Form(_set("box"), re.compile(r"\bp\.? ?o\.? ?\Z", re.IGNORECASE), re.compile(r" \d{1,7}\b")),
)
_AMBIGUOUS = _set("via|al|largo|corso|camino|plaza|carrera|piso")
"""Ordinary words too: they mean a street when they begin with a capital."""
_DIGIT = re.compile(r"\d")


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where street addresses stand. Raises `TooMany`."""
    reached = looked_at = 0
    for start, end in _ANCHOR.spans(text):
        first, last = max(reached, start - _LEFT), min(len(text), end + _RIGHT)
        if end <= reached or _DIGIT.search(text, first, last) is None:
            continue
        looked_at += 1
        if looked_at > _MOST_ANCHORS:
            raise TooMany
        word = text[start:end].casefold()
        if word in _AMBIGUOUS and text[start].islower():
            continue
        spans = [
            span for form in _FORMS if word in form.words and (span := _around(text, form, (first, start, end, last)))
        ]
        if spans:
            first, end = min(span[0] for span in spans), max(span[1] for span in spans)
            tail = _TAIL.match(text, end, max(end, last))
            reached = tail.end() if tail else end
            yield first, reached


def _around(text: str, form: _Form, places: tuple[int, int, int, int]) -> tuple[int, int] | None:
    first, start, end, last = places
    if form.before is not None:
        before = form.before.search(text, first, start)
        if before is None:
            return None
        start = before.start()
    if form.after is not None:
        after = form.after.match(text, end, last)
        if after is None:
            return None
        end = after.end()
    return start, end
