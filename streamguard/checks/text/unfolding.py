"""From places in folded text back to places in the text itself."""

import re
from collections.abc import Sequence
from itertools import accumulate

from streamguard.checks.text.folding import fold

_WORD = re.compile(r"\S+")
_LONGEST = 32_768
"""Characters; folding a longer text piece by piece would cost more than its places are worth."""


def unfolded(text: str, folded: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where in `text` the pieces of `folded`, which is `fold(text)`, came from.

    Exact to the character in ASCII, to the word in other scripts. Where it cannot be told, the place is the whole text.
    """
    whole = [(0, len(text))] * len(places)
    if not places or len(text) > _LONGEST:
        return whole
    words = [match.span() for match in _WORD.finditer(text)]
    plain = [(text[start:end].lower() if text.isascii() else fold(text[start:end])) for start, end in words]
    if not words or " ".join(plain) != folded:
        return whole
    starts = [0, *accumulate(len(word) + 1 for word in plain)]
    return [_place(text, words, starts, plain, *place) for place in places]


def _place(
    text: str, words: Sequence[tuple[int, int]], starts: Sequence[int], plain: Sequence[str], start: int, end: int
) -> tuple[int, int]:
    first, last = _word_at(starts, start), _word_at(starts, max(start, end - 1))
    (begin, stop), (other_begin, other_stop) = words[first], words[last]
    exact = text.isascii() or (len(plain[first]) == stop - begin and len(plain[last]) == other_stop - other_begin)
    if not exact:
        return begin, other_stop
    return begin + start - starts[first], other_begin + min(end - starts[last], other_stop - other_begin)


def _word_at(starts: Sequence[int], place: int) -> int:
    """The word that stands at `place`."""
    low, high = 0, len(starts) - 2
    while low < high:
        middle = (low + high + 1) // 2
        if starts[middle] <= place:
            low = middle
        else:
            high = middle - 1
    return low
