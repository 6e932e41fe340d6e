"""Where sentences and lines of a text lie: an order to the model is often one sentence among many."""

import re

from streamguard.checks.text.folding import fold

# Each alternative looks back at the character that the class found: the search runs from sign to sign, not letter to letter.
_END = re.compile(
    r"[.!?…\n;:\-–—|。！？؟।]"
    r"(?:(?<=[.!?…])[\"')\]”»]{0,4}\s+"
    r"|(?<=\n)\s*"
    r"|(?<=[。！？؟।])[。！？؟।]*"
    r"|(?<=\s[-–—|])[-–—|]{0,2}\s"
    r"|(?<=;)\s"
    r"|(?<=:)\s+(?=[A-Z\"'“„«]))"
)
_LONGEST, _SHORTEST = 400, 12
_BETWEEN = "\x1a"
"""Neither white space nor a character that folding touches."""


def segments(text: str) -> list[tuple[int, int]]:
    """`(start, end)` of the sentences and lines of `text`, in order; together they cover all that is not white space.

    Fragments of a few characters go with what follows; what is longer than 400 characters is cut, at a space where there is one.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.end() - start >= _SHORTEST:
            _cut(text, start, match.end(), found)
            start = match.end()
    if found and len(text) - start < _SHORTEST:
        found[-1] = (found[-1][0], len(text))
    elif start < len(text):
        _cut(text, start, len(text), found)
    return found


def _cut(text: str, start: int, end: int, found: list[tuple[int, int]]) -> None:
    while end - start > _LONGEST:
        space = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        middle = start + _LONGEST if space < 0 else space + 1
        found.append((start, middle))
        start = middle
    found.append((start, end))


def folded(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """The folded text of each span, folded in one go."""
    plain = text.replace(_BETWEEN, " ")
    return [part.strip() for part in fold(_BETWEEN.join(plain[start:end] for start, end in spans)).split(_BETWEEN)]
