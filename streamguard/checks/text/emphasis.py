"""Marks of emphasis, as chats and models write them: `**full refund**` says "full refund".

A phrase is looked for in the text without them. What stands inside a word (`f*ck`, `snake_case`, `2*3`) is none and stays.
"""

import re
from collections.abc import Sequence

_MARKS = re.compile(r"(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])")
_ANY = re.compile(r"[*_~`]")


def unmarked(text: str) -> str:
    """`text` without marks of emphasis. Linear; the text itself where there are none."""
    return _MARKS.sub("", text) if _ANY.search(text) else text


def in_marked(text: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where in `text` the `places` of `unmarked(text)` stand."""
    taken = [match.span() for match in _MARKS.finditer(text)]
    if not taken or not places:
        return list(places)
    kept: list[int] = []
    position = 0
    for start, end in (*taken, (len(text), len(text))):
        kept += range(position, start)
        position = end
    kept.append(len(text))
    return [(kept[start], kept[end - 1] + 1 if end > start else kept[start]) for start, end in places]
