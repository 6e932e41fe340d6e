"""Ciphers of whole words: rot13 and its kin, letters from right to left, pig Latin.

One look-up tells whether a text can hold any: its words are met with those that frequent English words become. Two of them by one
cipher, or three for rotations that nobody uses, are a trace that is followed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Set
from string import ascii_lowercase as _ALPHABET

from streamguard.checks.decoding.passages import Passage, reads
from streamguard.checks.decoding.vocabulary import ENGLISH, KNOWN

_TOKEN = re.compile("[A-Za-z]+")
_SEPARATORS = bytes(code if chr(code) in _ALPHABET else 32 for code in range(256))
_NEAR = 6
"""Words between two traces of one passage."""
_BEYOND = 12
"""Words beyond the outer traces that may belong to the passage."""
_CLOSE = 4
"""Characters between two words of one passage."""
_LETTERS = 7
"""Of all different traces of a passage together: `won ton` says something backwards too."""
_SHARE = 0.4


def _rotation(by: int) -> Callable[[str], str]:
    moved = _ALPHABET[by:] + _ALPHABET[:by]
    table = str.maketrans(_ALPHABET + _ALPHABET.upper(), moved + moved.upper())
    return lambda text: text.translate(table)


def _mirrored(text: str) -> str:
    return text.translate(_MIRROR)


def _backwards(text: str) -> str:
    return text[::-1]


def _from_pig_latin(text: str) -> str:
    return _TOKEN.sub(lambda match: _from_pig_word(match.group()), text)


def _from_pig_word(word: str) -> str:
    """The word whose first consonants went to its end, before `ay`: a known one, or the likeliest."""
    low = word.lower()
    if len(low) < 4 or not low.endswith("ay"):
        return word
    body = low[:-2]
    moved = [body[cut:] + body[:cut] for cut in range(len(body) - 1, max(0, len(body) - 4), -1)]
    # Words that begin with a vowel get `way`; `yay` and `hay` are rarer than words that begin with y and h.
    bare = [body[:-1]] if body[0] in "aeiou" and body[-1] in "wyh" else []
    readings = [*bare, *moved, body] if body[-1] == "w" else [*moved, *bare, body]
    return next((reading for reading in readings if reading in KNOWN), readings[0])


def _pig_words(word: str) -> tuple[str, ...]:
    first = re.search("[aeiou]", word)
    if first is None:
        return ()
    if first.start() == 0:
        return (f"{word}way", f"{word}yay", f"{word}hay")
    return (f"{word[first.start() :]}{word[: first.start()]}ay",)


_MIRROR = str.maketrans(_ALPHABET + _ALPHABET.upper(), _ALPHABET[::-1] + _ALPHABET[::-1].upper())
_DECODERS: dict[str, Callable[[str], str]] = {
    **{f"rot{26 - by}": _rotation(by) for by in range(1, 26)},
    "atbash": _mirrored,
    "reversed": _backwards,
    "pig_latin": _from_pig_latin,
}
_COMMON = frozenset({"rot13", "rot3", "atbash", "reversed", "pig_latin"})
"""Ciphers of which two traces are enough."""


def _traces() -> dict[bytes, tuple[str, ...]]:
    """What frequent words become, by which ciphers. Words that become known ones leave no trace."""
    found: dict[str, tuple[str, ...]] = {}

    def leave(cipher: str, became: Iterable[str]) -> None:
        for word in became:
            if word not in KNOWN:
                found[word] = (*found.get(word, ()), cipher)

    words = sorted(word for word in ENGLISH if len(word) > 1)
    # One string of all: tens of thousands of words in a few milliseconds.
    every, longer = " ".join(words), " ".join(word for word in words if len(word) > 2)
    for by in range(1, 26):
        leave(f"rot{by}", _rotation(by)(every if f"rot{by}" in _COMMON else longer).split())
    leave("atbash", _mirrored(every).split())
    leave("reversed", _backwards(every).split())
    leave("pig_latin", {pig for word in words for pig in _pig_words(word)})
    return {word.encode(): ciphers for word, ciphers in found.items()}


_TRACES = _traces()
_TRACE_WORDS = frozenset(_TRACES)


def ciphers(text: str) -> Iterator[Passage]:
    """Passages in one of the ciphers. Those written backwards are given twice: word by word, and from the end."""
    words = text.encode("ascii", "replace").lower().translate(_SEPARATORS).split()
    traced = _TRACE_WORDS.intersection(words)
    if len(traced) < 2:  # one word alone is a name or a slip
        return
    present: dict[str, set[bytes]] = {}
    for word in traced:
        for cipher in _TRACES[word]:
            present.setdefault(cipher, set()).add(word)
    likely = [cipher for cipher, left in present.items() if _enough(cipher, left)]
    tokens: list[tuple[int, int]] = []
    lower: list[str] = []
    for cipher in sorted(likely, key=lambda name: -len(present[name]))[:_MOST_CIPHERS]:
        groups = [
            group for group in _groups(words, present[cipher]) if _enough(cipher, {words[place] for place in group})
        ]
        if groups and not tokens:
            tokens = [match.span() for match in _TOKEN.finditer(text)]
            lower = [word.decode() for word in words]
        for group in groups:
            yield from _passage(text, tokens, lower, cipher, group)


def _enough(cipher: str, traces: Set[bytes]) -> bool:
    """Whether different words are trace enough; two-letter words of one language are words of another backwards."""
    if len(traces) < (2 if cipher in _COMMON else 3):
        return False
    return sum(1 if len(word) == 2 and cipher == "reversed" else len(word) for word in traces) >= _LETTERS


def _groups(words: list[bytes], present: Set[bytes]) -> list[list[int]]:
    """The places of traces, those near each other together."""
    groups: list[list[int]] = []
    for place, word in enumerate(words):
        if word in present:
            if groups and place - groups[-1][-1] <= _NEAR:
                groups[-1].append(place)
            else:
                groups.append([place])
    return groups


_MOST_CIPHERS = 4


def _passage(
    text: str, tokens: list[tuple[int, int]], lower: list[str], cipher: str, group: list[int]
) -> Iterator[Passage]:
    decode = _DECODERS[cipher]
    first = _edge(tokens, lower, group[0], -1, decode)
    last = _edge(tokens, lower, group[-1], 1, decode)
    said = [decode(word) for word in lower[first : last + 1]]
    plain = sum(word in ENGLISH for word in said) / len(said)
    if plain < _SHARE or sum(word in KNOWN for word in lower[first : last + 1]) / len(said) > plain / 2:
        return
    start, end = tokens[first][0], tokens[last][1]
    decoded = decode(text[start:end])
    if reads(decoded):
        yield Passage(cipher, start, end, decoded)
        if cipher == "reversed":
            yield Passage(cipher, start, end, _TOKEN.sub(lambda match: match.group()[::-1], text[start:end]))


def _edge(tokens: list[tuple[int, int]], lower: list[str], place: int, step: int, decode: Callable[[str], str]) -> int:
    """The outermost word of a passage from a trace of it on: as far as words are not plain ones."""
    edge = place
    for _ in range(_BEYOND):
        following = place + step
        if not 0 <= following < len(lower):
            break
        left, right = (place, following) if step > 0 else (following, place)
        if tokens[right][0] - tokens[left][1] > _CLOSE:
            break
        place = following
        if lower[place] not in KNOWN:
            edge = place
        elif (said := decode(lower[place])) == lower[place] or said not in KNOWN:
            break
    return edge
