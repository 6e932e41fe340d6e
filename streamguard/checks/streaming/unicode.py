"""Normalising text that grows: `unicode`, word by word.

Composition, joiners, piles of marks and styled letters depend on neighbours, but never on those beyond a space or an ASCII sign,
nor on an ideograph that follows. There the text is cut; each part is normalised on its own.
"""

import re
from itertools import pairwise

from streamguard.checks.contract import PASS, Finding
from streamguard.checks.unicode import Normalised, normalise
from streamguard.events.trail import Span

LONGEST = 256
"""Characters of a part: where none of the places comes within as many, the text is cut all the same."""
_LISTED = 64

# Of ASCII all but letters and digits, which take accents, and `<=>#*`, which do so too or can be parts of emoji. Ideographs, kana
# and their signs compose with nothing before them.
_CUT = re.compile(
    r"(?<=[\t\n\r !\"$%&'()+,\-./:;?@\[\\\]^_`{|}~])"
    r"|(?=[\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uff0c\uff01\uff1f\uff1b])"
)


class Normaliser:
    """The stage of `unicode`. Holds the last word."""

    name = "unicode"

    def __init__(self) -> None:
        self.stopped = False
        self._held = ""
        self._fed = 0
        """Characters before `_held`."""
        self._counts: dict[str, int] = {}
        self._spans: list[Span] = []
        self._changed = False

    def feed(self, piece: str) -> str:
        text = self._held + piece
        cuts = [match.start() for match in _CUT.finditer(text, 1)]
        out: list[str] = []
        done = 0  # all before it has gone out
        reached = 0  # the last place where the text is cut
        for cut in (*cuts, len(text)):
            while cut - reached >= LONGEST:
                out += (self._batch(text, done, reached), self._part(text[reached : reached + LONGEST]))
                done = reached = reached + LONGEST
            if cut < len(text) or (cuts and cut == cuts[-1]):
                reached = cut
        out.append(self._batch(text, done, reached))
        self._held = text[reached:]
        return "".join(out)

    def finish(self) -> str:
        held, self._held = self._held, ""
        return self._part(held)

    def finding(self) -> Finding:
        if not self._spans:
            return Finding(action="transform", code="normalised") if self._changed else PASS
        return Finding(
            action="transform" if self._changed else "flag",
            code=self._spans[0].kind,
            spans=tuple(self._spans),
            contributions={kind: float(count) for kind, count in self._counts.items()},
        )

    def _batch(self, text: str, start: int, end: int) -> str:
        """Several parts: all at once where there is nothing to do, as is the rule."""
        parts = text[start:end]
        result = normalise(parts)
        if result.text == parts and not result.tricks:
            self._fed += len(parts)
            return parts
        cuts = [0, *(match.start() for match in _CUT.finditer(parts, 1)), len(parts)]
        return "".join(self._part(parts[a:b]) for a, b in pairwise(cuts))

    def _part(self, part: str) -> str:
        result: Normalised = normalise(part)
        if result.text != part:
            self._changed = True
        for span in result.tricks[: _LISTED - len(self._spans)]:
            self._spans.append(Span(kind=span.kind, start=self._fed + span.start, end=self._fed + span.end))
        for kind, count in result.found.counts.items():
            self._counts[kind] = self._counts.get(kind, 0) + count
        self._fed += len(part)
        return result.text
