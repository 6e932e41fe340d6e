"""Street addresses, by how they are written: number and street's type, in ten languages; boxes; flats; postcode and city.

Looked for around words that give an address away, in a bounded window; streets without such a word are not found.
"""

import re
from collections.abc import Iterator
from itertools import islice

from streamguard.checks.matching import Pattern

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
_ANCHOR = Pattern(
    rf"(?i)\b(?:{_TYPES}|{_BEFORE_NAME}|{_UNITS}|APO|FPO|DPO|PSC|Postfach|utca|tér|u\.)\b|(?:{_ENDINGS})\b"
)
_LEFT, _RIGHT = 56, 72
_MOST_ANCHORS = 2_000

# Bounded pieces for the standard library's engine; no two repetitions stand side by side that could share characters.
_WORD = r"[^\W\d_][\w'’.-]*"
_WORDS = rf"{_WORD}(?: {_WORD}){{0,3}}"
_HOUSE = r"\d{1,5}(?: ?[A-Za-z])?(?:[-/]\d{1,4}[A-Za-z]?)?"
_UNIT = rf"(?:,?[ \n]{{1,2}}(?:{_UNITS}|no|nr|n[º°]|#|floor)\.? ?#?[\w-]{{1,6}})?"
_CITY = (
    rf"(?:[, \n>]{{1,4}}(?:(?:[A-Z]{{1,2}}-)?\d{{4,6}} {_WORD}(?: {_WORD})?|{_WORDS}, ?[A-Z]{{2}},? \d{{5}}(?:-\d{{4}})?"
    rf"|{_WORD}(?: {_WORD})?,? [A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}))?"
)
_FORMS = tuple(
    re.compile(rf"(?<![\w.-])(?:{form})(?![\w-]){_UNIT}{_CITY}")
    for form in (
        # 12 Main Street; 25 Dili Gianni Street
        rf"{_HOUSE},? (?:(?:of |the )?[A-Z0-9][\w'’.-]* ){{1,4}}(?i:{_TYPES})\b\.?",
        # 12 rue de la Paix; Calle Mayor 5; Via Roma, 12
        rf"{_HOUSE}(?: bis| ter)?,? (?i:rue|avenue|av|boulevard|bd|chemin|allée|impasse|quai|route|cours)\.? {_WORDS}",
        rf"(?i:{_BEFORE_NAME})\.? ?{_WORDS},? ?(?:n[º°]?\.? ?)?{_HOUSE}",
        # Hauptstraße 5; Koskikatu 25; Kossuth utca 3
        rf"(?:[A-ZÀ-Þ][\w'’.-]* )?[\w'’-]*(?i:{_ENDINGS})\.? {_HOUSE}",
        rf"(?:[A-ZÀ-Þ][\w'’.-]* ){{1,3}}(?:Straße|Str\.|Weg|Platz|Allee|utca|tér|u\.) {_HOUSE}",
        # 6750 Somewhere 25 Apt. 864
        r"\d{1,6} (?:[\w'’.-]+ ){1,5}(?i:apt|apartment|suite|ste|unit|flat)\.? ?#?\d{1,5}",
        # Boxes
        r"(?i:(?:PSC|CMR|unit) \d{2,5},? box \d{2,5}|(?:[AFD]PO) (?:AA|AE|AP) \d{5}|p\.? ?o\.? ?box \d{1,7}|Postfach [\d ]{2,8})",
    )
)

LONGEST = _LEFT + _RIGHT


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where street addresses stand."""
    reached = 0
    for start, end in islice(_ANCHOR.spans(text), _MOST_ANCHORS):
        if end <= reached:
            continue
        first = max(reached, start - _LEFT)
        last = min(len(text), end + _RIGHT)
        found = [
            match.span()
            for form in _FORMS
            for match in form.finditer(text, first, last)
            if match.start() < end and match.end() >= end
        ]
        if found:
            first, reached = min(span[0] for span in found), max(span[1] for span in found)
            yield first, reached
