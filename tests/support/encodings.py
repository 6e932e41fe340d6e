"""Sentences written in code, one encoder for each coding that `streamguard.checks.decoding.payloads` undoes."""

import base64
import codecs
import re
from collections.abc import Callable
from string import ascii_lowercase

_TURNED = dict(zip(ascii_lowercase, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", strict=True))
_MORSE = dict(
    zip(
        ascii_lowercase,
        re.findall(
            r"\S+",
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..",
        ),
        strict=True,
    )
)


def _pig(word: str) -> str:
    onset = re.match("[^aeiou]*", word)
    first = onset.end() if onset else 0
    return f"{word[first:]}{word[:first]}ay" if first else f"{word}way"


def _boxed(first: int, between: str) -> Callable[[str], str]:
    return lambda text: " ".join(
        between.join(chr(first + ord(letter) - ord("a")) for letter in word) for word in text.lower().split()
    )


def _shifted(by: int) -> Callable[[str], str]:
    table = str.maketrans(ascii_lowercase, ascii_lowercase[by:] + ascii_lowercase[:by])
    return lambda text: text.lower().translate(table)


CODECS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64_unpadded": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64_urlsafe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex_0x": lambda text: "0x" + text.encode().hex(),
    "hex_spaced": lambda text: text.encode().hex(" "),
    "hex_listed": lambda text: ", ".join(f"0x{code:02x}" for code in text.encode()),
    "escapes": lambda text: "".join(f"\\u{code:04x}" for code in text.encode()),
    "escapes_x": lambda text: "".join(f"\\x{code:02x}" for code in text.encode()),
    "percent": lambda text: "".join(f"%{code:02X}" for code in text.encode()),
    "percent_spaces": lambda text: text.replace(" ", "%20"),
    "entities": lambda text: "".join(f"&#{code};" for code in text.encode()),
    "entities_hex": lambda text: "".join(f"&#x{code:x};" for code in text.encode()),
    "quoted_printable": lambda text: "".join(f"={code:02X}" for code in text.encode()),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "caesar": _shifted(3),
    "atbash": lambda text: text.lower().translate(str.maketrans(ascii_lowercase, ascii_lowercase[::-1])),
    "reversed": lambda text: text[::-1],
    "reversed_words": lambda text: " ".join(word[::-1] for word in text.split()),
    "pig_latin": lambda text: " ".join(map(_pig, text.lower().split())),
    "leet": lambda text: text.translate(str.maketrans("aeiost", "431057")),
    "spaced": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "dotted": lambda text: ".".join(text.replace(" ", "")),
    "dashed": lambda text: "-".join(text.replace(" ", "")),
    "clapped": lambda text: "👏".join(text.replace(" ", "")),
    "binary": lambda text: " ".join(f"{code:08b}" for code in text.encode()),
    "binary_run": lambda text: "".join(f"{code:08b}" for code in text.encode()),
    "decimal": lambda text: " ".join(str(code) for code in text.encode()),
    "octal": lambda text: " ".join(f"{code:o}" for code in text.encode()),
    "morse": lambda text: " / ".join(" ".join(_MORSE[letter] for letter in word) for word in text.lower().split()),
    "flags": _boxed(0x1F1E6, "\u200c"),
    "boxes": _boxed(0x1F170, ""),
    "turned": lambda text: "".join(_TURNED.get(letter, letter) for letter in reversed(text.lower())),
}
NEEDFUL = frozenset({"percent_spaces"})
"""Codings that have their place: what they say is read, but it is no disguise."""
