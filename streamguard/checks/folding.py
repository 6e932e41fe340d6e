"""The form of a text that rules are matched against: as plain as it can be written.

Folding loses meaning (`о` and `o` become one, accents go) and is therefore never passed on.
"""

import re
import unicodedata
from functools import lru_cache

from streamguard.checks.matching import translation

# Letters of other scripts that are drawn like Latin ones. Only lower case: folding comes after casefold.
_CONFUSABLE = translation(
    {
        "a": "аαɑ",
        "b": "ьƅв",
        "c": "сϲᴄ",
        "d": "ԁɗ",
        "e": "еєҽε",
        "g": "ɡԍ",
        "h": "һн",
        "i": "іιɩıӏ",
        "j": "јϳ",
        "k": "кκᴋ",
        "l": "ⅼǀ",
        "m": "мᴍ",
        "n": "ոռη",
        "o": "оοօσᴏ",
        "p": "рρ",
        "q": "ԛ",
        "r": "гᴦ",
        "s": "ѕꜱ",
        "t": "тτᴛ",
        "u": "υսᴜ",
        "v": "ѵνᴠ",
        "w": "ԝωшᴡ",
        "x": "хχ",
        "y": "уγү",
        "z": "ᴢ",
        "ss": "ß",
        "oe": "œ",
        "ae": "æ",
        "'": "‘’ʼ`´",
        '"': "“”„«»",
        "-": "‐‑‒–—−",
    }
)

_MARKS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_GROWTH = 4


@lru_cache(maxsize=4)
def fold(text: str) -> str:
    """`text` in lower case, compatibility forms and confusables in plain Latin, without accents, with single spaces.

    The last few are remembered: several checks of one chain fold the same text.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    plain = text.casefold()
    decomposed = unicodedata.normalize("NFKD", plain)
    if len(decomposed) > _GROWTH * len(plain):
        # Single characters that are whole phrases: nobody reads instructions in them.
        decomposed = plain
    return " ".join(_MARKS.sub("", decomposed).translate(_CONFUSABLE).split())
