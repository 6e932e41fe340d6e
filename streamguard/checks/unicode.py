"""Unicode tricks: what cannot be seen is removed, what is written in disguise is written plainly, and each is counted.

Two forms of a text are kept apart on purpose:

- The text passed on is in NFC, without invisible characters, and only letters and digits that pose as others
  (full-width, mathematical, circled, boxed) are written plainly. Full NFKC would change meaning (`10²` becomes `102`, `½`
  becomes `1⁄2`), and folding confusables would spoil every Russian or Greek word, so neither touches the text passed on.
- The text that rules are matched against is folded as far as it goes: see `streamguard.checks.text.folding`.

Catches: invisible characters, bidirectional controls, tag characters, variation selectors that carry bytes, control characters,
piles of combining marks, styled letters, words of mixed alphabets (`pаypаl`), half surrogates. What tag characters, selectors and
zero-width digits spell is read out (`hidden`) for the check of encoded passages.
Misses: whole words of another alphabet that look like English ones (a language, as far as anyone can tell), rare lookalikes
outside the table, pictures made of letters.
Costs 3 µs on 2 KB of ASCII, 65 µs on other clean text, 700 µs where tricks are found.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import ClassVar

from pydantic import Field

from streamguard.checks.contract import PASS, Finding, Rules, Subject, Thresholds
from streamguard.checks.text.confusables import LETTERS, TWINS
from streamguard.checks.text.smuggling import hidden_texts
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*\Z")

# Joiners belong to emoji sequences and to Arabic and Indic words; anywhere else they only split words for a matcher.
_JOINED = "\u0600-\u08ff\u0900-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINER = rf"(?<![{_JOINED}{_EMOJI}\ufe0f])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}{_EMOJI}])"
# Where words are written without spaces, the invisible one tells where a line may end.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_SPACE = rf"(?<![{_UNSPACED}])\u200b|\u200b(?![{_UNSPACED}])"
# The selectors for plain and coloured emoji stay behind what can be one; any other selector can carry hidden bytes.
_SELECTOR = rf"[\ufe00-\ufe0d\U000e0100-\U000e01ef]|(?<![{_EMOJI}0-9#*])[\ufe0e\ufe0f]"
# The three flags that are written with tag characters: any other sequence of them can spell words.
_FLAG_TAGS = "|".join("".join(chr(0xE0000 + ord(letter)) for letter in flag) for flag in ("gbeng", "gbsct", "gbwls"))
_MARK = r"\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

_TRICKS: tuple[tuple[str, str], ...] = (
    ("bidi", r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+"),
    ("flag", rf"\U0001f3f4(?:{_FLAG_TAGS})\U000e007f"),
    ("tags", r"[\U000e0000-\U000e007f]+"),
    ("selectors", f"(?:{_SELECTOR})+"),
    ("control", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]+"),
    (
        "invisible",
        r"(?:[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
        rf"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]|{_JOINER}|{_SPACE}"
        r"|[\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]|(?<![\u1800-\u18af])[\u180b-\u180f])+",
    ),
    ("marks", f"(?<=[{_MARK}]{{4}})[{_MARK}]+"),
    (
        "disguise",
        r"[\uff10-\uff19\uff20-\uff3b\uff3d\uff3f\uff41-\uff5a\uff0b\uff0d-\uff0f\uff1a\u24b6-\u24e9\u2460-\u2473"
        r"\U0001d400-\U0001d7ff\U0001f110-\U0001f12b\U0001f130-\U0001f149\U0001fbf0-\U0001fbf9]+"
        # single ones are signs: blood groups, a car park
        r"|[\U0001f150-\U0001f169\U0001f170-\U0001f189]{3,}"
        # digits on keys; as long as a telephone number, each with a mark on it (a price may be struck out)
        rf"|(?:[0-9]\ufe0f?\u20e3){{4,}}|(?:[0-9][{_MARK}]+){{7,}}",
    ),
    ("surrogate", r"[\ud800-\udfff]+"),
)
# One class that holds every character of the expressions above: far quicker to look for than they are.
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u0300-\u036f\u0483-\u0489\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u2060-\u206f\u20d0-\u20ff\u2460-\u2473\u24b6-\u24e9\u3164\ud800-\udfff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uff0b-\uff5a\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U0001d400-\U0001d7ff\U0001f110-\U0001f189\U0001fbf0-\U0001fbf9\U000e0000-\U000e0fff]"
)
_TRICK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TRICKS))
_DIGITS = frozenset("0123456789")
_ON_DIGITS = re.compile(f"[\ufe0f{_MARK}]")
_NEW_LINES = ("\u2028", "\u2029", "\x85")
_ROUNDS = 4


# A letter's twin beside a Latin one: the word they stand in may be a disguise.
_TWIN_CLASS = "".join(map(chr, TWINS))
_TWIN = re.compile(f"[{_TWIN_CLASS}]")
_MIXED = re.compile(f"[A-Za-z][{_TWIN_CLASS}]|[{_TWIN_CLASS}][A-Za-z]")
_LATIN = 0x250

_WEIGHTS: Mapping[str, float] = {
    "bidi": 0.1,
    "override": 0.6,
    "tags": 0.6,
    "selectors": 0.15,
    "control": 0.1,
    "invisible": 0.05,
    "split": 0.3,
    "marks": 0.15,
    "disguise": 0.1,
    "confusable": 0.35,
    "surrogate": 0.1,
}
"""How much one trick alone says about intent. `override` is a bidi control that reorders, `split` an invisible character inside a
word: both are counted under their kind."""
_HIDDEN = 0.9
_STRONGEST = 8
"""More of one kind add nothing."""
_OVERRIDE = re.compile("[\u202d\u202e]")
_COUNTED = 1_000
"""Words of mixed alphabets that are counted: thousands of them say no more."""
_LISTED = 64
"""As many tricks are listed with their places; a text made of nothing else needs no longer list."""


@dataclass(frozen=True, slots=True)
class Tricks:
    """How often each kind of trick stands in a text, what was hidden in it, and how much that says of intent (0 to 1)."""

    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    hidden: tuple[str, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text without tricks, and the tricks: `kind` at characters of the text as it came, the first 64."""

    text: str
    tricks: tuple[Span, ...] = ()
    found: Tricks = Tricks()


