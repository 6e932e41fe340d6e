"""Data that only the words before them give away: dates of birth, passports, driver's licences.

Their own form says nothing (a date, some letters and digits), so each is looked for behind its words, in eleven languages.
"""

import re
from collections.abc import Iterator

from streamguard.checks.personal_data.limits import at_most
from streamguard.checks.text.matching import Pattern

MONTHS = (
    r"(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|f[eé]v(?:rier)?|m[aä]r(?:ch|z|s)?|mar[sz]o|apr(?:il)?|avr(?:il)?|ma[iy]|mayo|june?|juni|juin"
    r"|jul[iy]?|juillet|aug(?:ust)?|ao[uû]t|sept?(?:ember|embre)?|o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|de[cz](?:ember)?|d[eé]c(?:embre)?"
    r"|enero|ene|febrero|abril|abr|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|dic|jänner"
    r"|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|novembre|dicembre|januari|februari|maart|mei|augustus)\.?"
)
_DATE = (
    r"(?:\d{1,2}[./-] ?\d{1,2}[./-] ?(?:\d{4}|\d{2})|(?:18|19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|(?:19|20)\d{6}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?(?: of| de)? ?{MONTHS}(?: de)?,? ?(?:\d{{4}}|\d\d)"
    rf"|{MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|(?:18|19|20)\d\d年\d{{1,2}}月\d{{1,2}}日)"
)
_BIRTH = (
    r"(?:born|d\.?o\.?b\.?|date of birth|birth ?da(?:te|y)|geb(?:oren|urtsdatum|urtstag)?\.?|n[ée]e? le|date de naissance"
    r"|nacid[oa]"
    r"|fecha de nacimiento|nat[oa] il|data di nascita|nascid[oa]|data de nascimento|geboortedatum|urodzon[ya]|data urodzenia|född"
    r"|födelsedatum|født|fødselsdato|syntynyt|syntymäaika|出生日期|生年月日)"
)
_BORN = Pattern(rf"(?i)(?:{_BIRTH})")
_THEN = re.compile(rf"[^\w\n]{{0,4}}\n?(?:[^\W\d_]{{1,12}}[^\w]{{1,3}}){{0,4}}({_DATE})(?!\d)", re.IGNORECASE)
_DIGIT_NEAR = re.compile(r"\D{1,44}\d")
_BORN_REACH = 96
_PASSPORT = Pattern(
    r"(?i)\b(?:passports?|pass ?nummer|reisepass(?:nummer|nr)?|passeport|pasaporte|passaporto|passaporte|paspoort(?:nummer)?"
    r"|paszport[a-z]*)\b"
)
_PASSPORT_NUMBER = r"[A-Z]{0,3}[0-9][A-Z0-9]{5,9}"
_LICENCE = Pattern(
    r"(?i)\b(?:driv(?:er|ing)['’]?s?['’]? ?(?:licen[cs]e|permit)s?|licen[cs]e to drive|f[üu]hrerschein(?:nummer|nr)?"
    r"|permis de conduire|(?:licencia|permiso|carnet) de (?:conducir|manejo)|patente di guida|rijbewijs(?:nummer)?|prawo jazdy"
    r"|dl)\b"
)
_LICENCE_NUMBER = r"[A-Z]{0,5}[0-9][A-Z0-9]{0,18}(?:[ -][A-Z]?[0-9][A-Z0-9]{0,12}){0,5}"
_UP_TO = r"(?:[^\W\d_]|['’ \n.:#º°(,=-]){0,28}?[ \n:#=(.]"
_AFTER_PASSPORT = re.compile(rf"{_UP_TO}({_PASSPORT_NUMBER})\b", re.IGNORECASE)
_AFTER_LICENCE = re.compile(rf"{_UP_TO}({_LICENCE_NUMBER})\b", re.IGNORECASE)
_MOST_WORDS = 10_000
"""So many words for one thing with a digit near are looked behind; a text with more is refused."""

LONGEST = 48
REACH = 80
"""How far the words may stand before the datum's end."""


def birth_dates(text: str) -> Iterator[tuple[int, int]]:
    """Where dates stand behind words of birth, with at most four words between: "born in Paris on". Raises `TooMany`."""
    words = (place for place in _near_digits(text, _BORN) if not text[place[0] - 1 : place[0]].isalpha())
    for _, end in at_most(_MOST_WORDS, words):
        if match := _THEN.match(text, end, end + _BORN_REACH):
            yield match.span(1)


def passports(text: str) -> Iterator[tuple[int, int]]:
    """Where numbers of passports stand: six to thirteen letters and digits, behind a word for it. Raises `TooMany`."""
    for start, end in _behind(text, _PASSPORT, _AFTER_PASSPORT):
        if sum(map(str.isdigit, text[start:end])) >= 5:
            yield start, end


def driver_licenses(text: str) -> Iterator[tuple[int, int]]:
    """Where numbers of driver's licences stand: five to nineteen letters and digits, groups allowed, behind a word for it."""
    for start, end in _behind(text, _LICENCE, _AFTER_LICENCE):
        if 5 <= sum(map(str.isalnum, text[start:end])) <= 19 and sum(map(str.isdigit, text[start:end])) >= 4:
            yield start, end


def _behind(text: str, word: Pattern, number: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    reached = 0
    for _, end in at_most(_MOST_WORDS, _near_digits(text, word)):
        if end >= reached and (match := number.match(text, end, end + REACH)):
            reached = match.end()
            yield match.span(1)


def _near_digits(text: str, word: Pattern) -> Iterator[tuple[int, int]]:
    return (place for place in word.spans(text) if _DIGIT_NEAR.match(text, place[1]) is not None)
