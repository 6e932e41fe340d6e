"""Marks of emphasis, as chats and models write them: `**full refund**` says "full refund".

A phrase is looked for in the text without them. What stands inside a word (`f*ck`, `snake_case`, `2*3`) is none and stays.
"""

import re
from collections.abc import Sequence

from streamguard.checks.text.splicing import spliced

_RUN = re.compile(r"[*_~`]+")


def unmarked(text: str) -> str:
    """`text` without marks of emphasis. Linear; the text itself where there are none (1 µs), else some 20 µs for 2 KB."""
    return spliced(text, ((start, end, "") for start, end in marks)) if (marks := _marks(text)) else text


def in_marked(text: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where in `text` the `places` of `unmarked(text)` stand."""
    marks = _marks(text) if places else []
    if not marks:
        return list(places)
    kept: list[int] = []
    position = 0
    for start, end in marks:
        kept += range(position, start)
        position = end
    kept += range(position, len(text) + 1)
    return [(kept[start], kept[end - 1] + 1 if end > start else kept[start]) for start, end in places]


def _marks(text: str) -> list[tuple[int, int]]:
    if not ("*" in text or "_" in text or "`" in text or "~" in text):
        return []
    last = len(text)
    return [
        (start, end)
        for start, end in map(re.Match.span, _RUN.finditer(text))
        if not (start and end < last and text[start - 1].isalnum() and text[end].isalnum())
    ]
