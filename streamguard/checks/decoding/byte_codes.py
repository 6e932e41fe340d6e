"""Codings of bytes: base64, base32, hexadecimal, binary and decimal codes, Morse.

Each finder takes a text and gives the passages that decode to something printable. Linear: passages do not overlap, and each is
decoded a fixed number of times.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from streamguard.checks.decoding.passages import Passage, TooMuch, printable, reads, words_of
from streamguard.checks.text.matching import Pattern

MOST = 32_768
"""Characters of one passage that are decoded."""
_SHORTEST = 16
_GLUED = 24
"""A run of fewer characters is taken as it stands: nothing can be told from a part of it."""
_WORDS = 3
"""And as many words must stand in that part."""
_CANDIDATES = 6_000
"""Runs of one text that are tried."""
_LEAST = 8
"""Characters that a decoded text has at least: shorter ones come out of ids by chance."""

_RUN = Pattern(rf"[A-Za-z0-9+/_-]{{{_SHORTEST},}}={{0,2}}")
_NEXT_LINE = re.compile(r"\r?\n[ \t>]{0,8}([A-Za-z0-9+/_-]{1,100}={0,2})(?=\s|\Z)")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)\Z")
_BASE32 = re.compile(r"(?:[A-Z2-7]+|[a-z2-7]+)\Z")
_SEPARATED = re.compile(r"[/_+-]+")
_READABLE = re.compile(rb"[\t\n\r\x20-\x7e]{12,}")
_HEX_PAIRS = Pattern(
    r"(?i)(?:^|[^0-9a-z])((?:(?:0x)?[0-9a-f]{2}[ ,:;\r\n\t-]{1,3}){7,}(?:0x)?[0-9a-f]{2})(?:$|[^0-9a-z])", group=1
)
_PAIR = re.compile(r"(?:0[xX])?([0-9a-fA-F]{2})(?![0-9a-fA-FxX])")
_BINARY = Pattern(r"(?:[01]{7,8}[ ,\r\n\t]{1,2}){3,}[01]{7,8}|[01]{32,}")
_CODES = Pattern(r"(?:^|[^0-9])((?:[0-9]{2,3}[ ,;\r\n\t]{1,2}){6,}[0-9]{2,3})(?:$|[^0-9])", group=1)
_MORSE = Pattern(r"(?:[.·•\-–—−_]{1,6}(?:[ \t]{1,7}|[ ]?[/|][ ]?|\r?\n)){5,}[.·•\-–—−_]{1,6}")

_MORSE_CODES = """.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..
----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. .----. -..-. ---... -....-"""
_MORSE_LETTERS: dict[str, str] = dict(
    zip(_MORSE_CODES.split(), "abcdefghijklmnopqrstuvwxyz0123456789.,?'/:-", strict=True)
)
_DECORATION = 6
_MORSE_SIGNS = str.maketrans({"·": ".", "•": ".", "–": "-", "—": "-", "−": "-", "_": "-"})
_MORSE_WORDS = re.compile(r"[ \t]*[/|\n]+[ \t]*|[ \t]{2,}")


def runs(text: str) -> Iterator[Passage]:
    """Base64 (also url-safe, without padding, wrapped into lines), base32 and plain hex."""
    reached = joined = 0
    for count, (start, end) in enumerate(_RUN.spans(text)):
        if count == _CANDIDATES:
            raise TooMuch
        if start < reached:
            continue
        found = None
        # Lines that were joined once and said nothing are read one by one: each line is decoded twice at most.
        if start >= joined:
            wrapped, joined = _wrapped(text, start, end)
            if wrapped is not None and (found := _run(wrapped, start)) is not None:
                found = Passage(found.kind, start, joined, found.text, found.disguised)
                reached = joined
        if found is None:
            found = _run(text[start : min(end, start + MOST)], start)
        if found is not None:
            yield found
            continue
        # A path or a name may stand before it.
        place = start
        for piece in _SEPARATED.split(text[start : min(end, start + MOST)]):
            if _SHORTEST <= len(piece) < end - start:
                place = text.index(piece, place)
                if (found := _run(piece, place)) is not None:
                    yield found
                place += len(piece)


def _wrapped(text: str, start: int, end: int) -> tuple[str | None, int]:
    """The run together with the lines that continue it, and where they end; None when none does."""
    width = end - start
    if text[end - 1] == "=" or width % 4:
        return None, end
    lines = [text[start:end]]
    while len(lines) * width < MOST and (following := _NEXT_LINE.match(text, end)) and len(following[1]) <= width:
        lines.append(following[1])
        end = following.end()
        if len(following[1]) < width:
            break
    return ("".join(lines), end) if len(lines) > 1 else (None, end)


def _run(run: str, start: int) -> Passage | None:
    """What one run of letters and digits says, by the narrowest alphabet that it fits."""
    bare = run.rstrip("=")
    end = start + len(run)
    if (digits := _HEX.match(bare)) and (said := _text(bytes.fromhex(digits[1]))) is not None:
        return Passage("hex", start, end, said, reads(said, certain=True))
    if _BASE32.match(bare) and (said := _base32(bare)) is not None:
        return Passage("base32", start, end, said, reads(said, certain=True))
    plain = bare.replace("-", "+").replace("_", "/")
    if (said := _text(_base64(plain))) is not None:
        return Passage("base64", start, end, said, reads(said, certain=True))
    if len(plain) < _GLUED:
        return None
    # Glued to other letters, or to bytes that are no text: its readable part, at whichever of the four alignments.
    parts = _READABLE.findall(b"\0".join([_base64(plain[skipped:]) for skipped in range(4)]))
    part = max(parts, key=len, default=b"").decode("ascii")
    return Passage("base64", start, end, part) if len(words_of(part)) >= _WORDS and reads(part) else None


def _base64(plain: str) -> bytes:
    whole = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
    return binascii.a2b_base64(whole + "=" * (-len(whole) % 4))


def _base32(bare: str) -> str | None:
    whole = bare[: len(bare) - 1] if len(bare) % 8 in (1, 3, 6) else bare
    try:
        return _text(base64.b32decode(whole.upper() + "=" * (-len(whole) % 8)))
    except binascii.Error:
        return None


def _text(octets: bytes) -> str | None:
    """`octets` as UTF-8, or as the UTF-16 of Windows' shells; None when that is not printable."""
    if len(octets) < _LEAST:
        return None
    if not octets[1] and not any(octets[1:64:2]):
        octets = octets[: len(octets) // 2 * 2].decode("utf-16-le", "replace").encode("utf-8", "replace")
    text = octets.decode("utf-8", "ignore")
    # Bytes that are no UTF-8 may stand at the end, where a passage was cut.
    if len(text.encode()) < len(octets) - 3:
        return None
    if len(text) < _LEAST or not printable(text):
        return None
    return text if text.isascii() or reads(text, certain=True) else None


def hex_pairs(text: str) -> Iterator[Passage]:
    """`69 67 6e`, `69:67:6e`, `0x69, 0x67`."""
    for start, end in _HEX_PAIRS.spans(text):
        pairs = _PAIR.findall(text[start : min(end, start + MOST)])
        said = _text(bytes.fromhex("".join(pairs)))
        if said is not None and reads(said, certain=True):
            yield Passage("hex", start, end, said)


def binary(text: str) -> Iterator[Passage]:
    """Groups of eight or seven binary digits, or one long run of them."""
    for start, end in _BINARY.spans(text):
        groups = re.findall("[01]+", text[start : min(end, start + MOST)])
        if len(groups) == 1:
            groups = [groups[0][at : at + 8] for at in range(0, len(groups[0]) - 7, 8)]
        yield from _coded("binary", start, end, (int(group, 2) for group in groups))


def codes(text: str) -> Iterator[Passage]:
    """Characters by their decimal or octal codes."""
    for start, end in _CODES.spans(text):
        groups = re.findall("[0-9]+", text[start : min(end, start + MOST)])
        found = tuple(_coded("decimal", start, end, map(int, groups)))
        if not found and not any("8" in group or "9" in group for group in groups):
            found = tuple(_coded("octal", start, end, (int(group, 8) for group in groups)))
        yield from found


def _coded(kind: str, start: int, end: int, numbers: Iterable[int]) -> Iterator[Passage]:
    said = "".join(chr(number) if number in _ASCII else "\ufffd" for number in numbers)
    if printable(said) and reads(said, certain=True):
        yield Passage(kind, start, end, said)


_ASCII = frozenset((9, 10, 13, *range(0x20, 0x7F)))


def morse(text: str) -> Iterator[Passage]:
    """Dots and dashes of several kinds; words parted by `/`, `|`, a line's end or more than one space."""
    for start, end in _MORSE.spans(text):
        signs = text[start : min(end, start + MOST)].translate(_MORSE_SIGNS)
        said = " ".join(
            "".join(_MORSE_LETTERS.get(letter, "\ufffd") for letter in word.split())
            for word in _MORSE_WORDS.split(signs)
        )
        # Rows of dots and dashes that only decorate are letters too, but few different ones.
        if len(set(said)) > _DECORATION and printable(said) and reads(said, certain=True):
            yield Passage("morse", start, end, said)