def tricks(text: str) -> Tricks:
    """The tricks of `text`, counted."""
    return normalise(text).found


def normalise(text: str) -> Normalised:
    """The form of `text` that is passed on. Normalising twice changes nothing more."""
    if _PLAIN.match(text):
        return Normalised(text)
    tally = _Tally()
    for start, end in islice(_disguised_words(text), _COUNTED):
        tally.add("confusable", "confusable", start, end)
    if not _SUSPECT.search(text):
        plain = _composed(text)
        return Normalised(plain, tuple(tally.spans), tally.tricks())
    current = _round(text, tally)
    # Taking something out can bring together what is a trick again (a joiner's neighbour, marks in a row).
    for _ in range(_ROUNDS):
        following = _round(current, _Tally())
        if following == current:
            break
        current = following
    else:
        current = current.encode("ascii", "replace").decode()
    return Normalised(current, tuple(sorted(tally.spans, key=lambda span: span.start)), tally.tricks())


class _Tally:
    """What one pass over a text found."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._counts: dict[str, int] = {}
        self._weighed: dict[str, int] = {}
        self._unseen: list[str] = []

    def add(self, kind: str, weighed: str, start: int, end: int, unseen: str = "") -> None:
        many = 1 if kind in _WHOLE else end - start
        self._counts[kind] = self._counts.get(kind, 0) + many
        self._weighed[weighed] = self._weighed.get(weighed, 0) + many
        if len(self.spans) < _LISTED:
            self.spans.append(Span(kind=kind, start=start, end=end))
        if unseen:
            self._unseen.append(unseen)

    def tricks(self) -> Tricks:
        hidden = hidden_texts("".join(self._unseen)) if self._unseen else ()
        innocent = 1.0
        for kind, count in self._weighed.items():
            innocent *= (1 - _WEIGHTS[kind]) ** min(count, _STRONGEST)
        score = 1 - innocent
        return Tricks(self._counts, hidden, round(max(score, _HIDDEN) if hidden else score, 4))


_WHOLE = frozenset({"disguise", "marks", "confusable"})
"""Counted by passages; the others by characters."""
_UNSEEN = frozenset({"tags", "selectors", "invisible"})


def _round(text: str, tally: _Tally) -> str:
    def plainly(match: re.Match[str]) -> str:
        kind, start, end = match.lastgroup or "", match.start(), match.end()
        if kind == "flag":
            return match.group()
        weighed = kind
        if kind == "bidi" and _OVERRIDE.search(match.group()):
            weighed = "override"
        elif kind == "invisible" and _within_word(text, start, end):
            weighed = "split"
        tally.add(kind, weighed, start, end, match.group() if kind in _UNSEEN else "")
        if kind == "disguise":
            written = match.group()
            if written[0] in _DIGITS:
                return _ON_DIGITS.sub("", written)
            return unicodedata.normalize("NFKC", written.translate(LETTERS)).replace("\u2044", "/")
        return "\ufffd" * (end - start) if kind == "surrogate" else ""

    return _composed(_TRICK.sub(plainly, text))


def _composed(text: str) -> str:
    for line_end in _NEW_LINES:
        if line_end in text:
            text = text.replace(line_end, "\n")
    return unicodedata.normalize("NFC", text)


def _within_word(text: str, start: int, end: int) -> bool:
    """Whether ASCII letters stand on both sides. A soft hyphen does so in every book."""
    if start == 0 or end == len(text) or text[start] == "\u00ad":
        return False
    before, after = text[start - 1], text[end]
    return before.isascii() and before.isalpha() and after.isascii() and after.isalpha()


def _disguised_words(text: str) -> Iterator[tuple[int, int]]:
    """Words of Latin letters and twins of them, mixed as no spelling mixes them (`SMSка` is Russian, `pаypаl` is not)."""
    if not _TWIN.search(text):
        return
    reached = 0
    for match in _MIXED.finditer(text):
        if match.start() < reached:
            continue
        start, end = match.span()
        while start > reached and text[start - 1].isalpha():
            start -= 1
        while end < len(text) and text[end].isalpha():
            end += 1
        reached = end
        foreign = [ord(letter) >= _LATIN for letter in text[start:end]]
        if all(ord(letter) < _LATIN or ord(letter) in TWINS for letter in text[start:end]):
            changes = sum(one != other for one, other in pairwise(foreign))
            if changes > 1 or sum(foreign) == 1:
                yield start, end


class UnicodeRules(Rules):
    """Knobs of `unicode`."""

    thresholds: Thresholds = Thresholds()
    """By the score of the tricks together. Never by default: every trick is undone, and `injection` weighs what is left."""
    growth: float = Field(default=3.0, ge=1)
    """A text that normalises to more than as many times its length is refused."""


_DEFAULT = UnicodeRules()


class UnicodeTricks:
    """Normalises the text; each trick found is named by a span, the verdict's code is the first one's kind."""

    name = "unicode"
    codes: ClassVar[Mapping[str, str]] = {
        "bidi": "Controls that change the direction of writing: what a person reads is not what a model reads. Taken out.",
        "tags": "Tag characters, which nobody sees and models read. Taken out; what they spell is checked as an encoded passage.",
        "selectors": "Variation selectors where they select nothing: they can carry bytes. Taken out, and checked.",
        "control": "Control characters, which belong in no text. Taken out.",
        "invisible": "Characters that nobody sees, often between the letters of a word to hide it from filters. Taken out.",
        "marks": "More combining marks on one letter than any language writes. The first four stay.",
        "disguise": "Letters or digits in styled forms (full-width, mathematical, circled, boxed). Written plainly.",
        "confusable": "A word mixes alphabets that look alike. Left as it is; rules are matched against its plain form.",
        "surrogate": "Half a character: broken text. Replaced by a mark for it.",
        "normalised": "The same text in its usual spelling (NFC) and with plain line ends. Nothing to do.",
        "expansion": "The text grows far when its characters are written plainly. Refused: it is made to pass the bounds.",
        "tricky": "The tricks together reach a threshold of the policy. Look who sends them.",
    }

    def __init__(self, rules: UnicodeRules = _DEFAULT) -> None:
        self._rules = rules

    def inspect(self, subject: Subject) -> Finding:
        result = normalise(subject.text)
        if len(result.text) > self._rules.growth * len(subject.text):
            # One character can be written as many; a text that only grows is made to get past the bounds.
            return Finding(action="block", code="expansion", reason=Reason.INPUT_TOO_LONG, text="")
        changed = result.text if result.text != subject.text else None
        found = result.found
        if not result.tricks:
            return PASS if changed is None else Finding(action="transform", code="normalised", text=changed)
        graded = self._rules.thresholds.action(found.score)
        severe = graded in ("escalate", "block")
        reason = Reason.INPUT_NOT_ALLOWED if subject.direction == "input" else Reason.UNSAFE_OUTPUT
        return Finding(
            action=graded if severe else "flag" if changed is None else "transform",
            code="tricky" if severe else result.tricks[0].kind,
            spans=result.tricks,
            score=found.score,
            reason=reason if severe else None,
            text=changed,
            contributions={kind: float(count) for kind, count in found.counts.items()},
            hidden=found.hidden,
        )
