"""Texts hidden in characters that nobody sees, read out again.

Three ways are known in the wild: tag characters (each is an ASCII character moved to U+E0000), variation selectors (256 of them:
one a byte), and zero-width characters as the two digits of binary numbers.
"""

from collections import Counter

_TAGS = 0xE0000
_FEW = 4
"""Shorter texts say nothing: a stray selector is no message."""
_MOST = 8_192
"""Characters of a hidden text that are read; what follows is taken out all the same."""
_SELECTORS = {0xFE00 + place: place for place in range(16)} | {0xE0100 + place: 16 + place for place in range(240)}
_ZERO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff")
_BITS = 8
_ASCII_BITS = 7


def hidden_texts(unseen: str) -> tuple[str, ...]:
    """What `unseen`, the invisible characters of a text in their order, says; empty when it says nothing."""
    found = (_from_tags(unseen), _from_selectors(unseen), *_from_bits(unseen))
    return tuple(text for text in found if len(text) >= _FEW)


def _from_tags(unseen: str) -> str:
    codes = (ord(character) - _TAGS for character in unseen)
    return "".join(chr(code) for code in codes if 0x20 <= code < 0x7F)[:_MOST]


def _from_selectors(unseen: str) -> str:
    octets = bytes(_SELECTORS[ord(character)] for character in unseen[: _MOST * 4] if ord(character) in _SELECTORS)
    text = octets.decode("utf-8", "replace")[:_MOST]
    readable = sum(character.isprintable() and character != "\ufffd" for character in text)
    return text if readable > 0.9 * len(text) else ""


def _from_bits(unseen: str) -> list[str]:
    """Readings of the two most frequent zero-width characters as 0 and 1; others separate. Nobody says which is which."""
    marks = [character for character in unseen[: _MOST * _BITS] if character in _ZERO_WIDTH]
    pair = [character for character, _ in Counter(marks).most_common(2)]
    if len(pair) < 2 or len(marks) < _FEW * _ASCII_BITS:
        return []
    readings: list[str] = []
    for one in pair:
        digits = "".join("1" if mark == one else "0" for mark in marks if mark in pair)
        for width in (_BITS, _ASCII_BITS):
            codes = [int(digits[at : at + width], 2) for at in range(0, len(digits) - width + 1, width)]
            if all(0x20 <= code < 0x7F or code in (0x09, 0x0A, 0x0D) for code in codes):
                readings.append("".join(map(chr, codes)))
    return readings
