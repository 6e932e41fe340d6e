"""Looking into what is written in code: finds encoded passages of a text and decodes them.

Catches base64 (url-safe, unpadded, wrapped, in `data:` URLs, UTF-16 inside), base32, hexadecimal, binary, decimal and
octal codes, Morse, percent-encoding, HTML's and backslash escapes, quoted-printable, rotations of the alphabet (rot13 above
all), its mirror, letters from right to left, pig Latin, spaced letters, leetspeak, letters as emoji, turned letters; each inside
another one, two deep.
Misses ciphers with a key, base85, words drawn as pictures, passages of a few letters, ciphers over languages other than English,
and what only a model understands ("the first letters of these lines").
Costs 40 µs on 2 KB without any; linear in the text, and bounded in depth, number and size of what is decoded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from streamguard.checks.decoding import byte_codes, escapes, letters, words
from streamguard.checks.decoding.passages import Passage, TooMuch
from streamguard.checks.text.matching import PatternSet

DEPTH = 2
"""Codings inside each other that are undone."""
MOST = 16
"""Disguised passages of one text that are decoded."""
_MOST_OTHERS = 64
"""As many that are no disguise (ids, addresses, what JSON escapes) are looked into one by one, the others all together."""
LARGEST = 65_536
"""Characters of all decoded passages together."""
_LARGEST_DISGUISED = 16_384
"""Of those that are a disguise."""

_Finder = Callable[[str], Iterator[Passage]]
# A quick look at the whole text tells which finders are worth running: each with what stands in every passage of its kind.
_FINDERS: tuple[tuple[str, _Finder], ...] = (
    (r"[A-Za-z0-9+/_-]{16}", byte_codes.runs),
    (r"(?i)(?:(?:0x)?[0-9a-f]{2}[ ,:;\r\n\t-]{1,3}){7}", byte_codes.hex_pairs),
    (r"[01]{7,8}[ ,\r\n\t]{1,2}[01]{7,8}|[01]{32}", byte_codes.binary),
    (r"(?:[0-9]{2,3}[ ,;\r\n\t]{1,2}){6}", byte_codes.codes),
    (r"(?:[.?_-]{1,6}(?:[ \t]{1,7}|[ ]?[/|][ ]?|\r?\n)){5}", byte_codes.morse),
    (r"%[0-9A-Fa-f]{2}", escapes.escapes("percent")),
    (r"&#[0-9xX]", escapes.escapes("entities")),
    (r"\\[uUx0-7]|U\+[0-9A-Fa-f]{4}", escapes.escapes("escapes")),
    (r"=[0-9A-F]{2}", escapes.escapes("quoted_printable")),
    (r"[A-Za-z0-9@$](?:[^A-Za-z0-9]{1,4}[A-Za-z0-9@$]){4}(?:[^A-Za-z0-9]|$)", letters.spaced),
    (r"[A-Za-z][013457@$!|][A-Za-z]|(?:^|[^A-Za-z0-9])[013457@$][A-Za-z]{2}", letters.leet),
)
_ALWAYS: tuple[_Finder, ...] = (words.ciphers, letters.emoji, letters.turned)
_LIKELY = PatternSet([expression for expression, _ in _FINDERS])


@dataclass(frozen=True, slots=True)
class Payload:
    """What stands encoded at characters `start` to `end` (excluded) of the text, `depth` codings deep.

    `kind` names the outermost coding. `disguised` as in `Passage`.
    """

    kind: str
    start: int
    end: int
    text: str
    depth: int
    disguised: bool = True


@dataclass(frozen=True, slots=True)
class Decoded:
    """The payloads of a text in the order of their starts; `complete` when there was nothing beyond the bounds."""

    payloads: tuple[Payload, ...]
    complete: bool


def payloads(text: str) -> tuple[Payload, ...]:
    """The encoded passages of `text`, decoded."""
    return decoded(text).payloads


def decoded(text: str) -> Decoded:
    """The encoded passages of `text`, and whether all of them could be looked into."""
    search = _Search()
    try:
        for passage in _passages(text):
            search.take(Payload(passage.kind, passage.start, passage.end, passage.text, 1, passage.disguised))
        search.look_into_the_rest()
    except TooMuch:
        search.complete = False
    return Decoded(tuple(sorted(search.found, key=lambda payload: (payload.start, payload.depth))), search.complete)


def _passages(text: str) -> Iterator[Passage]:
    for place in _LIKELY.matches(text):
        yield from _FINDERS[place][1](text)
    for finder in _ALWAYS:
        yield from finder(text)


class _Search:
    """The payloads found so far, within the bounds."""

    def __init__(self) -> None:
        self.found: list[Payload] = []
        self.complete = True
        self._disguised = 0
        self._size = self._size_disguised = 0
        self._rest: list[Payload] = []

    def take(self, payload: Payload) -> None:
        """Keep a payload and what stands encoded in it. Raises `TooMuch` when a bound is reached."""
        left = LARGEST - self._size
        if payload.disguised:
            left = min(left, _LARGEST_DISGUISED - self._size_disguised)
        if left <= 0 or (payload.disguised and self._disguised >= MOST):
            raise TooMuch
        if len(payload.text) > left:
            self.complete = False
            payload = replace(payload, text=payload.text[:left])
        self.found.append(payload)
        self._disguised += payload.disguised
        self._size += len(payload.text)
        self._size_disguised += len(payload.text) * payload.disguised
        if payload.depth == DEPTH:
            return
        if not payload.disguised and len(self.found) - self._disguised > _MOST_OTHERS:
            self._rest.append(payload)
        else:
            for inner in _passages(payload.text):
                self.take(replace(payload, text=inner.text, depth=payload.depth + 1, disguised=inner.disguised))

    def look_into_the_rest(self) -> None:
        """What stands encoded in those that were not looked into one by one has their place together."""
        if self._rest:
            first, last = self._rest[0], self._rest[-1]
            for inner in _passages("\n".join(payload.text for payload in self._rest)):
                self.take(Payload(inner.kind, first.start, last.end, inner.text, DEPTH, inner.disguised))
