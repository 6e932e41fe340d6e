"""The words of a text and its runs of six words: what prompt leaks and loops are measured by.

Both checks read the same answer, so the last few texts are remembered.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

SHINGLE = 6
"""Words in a run: long enough that two texts share one only by quoting, short enough to survive a changed word."""

# An underscore is a gap: "_never_ _tell_" says what "never tell" says.
_WORD = re.compile(r"[^\W_]+")
# In scripts without spaces a whole sentence is one run of letters: there each character counts as a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_WORD_OR_CHARACTER = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


_PLAIN = {
    code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)
}  # what `_WORD` does, several times faster, for ASCII


_FEW_SIGNS = 32


def _splitter(text: str) -> re.Pattern[str]:
    return _WORD_OR_CHARACTER if _HAS_UNSPACED.search(text) else _WORD


def _lowered(text: str) -> str:
    """`text` in lower case with its length: a few capitals (`İ`) would become two characters, and stay."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


@lru_cache(maxsize=4)
def words_of(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation."""
    if text.isascii():
        return tuple(text.translate(_PLAIN).split())
    if (splitter := _splitter(text)) is not _WORD:
        return tuple(splitter.findall(_lowered(text)))
    # Twice as fast as the expression, where there are few different signs, as is the rule.
    plain = _lowered(text)
    signs = [character for character in set(plain) if not character.isalnum()]
    if len(signs) > _FEW_SIGNS:
        return tuple(_WORD.findall(plain))
    for sign in signs:
        plain = plain.replace(sign, " ")
    return tuple(plain.split())


@lru_cache(maxsize=4)
def shingles_of(text: str) -> tuple[int, ...]:
    """A hash of every run of `SHINGLE` words, in order; empty for fewer words. Hashes hold for this process only."""
    return hashed(words_of(text), SHINGLE)


def hashed(words: Sequence[str], length: int) -> tuple[int, ...]:
    """A hash of every run of `length` words, in order."""
    return tuple(map(hash, zip(*(words[start:] for start in range(length)), strict=False)))


def word_places(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of `words_of` stand, in characters of `text`."""
    return (match.span() for match in _splitter(text).finditer(_lowered(text)))


def last_places(text: str, many: int) -> list[tuple[int, int]]:
    """The last of `word_places`: at least `many`, or all of them. Its work is linear in what they take."""
    splitter = _splitter(text)
    size = 16 * (many + 2)
    while size < len(text):
        begin = len(text) - size
        # At a gap: what follows it is split the same whatever stands before.
        while begin < len(text) and not text[begin].isspace():
            begin += 1
        places = [match.span() for match in splitter.finditer(_lowered(text[begin:]))]
        if len(places) >= many:
            return [(begin + start, begin + end) for start, end in places]
        size *= 4
    return [match.span() for match in splitter.finditer(_lowered(text))]
