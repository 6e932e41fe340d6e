"""The form of a text that rules are matched against: as plain as it can be written.

Folding loses meaning (`о` and `o` become one, accents go) and is therefore never passed on.
"""

import re
import unicodedata
from functools import lru_cache

from streamguard.checks.text.confusables import FOLDED

_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_MARKS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
# The marks of other scripts on a Latin letter: no spelling, a disguise.
_ODD_MARKS = re.compile(
    r"(?<=[A-Za-z0-9])["
    + "".join(chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code)) in ("Mn", "Me"))
    + "]+"
)
_GROWTH = 4


@lru_cache(maxsize=4)
def fold(text: str) -> str:
    """`text` in lower case, compatibility forms and confusables in plain Latin, without accents, with single spaces.

    Costs 13 µs on 2 KB of ASCII, 70 µs with accents, 170 µs in another script. The last few are remembered: several
    checks of one chain fold the same text.
    """
    if not text.isascii():
        foreign = len(text.encode("utf-8", "surrogatepass")) - len(text)
        text = _FOREIGN.sub(lambda match: _plain(match.group()), text) if foreign < len(text) // 8 else _plain(text)
        text = _ODD_MARKS.sub("", text)
    return " ".join(text.lower().split())


def _plain(piece: str) -> str:
    decomposed = unicodedata.normalize("NFKD", piece)
    if len(decomposed) > _GROWTH * len(piece):
        # Single characters that are whole phrases: nobody reads instructions in them.
        decomposed = piece
    # Before the case goes: `Η` is drawn like H, `η` like n.
    plain = decomposed.translate(FOLDED).casefold()
    return plain if plain.isascii() else _MARKS.sub("", plain)
