"""Writing something else into parts of a text."""

from collections.abc import Iterable


def spliced(text: str, pieces: Iterable[tuple[int, int, str]]) -> str:
    """`text` with characters `start` to `end` of each piece replaced by its third part.

    Pieces come in the order of their starts; one that begins inside the one before it only widens what is replaced.
    """
    parts: list[str] = []
    position = 0
    for start, end, written in pieces:
        if start >= position:
            parts += (text[position:start], written)
        position = max(position, end)
    return "".join((*parts, text[position:]))
