"""How far a text that is still growing can be trusted: where the first datum may begin that more text could complete or change.

For filters over streams. Data end with what ends them: a gap, the word after a number, a letter after digits. So little more than
the last word is open in ordinary text, and a whole number with the words in it where one stands at the end.
"""

import re

from streamguard.checks.personal_data import addresses, names, numbers
from streamguard.checks.personal_data.accounts import open_account
from streamguard.checks.personal_data.cued import MONTHS
from streamguard.checks.personal_data.digits import plain_digits

_BY_WORDS = max(addresses.LONGEST, names.LONGEST) + 64
"""A street address or a name that ends this far before the end is what it is, whatever follows; they are followed no closer."""

# What data without gaps are made of: e-mail addresses, accounts, wallets, network addresses, ids.
# Of anything but white space and the characters from U+0530 to U+200F and from U+2014 on.
_FIRST_BEYOND, _NEXT_WITHIN, _LAST_WITHIN = "\u0530", "\u2010", "\u2013"
# Words that a datum can begin with before its first digit: "AB 12 34 56 C", "March 12, 1980".
_LEADING = re.compile(rf"(?i)(?<![^\W\d_])(?:[a-z]{{1,2}}|{MONTHS})[ .,\u00a0-]{{1,2}}\Z")
_DIGITS = re.compile(rf"[0-9](?:[{numbers.SEPARATORS}]{{0,3}}[0-9])*")
_GAP = 16
"""Characters between two numbers that can be parts of one datum: "12 septiembre de 1980", an extension."""
# What may follow a number and leave it undecided: separators, the word that says what it was, the name of a street.
_UNDECIDED = re.compile(
    rf"(?:[{numbers.SEPARATORS},\[\\]{{0,4}}[^\W\d_]*[.,]?[ \t]*"
    r"|[ \t](?:is|was)(?:[ \t]+[^\W\d_]*){0,4}[ \t]*"
    r"|[ .º]{0,2}(?:[^\W\d_]{1,2}\.? )?[^\W\d_]{0,10}\.?(?: d?e?)?,? ?"
    r"|[ \t]+(?:[A-ZÀ-Þ][\w'’.-]*[ \t]+){0,4}[A-ZÀ-Þ]?[\w'’.-]*[ \t]*)\Z"
)


def open_start(text: str, longest: int, *, by_words: bool) -> int:
    """Where the first datum may begin that more text could complete or change; no datum has more than `longest` characters.

    `by_words`: whether street addresses and names are looked for. May lie inside of a datum that is settled.
    """
    text = plain_digits(text)
    floor = max(0, len(text) - longest - numbers.LOOKAHEAD)
    start = _word_start(text, len(text), floor)
    start = min(start, _leading(text, start))
    start = min(start, _open_number(text, floor, start))
    account = open_account(text)
    if account is not None:
        start = min(start, account)
    if by_words:
        start = min(start, max(0, len(text) - _BY_WORDS))
    return max(start, floor)


def _leading(text: str, before: int) -> int:
    match = _LEADING.search(text, max(0, before - 16), before)
    return match.start() if match else before


def _open_number(text: str, floor: int, start: int) -> int:
    """Where the run of numbers begins that what follows it does not close; `start` if there is none."""
    following = None
    for match in reversed(list(_DIGITS.finditer(text, floor))):
        if match.start() < floor + 1 and floor:
            return floor
        joined = following is not None and following - match.end() <= _GAP
        if not joined and _UNDECIDED.match(text, match.end()) is None:
            return start
        following = _leading(text, _word_start(text, match.start(), floor))
        start = min(start, following)
    return start


def _word_start(text: str, position: int, floor: int) -> int:
    """Where the word, or what is written together, that ends or goes on at `position` begins."""
    while position > floor:
        character = text[position - 1]
        within = character < _FIRST_BEYOND or _NEXT_WITHIN <= character <= _LAST_WITHIN
        if not within or character.isspace():
            break
        position -= 1
    return position
