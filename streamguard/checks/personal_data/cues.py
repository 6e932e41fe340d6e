"""What the words before a number say that it is: "my phone is", "order no.", "BSN:".

The nearest word that says anything decides. Words are looked up, not matched by patterns: a few dictionary look-ups for each
number, whatever stands around it.
"""

import re

from streamguard.checks.personal_data.cue_words import (
    BY_PREPOSITION,
    CARD,
    IDS,
    LABELS,
    MONEY,
    MONEY_WORDS,
    NUMBER,
    OTHER,
    OWNERS,
    PAIRS,
    PHONE,
    PREPOSITIONS,
    SMALL,
    STRONG,
    THINGS,
    WEAK,
)

REACH = 56
"""How many characters before a number are looked at."""


_GLUED = {
    "电话": PHONE,
    "電話": PHONE,
    "手机": PHONE,
    "携帯": PHONE,
    "전화": PHONE,
    "身份证": "cn_resident",
    "個人番号": "jp_my_number",
}
"""Words of scripts that are written without gaps: looked for inside of what counts as one word."""

_TOKEN = re.compile(r"[^\W_]+")
_PLAIN_END = re.compile(r"[\s:.#(\[=\-–*_]*")
_COLON = re.compile(r"[^\w\n]{0,3}[:#=][^\w]{0,4}|\.? ?\n[^\w]{0,2}")
_AFTER = re.compile(
    r"(?i)[ \t]?[-–,/(\[\\]{0,2}[ \t]?"
    r"(?:office|fax|mobile|cell|cellphone|home|work|desk|landline|direct|phone|tel|handy|mobil|büro|privat|portable|bureau|fixe"
    r"|móvil|movil|oficina|casa|cellulare|ufficio|mobiel|thuis|werk)\b(?![ \t]+[^\W\d_])"
    r"|[ \t](?:is|was)[ \t](?:still[ \t])?(?:my|the|his|her|our|your)[ \t](?:new[ \t]|old[ \t]|correct[ \t])?"
    r"(?:phone|mobile|cell|fax|telephone|contact|number|landline)\b"
)
AFTER_REACH = 40
"""How many characters after a number say what it is: `416 60 039 office`, `4166003 is still my number`."""


_ANNOUNCING = frozenset({*STRONG, *IDS})


def cue_before(text: str, start: int) -> str | None:
    """What the words before `start` announce, None when they say nothing."""
    first = max(0, start - REACH)
    window = text[first:start]
    tokens = list(_TOKEN.finditer(window))
    if first and tokens and tokens[0].start() == 0:
        del tokens[0]  # perhaps the end of a longer word
    counted = adjacent = True
    for place in range(len(tokens) - 1, -1, -1):
        match = tokens[place]
        word = match.group().casefold()
        # Our own placeholders speak of what they replaced.
        if word[0].isdigit() or window[match.end() : match.end() + 1] == "_":
            counted = False  # another number: a word before it may have been about that one
            adjacent = adjacent and len(word) <= 2
            continue
        before = tokens[place - 1].group().casefold() if place else ""
        says = PAIRS.get((before, word)) or STRONG.get(word) or IDS.get(word)
        if says is None and not word.isascii():
            says = next((meaning for part, meaning in _GLUED.items() if part in word), None)
        if says is not None and (counted or says in (PHONE, CARD)):
            return says
        last = place == len(tokens) - 1
        if last and word in LABELS and before not in _ANNOUNCING and _COLON.fullmatch(window, match.end()):
            return PHONE if before not in THINGS else OTHER
        if word in THINGS or (word not in SMALL and _is_compound(word)):
            if counted:
                return OTHER
            adjacent = False
        if word in MONEY_WORDS and counted:
            return MONEY
        if adjacent and (_calls(word, tokens[place + 1 :]) or (word in NUMBER and before in OWNERS)):
            return PHONE
        adjacent = adjacent and word in SMALL
    return None


def _calls(word: str, after: list[re.Match[str]]) -> bool:
    """Whether `word` speaks of calling; one of writing or answering only with a word like "to" or "at" after it."""
    if word not in WEAK:
        return False
    return word not in BY_PREPOSITION or any(match.group().casefold() in PREPOSITIONS for match in after)


def _is_compound(word: str) -> bool:
    """German and its relatives write `Vorgangsnummer` in one word: what is numbered there is no telephone."""
    return len(word) > 8 and word.endswith(("nummer", "nummern", "number"))


def labelled_after(text: str, end: int) -> bool:
    """Whether the word after `end` says that the number before it is a telephone's."""
    return _AFTER.match(text, end, end + AFTER_REACH) is not None
