"""Escapes: percent-encoding, HTML's and backslashes, quoted-printable.

An escape has its place: `%20` in an address, `&#39;` on a page, `\\u00e9` in JSON. An escaped plain letter has none; where
several stand together, somebody hides words.
"""

import html
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from streamguard.checks.decoding.passages import Passage, printable, reads

MOST = 32_768
"""Characters of one passage that are decoded."""
_REACH = 200
"""As far a passage goes beyond its outer escapes, to the next white space."""
_FEW = 3
_JUDGED = 64
"""Rows, and characters of a row, that are judged: the others are of the same kind."""


@dataclass(frozen=True, slots=True)
class _Family:
    kind: str
    escape: re.Pattern[str]
    """A row of escapes. Of stdlib's kind, which walks over a long row at once: each character fits one way alone."""
    decode: Callable[[str], str]
    gap: int
    """Characters that may stand between two rows of one passage."""
    width: int = 3
    """Characters of an escape, at least."""


def _percent(piece: str) -> str:
    return unquote(piece.replace("+", " ") if " " not in piece else piece, errors="replace")


_BACKSLASH = re.compile(
    r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|\\([0-7]{3})|U\+([0-9a-fA-F]{4,6})"
)


def _backslashes(piece: str) -> str:
    said = _BACKSLASH.sub(_character, piece)
    # Two halves of one character in JSON's escapes.
    return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _character(match: re.Match[str]) -> str:
    digits = next(group for group in match.groups() if group is not None)
    code = int(digits, 8 if match[4] else 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def _quoted(piece: str) -> str:
    return quopri.decodestring(piece.encode()).decode("utf-8", "replace")


# Quoted-printable's escapes are no numbers: "id=8915185729" stands in every line of a log, "page=41" in every link.
_FAMILIES = (
    _Family("percent", re.compile("(?:%[0-9A-Fa-f]{2})+"), _percent, 24),
    _Family("entities", re.compile("(?:&#(?:[0-9]{2,7}|[xX][0-9A-Fa-f]{2,6});?)+"), html.unescape, 40, 5),
    _Family(
        "escapes",
        re.compile(
            r"(?:\\u[0-9A-Fa-f]{4}|\\u\{[0-9A-Fa-f]{4,6}\}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}|\\[0-7]{3}|\bU\+[0-9A-Fa-f]{4,6})+"
        ),
        _backslashes,
        40,
        4,
    ),
    _Family(
        "quoted_printable",
        re.compile(r"(?:=(?![0-9]{2}(?:[\s&\"'<>),;.]|\Z))[0-9A-F]{2}(?![0-9A-F])|=\r?\n)+"),
        _quoted,
        400,
    ),
)
KINDS = tuple(family.kind for family in _FAMILIES)


def escapes(kind: str) -> Callable[[str], Iterator[Passage]]:
    """The finder of that kind."""
    family = next(family for family in _FAMILIES if family.kind == kind)
    return lambda text: _found(text, family)


def _found(text: str, family: _Family) -> Iterator[Passage]:
    cluster: list[tuple[int, int]] = []
    for match in family.escape.finditer(text):
        span = match.start(), min(match.end(), match.start() + MOST)
        if cluster and (span[0] - cluster[-1][1] > family.gap or span[1] - cluster[0][0] > MOST):
            yield from _passage(text, family, cluster)
            cluster = []
        cluster.append(span)
    yield from _passage(text, family, cluster)


def _passage(text: str, family: _Family, cluster: list[tuple[int, int]]) -> Iterator[Passage]:
    if sum(last - first for first, last in cluster) < _FEW * family.width:
        return
    start, end = cluster[0][0], cluster[-1][1]
    lowest, highest = max(0, start - _REACH), min(len(text), end + _REACH)
    while start > lowest and not text[start - 1].isspace():
        start -= 1
    while end < highest and not text[end].isspace():
        end += 1
    said = family.decode(text[start:end])
    if not printable(said) or said == text[start:end]:
        return
    needless = sum(_plain(family.decode(text[first:last])) for first, last in cluster[:_JUDGED])
    disguised = needless >= _FEW
    if disguised or reads(said, certain=True):
        yield Passage(family.kind, start, end, said, disguised and reads(said, certain=True))


def _plain(said: str) -> int:
    """How many characters that no coding escapes a row of escapes stands for."""
    return sum(character.isascii() and (character.isalnum() or character in "-._~") for character in said[:_JUDGED])
