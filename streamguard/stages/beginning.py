"""Is it JSON? Told by the beginning of an answer alone, while it comes.

Verify reads an answer that looks like JSON in another way than prose (`streamguard.answers.escapes.looks_like_json`), and it
knows only at the end. So what begins like JSON, whatever it turns out to be, is not shown piece by piece.
"""

from typing import Literal

_FENCE = "```"


class Beginning:
    """Takes pieces until it can tell. `text` is all that it was given."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._ticks = 0
        self._in_line = False  # the line of a fence, which may name a language

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def feed(self, piece: str) -> Literal["json", "prose"] | None:
        """None while it cannot be told. An answer that ends before is prose."""
        self._pieces.append(piece)
        for sign in piece:
            if self._in_line:
                self._in_line = sign != "\n"
            elif 0 < self._ticks < len(_FENCE):
                if sign != "`":
                    return "prose"
                self._count()
            elif sign.isspace():
                continue
            elif sign == "`" and not self._ticks:
                self._count()
            else:
                return "json" if sign in "{[" else "prose"
        return None

    def _count(self) -> None:
        self._ticks += 1
        self._in_line = self._ticks == len(_FENCE)
