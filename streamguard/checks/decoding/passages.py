"""A passage of a text that says something else when it is decoded, and whether what it says can be read."""

import re
from dataclasses import dataclass

from streamguard.checks.decoding.vocabulary import KNOWN, ORDERS

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SAMPLE = 2_000
"""Characters that are judged; what follows is taken to be of the same kind."""
_PRINTABLE = 0.97
_LETTERS = 0.7
_LATIN = 0x250
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


class TooMuch(Exception):
    """A text holds more that could be encoded than is looked at."""


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is what characters `start` to `end` (excluded) say when decoded by `kind`.

    `disguised`: it reads as words, and plain words have no reason to be written so. The others (an id, an address in a link)
    are worth a look by the other checks but no remark by themselves.
    """

    kind: str
    start: int
    end: int
    text: str
    disguised: bool = True


def words_of(text: str) -> list[str]:
    """The words of the first characters of `text`, in lower case."""
    return _WORD.findall(text[:_SAMPLE].lower())


def printable(text: str) -> bool:
    """Whether nearly all of `text` is there to be read (letters, digits, signs, white space)."""
    sample = text[:_SAMPLE]
    return len(_UNSEEN.findall(sample)) <= (1 - _PRINTABLE) * len(sample)


def reads(text: str, *, certain: bool = False) -> bool:
    """Whether `text` reads as language: frequent words of English or German, or letters of another script.

    `certain`: its coding hardly yields printable text by chance (base64, hex), so that spaced words of any language will do.
    """
    words = words_of(text)
    if not words:
        return False
    known = sum(word in KNOWN for word in words)
    letters = sum(map(len, words))
    seen = sum(not character.isspace() for character in text[:_SAMPLE])
    if known >= 3 and known >= 0.25 * len(words):
        return letters >= 0.5 * seen
    if known >= 2 and known >= 0.5 * len(words):
        return letters >= _LETTERS * seen
    if len(words) == 1 and (words[0] in ORDERS or (certain and known)):
        return letters >= _LETTERS * seen
    if letters < _LETTERS * seen:
        return False
    foreign = sum(ord(character) >= _LATIN for word in words for character in word)
    if foreign >= 6 and foreign >= 0.8 * letters:
        return certain
    parted = len(text[:_SAMPLE].split())
    return certain and len(words) >= 3 and parted > len(words) / 2 and 2 <= letters / len(words) <= 12
