"""Unicode tricks: what cannot be seen is removed, what is written in disguise is written plainly.

Two forms of a text are kept apart on purpose:

- The text passed on is in NFC, without invisible characters, and only letters and digits that pose as others
  (full-width, mathematical, circled) are written plainly. Full NFKC would change meaning (`10²` becomes `102`, `½` becomes
  `1⁄2`), and folding confusables would spoil every Russian or Greek word, so neither touches the text passed on.
- The text that rules are matched against is folded as far as it goes: see `streamguard.checks.folding`.
"""

import re
import unicodedata
from dataclasses import dataclass

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*\Z")

# Joiners belong to emoji sequences and to Arabic and Indic words; anywhere else they only split words for a matcher.
_JOINED = "\u0600-\u08ff\u0900-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINER = rf"(?<![{_JOINED}{_EMOJI}\ufe0f])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}{_EMOJI}])"
# The selector for coloured emoji stays behind what can be one; any other selector can carry hidden bytes.
_SELECTOR = rf"[\ufe00-\ufe0e\U000e0100-\U000e01ef]|(?<![{_EMOJI}0-9#*])\ufe0f"

_TRICKS: tuple[tuple[str, str], ...] = (
    ("bidi", r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
    ("tags", r"[\U000e0000-\U000e007f]"),
    ("selectors", _SELECTOR),
    ("control", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"),
    (
        "invisible",
        r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
        rf"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]|{_JOINER}",
    ),
    ("marks", r"(?<=[\u0300-\u036f]{4})[\u0300-\u036f]+"),
    (
        "disguise",
        r"[\uff10-\uff19\uff20-\uff3b\uff3d\uff3f\uff41-\uff5a\uff0b\uff0d-\uff0f\uff1a\u24b6-\u24e9\u2460-\u2473"
        r"\U0001d400-\U0001d7ff\U0001f110-\U0001f12b\U0001f130-\U0001f149]+",
    ),
    ("surrogate", r"[\ud800-\udfff]"),
)
# One class that holds every character of the expressions above: far quicker to look for than they are.
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2460-\u2473\u24b6-\u24e9\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uff0b-\uff5a\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U0001d400-\U0001d7ff\U0001f110-\U0001f149\U000e0000-\U000e01ef]"
)
_TRICK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TRICKS))
_NEW_LINES = str.maketrans({"\u2028": "\n", "\u2029": "\n", "\x85": "\n"})
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text without tricks, and the tricks: `kind` at characters of the text as it came."""

    text: str
    tricks: tuple[Span, ...] = ()


def normalise(text: str) -> Normalised:
    """The form of `text` that is passed on. Normalising twice changes nothing more."""
    if _PLAIN.match(text):
        return Normalised(text)
    if not _SUSPECT.search(text):
        return Normalised(unicodedata.normalize("NFC", text).translate(_NEW_LINES))
    tricks: list[Span] = []
    current = _round(text, tricks)
    # Taking something out can bring together what is a trick again (a joiner's neighbour, marks in a row).
    for _ in range(_ROUNDS):
        following = _round(current, [])
        if following == current:
            return Normalised(current, tuple(tricks))
        current = following
    return Normalised(current.encode("ascii", "replace").decode(), tuple(tricks))


def _round(text: str, tricks: list[Span]) -> str:
    def plainly(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        if len(tricks) < _LISTED:
            tricks.append(Span(kind=kind, start=match.start(), end=match.end()))
        if kind == "disguise":
            return unicodedata.normalize("NFKC", match.group()).replace("\u2044", "/")
        return "\ufffd" if kind == "surrogate" else ""

    return unicodedata.normalize("NFC", _TRICK.sub(plainly, text).translate(_NEW_LINES))


_LISTED = 64
"""As many tricks are listed with their places; a text made of nothing else needs no longer list."""
_GROWTH = 3


class UnicodeTricks:
    """Normalises the text; each trick found is named by a span, the verdict's code is the first one's kind."""

    name = "unicode"

    def inspect(self, subject: Subject) -> Finding:
        result = normalise(subject.text)
        if len(result.text) > _GROWTH * len(subject.text):
            # One character can be written as many; a text that only grows is made to get past the bounds.
            return Finding(action="block", code="expansion", reason=Reason.INPUT_TOO_LONG, text="")
        changed = result.text if result.text != subject.text else None
        if not result.tricks:
            return PASS if changed is None else Finding(action="transform", code="normalised", text=changed)
        return Finding(action="transform", code=result.tricks[0].kind, spans=result.tricks, text=changed)
