"""The form of a text that rules are matched against: as plain as it can be written.

Folding loses meaning (`о` and `o` become one, accents go) and is therefore never passed on.
"""

import unicodedata

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


def fold(text: str) -> str:
    """`text` in lower case, compatibility forms and confusables in plain Latin, without accents, with single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_CONFUSABLE))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(bare.translate(_CONFUSABLE).split())
