"""Hashed n-grams: the features of the classifier, for all sentences of a text in one pass.

Features are the 3- to 5-grams of characters and the single words and pairs of words of a folded text, each hashed to one of
262,144 places (feature hashing, Weinberger et al. 2009). All of it is array arithmetic: no loop over characters.
"""

from collections.abc import Iterator, Sequence

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
_ASCII_LETTER = bytes(chr(code).isalnum() or chr(code) == "_" for code in range(128)) + bytes(128)

BITS = 18
"""Of a place: 262,144 of them."""
_FEW, _HALF = 3_000, np.uint32(16)
_PLACE, _OWNER = np.uint32((1 << BITS) - 1), np.uint32(BITS)
_BLOCK = 3_072
"""Characters of the texts that are taken together, unless a single one has more. Far fewer texts than 2**14."""

_GRAM_SALTS = tuple(np.uint32(order * 0x1234567) for order in _ORDERS)
_WORD_SALT, _PAIR_SALT = np.uint32(0xABCDEF1), np.uint32(0xBCDEF12)
_OPENINGS = (np.uint32(0xCDEF123), np.uint32(0x3DEF123))
"""Two, so that an opening weighs twice."""
_OTHER_SALTS = (_PAIR_SALT, *_OPENINGS, *(~salt for salt in _OPENINGS))
_MIX, _MIX_AGAIN, _FOLD, _SPARE = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(15), np.uint32(32 - BITS)


def codes_of(text: str) -> Codes:
    """The code points of `text`, half surrogates too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32, copy=False)


def features(segments: Sequence[str]) -> tuple[Places, Places]:
    """The places of the features of several folded texts, and the number of the text that each belongs to, in order.

    A feature counts once in each of the texts however often it is repeated there, and none reaches from one into the next.
    Places are of `BITS` bits; the upper ones of them are places of a smaller table.
    """
    found: list[Places] = []
    owners: list[Places] = []
    for first, last in _blocks(segments):
        keys = _keys(segments[first:last])
        found.append((keys & _PLACE).view(np.int32))
        keys >>= _OWNER
        owners.append(keys.view(np.int32))
        if first:
            owners[-1] += np.int32(first)
    return (found[0], owners[0]) if len(found) == 1 else (np.concatenate(found), np.concatenate(owners))


def _blocks(segments: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Texts that are taken together: arrays of a few thousand numbers stay in the processor's cache, and sorting is linear."""
    first = size = 0
    for place, segment in enumerate(segments):
        if place > first and size + len(segment) + 2 > _BLOCK:
            yield first, place
            first, size = place, 0
        size += len(segment) + 2
    yield first, len(segments)


def _keys(segments: Sequence[str]) -> Codes:
    """Each feature of each text once, in order: the number of the text in the upper bits, the place in the lower ones.

    Short texts are as frequent as long ones, and there a call of numpy costs more than what it computes: hence few calls, one
    for the features of all kinds where that can be.
    """
    joined = f" {'  '.join(segments)} "
    codes = codes_of(joined)
    letter = _letters(joined, codes)
    grams = _grams(codes)
    starts, single, pairs = _words(codes, letter)
    hashed, salts = [*grams, single], [*_GRAM_SALTS, _WORD_SALT]
    if len(segments) == 1:
        hashed += pairs, single[:1], single[:1], pairs[:1], pairs[:1]
        keys = _spread(hashed, [*salts, *_OTHER_SALTS])
    else:
        lengths = [len(segment) + 2 for segment in segments]
        owner = np.repeat(np.arange(len(segments), dtype=np.uint32) << _OWNER, lengths)
        of_word = owner[starts]
        same = of_word[1:] == of_word[:-1]
        inside = np.flatnonzero(same)
        # How a sentence opens tells an order from a remark.
        opens = np.ones(len(starts), np.bool_)
        np.logical_not(same, out=opens[1:])
        opening = np.flatnonzero(opens)
        opened = np.flatnonzero(opens[:-1] & same)
        opening_word, opening_pair = single[opening], pairs[opened]
        hashed += pairs[inside], opening_word, opening_word, opening_pair, opening_pair
        keys = _spread(hashed, [*salts, *_OTHER_SALTS])
        of_opening, of_opened = of_word[opening], of_word[opened]
        kept = np.ones(len(keys), np.bool_)
        owners: list[Codes] = []
        place = 0
        for order, gram in zip(_ORDERS, grams, strict=True):
            first = owner[: len(gram)]
            np.equal(first, owner[order - 1 :], out=kept[place : place + len(gram)])
            owners.append(first)
            place += len(gram)
        keys |= np.concatenate((*owners, of_word, of_word[inside], of_opening, of_opening, of_opened, of_opened))
        keys = keys[kept]
    keys = _sorted(keys)
    fresh = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    return keys[fresh]


def _sorted(keys: Codes) -> Codes:
    """By their lower halves, then by the upper ones: halves are sorted by counting, in linear time."""
    if len(keys) < _FEW:
        return np.sort(keys)
    keys = keys.take(keys.astype(np.uint16).argsort(kind="stable"))
    return keys.take((keys >> _HALF).astype(np.uint16).argsort(kind="stable"))


def _grams(codes: Codes) -> list[Codes]:
    """For each order the hashes of the grams that start at each character: a rolling polynomial."""
    hashed, result = codes, list[Codes]()
    scattered = codes * _CODE
    for order in range(2, max(_ORDERS) + 1):
        hashed = hashed[:-1] * _STEP
        hashed += scattered[order - 1 :]
        if order in _ORDERS:
            result.append(hashed)
    return result


def _letters(text: str, codes: Codes) -> NDArray[np.bool_]:
    """Which characters are parts of words."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii").translate(_ASCII_LETTER), np.bool_)
    return _LETTER[np.minimum(codes, np.uint32(_BEYOND))]


def _words(codes: Codes, letter: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Codes, Codes]:
    """Where words start, their hashes, and those of each word with its next."""
    starts = np.flatnonzero(letter[1:] > letter[:-1])  # the first character is always a space
    starts += 1
    if not len(starts):
        return starts, codes[:0], codes[:0]
    lengths = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1] = len(codes) - starts[-1]
    first = int(starts[0])
    within = np.arange(first, len(codes))
    within -= np.repeat(starts, lengths)
    values = _POWERS.take(within, mode="wrap")
    values *= codes[first:]
    values *= letter[first:]
    words = np.add.reduceat(values, starts - first, dtype=np.uint32)
    pairs = words[:-1] * _STEP
    pairs += words[1:] * _NEXT_WORD
    return starts, words, pairs


def _spread(hashed: Sequence[Codes], salts: Sequence[np.uint32]) -> Codes:
    """Every bit of the hashes into `BITS` bits, each kind with its salt (the finishing steps of MurmurHash3)."""
    mixed = np.empty(sum(map(len, hashed)), np.uint32)
    place = 0
    for some, salt in zip(hashed, salts, strict=True):
        np.bitwise_xor(some, salt, out=mixed[place : place + len(some)])
        place += len(some)
    mixed *= _MIX
    mixed ^= mixed >> _FOLD
    mixed *= _MIX_AGAIN
    mixed >>= _SPARE
    return mixed
