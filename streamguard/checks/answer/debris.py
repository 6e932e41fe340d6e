"""What a machine left in an answer: marks of fences and of chat turns, unfilled templates, talk about being a model."""

import re
from collections.abc import Iterator, Sequence

from streamguard.checks.text.folding import fold
from streamguard.checks.text.unfolding import unfolded

_MARKS: dict[str, tuple[str, ...]] = {
    "fence": ("<data-", "</data-"),
    "turn": ("<|", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<think>", "</think>"),
    "template": ("{{", "{%", "[Your", "[your ", "[Insert ", "[insert ", "[INSERT ", "[object Object]", "orem ipsum"),
}
"""Looked for first: where none of them stands, nothing else is done."""
_WHOLE: dict[str, re.Pattern[str]] = {
    "fence": re.compile(r"</?data-[^<>\n]{0,120}>?"),
    "turn": re.compile(r"<\|[a-z_]{1,24}\|>|\[/?INST\]|<</?SYS>>|</?think>"),
    "template": re.compile(
        r"\{\{[^{}\n]{0,80}\}\}|\{%[^%\n]{0,80}%\}|\[(?:[Yy]our [Nn]ame|[Ii]nsert |INSERT )[^\[\]\n]{0,80}\]"
        r"|\[object Object\]|[Ll]orem ipsum"
    ),
}
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def debris(text: str, phrases: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind (`fence`, `turn`, `template`, `phrase`) of what should not stand there. What stands in code is part of
    the answer. `phrases` are folded."""
    present = [kind for kind, marks in _MARKS.items() if any(mark in text for mark in marks)]
    if present:
        code = [match.span() for match in _CODE.finditer(text)] if "`" in text else []
        for kind in present:
            for match in _WHOLE[kind].finditer(text):
                if kind == "fence" or not _within(match.start(), code):
                    yield match.start(), match.end(), kind
    if phrases:
        folded = fold(text)
        places = [place for phrase in phrases if phrase in folded for place in _all(phrase, folded)]
        for start, end in sorted(set(unfolded(text, folded, places))):
            yield start, end, "phrase"


def _all(phrase: str, folded: str) -> Iterator[tuple[int, int]]:
    start = folded.find(phrase)
    while start >= 0:
        yield start, start + len(phrase)
        start = folded.find(phrase, start + len(phrase))


def _within(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= place:
            low = middle + 1
        else:
            high = middle
    return low < len(spans) and spans[low][0] <= place
