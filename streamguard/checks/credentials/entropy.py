"""Is a string drawn at random, or written by people? What tells keys from words, placeholders and examples.

Only the first `JUDGED` characters of a string are looked at: enough to tell, and what a long one costs stays bounded.
"""

import binascii
import re
import zlib
from math import log2

from streamguard.checks.text.matching import Words

JUDGED = 64

_STAND_INS = (
    "example sample placeholder dummy redacted changeme change-me changethis your here fake todo lorem ipsum foobar mask- masked"
    " insert replace removed hidden deadbeef secret-key secretkey secret-token not-a-real notareal not-real ... … *** < > { }"
    " -my- -the- -some- -test- -demo- -goes- -put- -null- -none- -undefined- -string- -value- -enter- -fill- -add-"
)
"""What stands where a key would. A four-letter word comes up by chance in one of two thousand keys of 40 characters."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "01234567890"
_ROWS = [row[at : at + 6] for row in (_LETTERS, _LETTERS[::-1], _DIGITS, _DIGITS[::-1]) for at in range(len(row) - 5)]
_REPEATED = [each * 5 for each in _LETTERS + "0123456789"]
_INVENTED = Words((*_STAND_INS.split(), *_ROWS, *_REPEATED))

_PIECE = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]")
_VOWELS = re.compile(r"[aeiouyAEIOUY]")
_CLUSTER = re.compile(r"[^aeiouyAEIOUY]{5}")
_DIGIT = re.compile("[0-9]")
_STANDARD = str.maketrans("-_", "+/")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def bits(text: str) -> float:
    """Shannon's entropy of the characters of `text`, in bits a character. 0 for an empty text."""
    length = len(text)
    return (
        log2(length) - sum(count * log2(count) for count in map(text.count, set(text)) if count > 1) / length
        if text
        else 0.0
    )


def invented(text: str) -> bool:
    """Does it stand in for a key: words such as `your` or `EXAMPLE`, one character repeated, six in the alphabet's order?"""
    return next(_INVENTED.ends(f"-{text[:JUDGED].lower().replace('_', '-')}-"), None) is not None


def wordy(text: str) -> bool:
    """Is most of it, but for what separates, made of what could be words: `intro-to-random-forests`, `ConfigurationLoader`?"""
    text = text[:JUDGED]
    words = sum(len(piece) for piece in _PIECE.findall(text) if len(piece) > 3 and _spoken(piece))
    return words > 0.6 * (len(text) - len(_SEPARATORS.findall(text)))


def drawn(text: str) -> bool:
    """Does it look drawn at random, as keys are, from an alphabet of at least the ten digits and some letters?

    At 16 characters and more about one key in a thousand is mistaken for something written.
    """
    text = text[:JUDGED]
    if len(set(text)) < 6:
        return False
    if is_hex(text):
        return bits(text) >= 2.5 and not invented(text)
    return bits(text) >= (3.0 if len(text) >= 16 else 2.5) and not wordy(text) and not invented(text)


def mixed(text: str) -> bool:
    """Does it hold lower-case letters, capitals and digits, all three?"""
    return text.lower() != text and text.upper() != text and _DIGIT.search(text) is not None


def is_hex(text: str) -> bool:
    return _HEX.fullmatch(text) is not None


def base62_crc32(body: str) -> str:
    """The checksum that GitHub and npm put behind a token's random part: CRC-32, six digits to the base 62.

    Source: GitHub's announcement of its token formats, "Behind GitHub's new authentication token formats" (2021).
    """
    number = zlib.crc32(body.encode("ascii", "replace"))
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def is_jwt(token: str) -> bool:
    """Is its first part base64 of a JSON header that names an algorithm?"""
    header = decoded(token.partition(".")[0])
    return header is not None and header.startswith(b"{") and b'"alg"' in header


def decoded(text: str) -> bytes | None:
    """What base64, of either alphabet and with or without its padding, stands for; None when it is not base64."""
    plain = text.rstrip("=").translate(_STANDARD)
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        return None


def _spoken(piece: str) -> bool:
    share = len(_VOWELS.findall(piece)) / len(piece)
    return 0.15 <= share <= 0.75 and _CLUSTER.search(piece) is None
