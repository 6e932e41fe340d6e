"""Hashed n-grams: the features of the classifier, for all sentences of a text in one pass.

Features are the 3- to 5-grams of characters and the single words and pairs of words of a folded text, each hashed to one of
262,144 places (feature hashing, Weinberger et al. 2009). All of it is array arithmetic: no loop over characters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Places = NDArray[np.int32]

_ORDERS = (3, 4, 5)
_STEP = np.uint32(0x01000193)
_CODE = np.uint32(0x27D4EB2F)
_NEXT_WORD = np.uint32(0x85EBCA6B)
_SPACE = 32
_LONG_WORD = 32
_POWERS = np.cumprod(np.full(_LONG_WORD, _STEP, np.uint32), dtype=np.uint32)
_BEYOND = 0xAA
"""From this code point on a character counts as a letter."""
_LETTER = np.array([code < 128 and (chr(code).isalnum() or chr(code) == "_") for code in range(_BEYOND)] + [True])
_ORDER_SALT, _WORD_SALT, _PAIR_SALT = 0x1234567, 0xABCDEF1, 0xBCDEF12
_OPENING_SALTS = (0xCDEF123, 0x3DEF123)
"""Two, so that an opening weighs twice."""

BITS = 18
"""Of a place: 262,144 of them."""


def codes_of(text: str) -> Codes:
    """The code points of `text`, half surrogates too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32, copy=False)


def features(segments: Sequence[str]) -> tuple[Places, Places]:
    """The places of the features of several folded texts, and the number of the text that each belongs to, in order.

    A feature counts once in each of the texts however often it is repeated there, and none reaches from one into the next.
    Places are of `BITS` bits; the upper ones of them are places of a smaller table.
    """
    lengths = np.array([len(segment) + 2 for segment in segments], np.int64)
    codes = codes_of(" " + "  ".join(segments) + " ")
    owner = np.repeat(np.arange(len(segments), dtype=np.int32), lengths)
    found: list[Places] = []
    owners: list[NDArray[np.int32]] = []
    for order, hashed in _grams(codes):
        first, last = owner[: len(hashed)], owner[order - 1 :]
        inside = np.flatnonzero(first == last)
        found.append(_spread(hashed[inside], order * _ORDER_SALT))
        owners.append(first[inside])
    starts, single, pairs = _words(codes)
    of_word = owner[starts]
    same = of_word[1:] == of_word[:-1]
    inside = np.flatnonzero(same)
    # How a sentence opens tells an order from a remark.
    opening = np.flatnonzero(np.concatenate(([True], ~same)))[: len(of_word)]
    opened = inside[np.isin(inside, opening, assume_unique=True)]
    found += [_spread(single, _WORD_SALT), _spread(pairs[inside], _PAIR_SALT)]
    owners += [of_word, of_word[inside]]
    for salt in _OPENING_SALTS:
        found += [_spread(single[opening], salt), _spread(pairs[opened], ~salt)]
        owners += [of_word[opening], of_word[opened]]
    return _once(np.concatenate(found), np.concatenate(owners), len(segments))


def _once(places: Places, owners: Places, number: int) -> tuple[Places, Places]:
    """Each pair of place and owner once, sorted by owner."""
    small = number <= 1 << (32 - BITS)
    keys = owners.astype(np.uint32 if small else np.uint64)
    keys <<= keys.dtype.type(BITS)
    keys |= places.astype(keys.dtype)
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
    return (keys & keys.dtype.type((1 << BITS) - 1)).astype(np.int32), (keys >> keys.dtype.type(BITS)).astype(np.int32)


def _grams(codes: Codes) -> list[tuple[int, Codes]]:
    """For each order the hashes of the grams that start at each character: a rolling polynomial."""
    hashed, result = codes, list[tuple[int, Codes]]()
    scattered = codes * _CODE
    for order in range(2, max(_ORDERS) + 1):
        hashed = hashed[:-1] * _STEP + scattered[order - 1 :]
        if order in _ORDERS:
            result.append((order, hashed))
    return result


def _words(codes: Codes) -> tuple[NDArray[np.int64], Codes, Codes]:
    """Where words start, their hashes, and those of each word with its next."""
    letter = _LETTER[np.minimum(codes, np.uint32(_BEYOND))]
    starts = np.flatnonzero(letter[1:] & ~letter[:-1]) + 1  # the first character is always a space
    if not len(starts):
        return starts, np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    within = np.arange(starts[0], len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    values = codes[starts[0] :] * _POWERS[within % _LONG_WORD] * letter[starts[0] :]
    words = np.add.reduceat(values, starts - starts[0], dtype=np.uint32)
    return starts, words, words[:-1] * _STEP + words[1:] * _NEXT_WORD


def _spread(hashed: Codes, salt: int) -> Places:
    """Every bit of a hash into `BITS` bits (the finishing steps of MurmurHash3)."""
    mixed = (hashed ^ np.uint32(salt & 0xFFFFFFFF)) * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA77)
    return (mixed >> np.uint32(32 - BITS)).astype(np.int32)
