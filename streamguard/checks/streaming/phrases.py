"""Phrases that end an answer, in text that grows: deny-lists, moderation, forbidden words, claims.

The checks themselves judge, at the end of every word, the last sentences. So what is shown and where it ends depends on the text
alone. A phrase of a list is held from its first word on; of a longer expression at least the last word is never shown.

Costs what the checks cost on a few hundred characters, at every word: 10 to 20 µs.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.contract import PASS, Check, Finding, Subject
from streamguard.checks.lists import ListRules
from streamguard.checks.moderating.scores import ModerationRules
from streamguard.checks.moderating.terms import TERMS
from streamguard.checks.text.emphasis import unmarked
from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import Words

VIEW = 320
"""Characters before the last word that are judged with it."""
AFTER = 64
"""A phrase is judged again when as many characters follow it: `...` means, comes from, is a slur."""
HELD = 128
"""Characters that are held for patterns of operators: nobody knows what may become a match of one."""
_STEP = 64
"""Longer words are judged in parts."""
_TRIM = VIEW + 160
_WORD_END = re.compile(r"\S\s")
_SENTENCE_END = re.compile(r"[.!?]\s")
_AHEAD = 256
"""Characters after a place that are looked at with it, so that a chunk of a few words is looked at once."""
# Folded character by character: the folded form of a beginning, up to a gap, begins that of the whole.
_SIMPLE = re.compile(r"[\x00-\x7f]*(?:[¡-§©«°»¿À-ÿ–—‘-„…€]+[\x00-\x7f]*)*")
# Where a word begins, up to the next gap.
_TOKEN = re.compile(r"(?<![^\W_])(?=(\S+)(\s?))")


class Phrases:
    """The stage of all checks that refuse an answer for a phrase: `checks` are asked, `phrases` are what to hold.

    `patterns`: the checks look for patterns of operators too. `literals`: where none of these stands as a word, in folded form,
    no check finds anything; None when that cannot be told.
    """

    name = "phrases"

    def __init__(
        self, checks: Sequence[Check], phrases: Iterable[str], *, patterns: bool, literals: Words | None = None
    ) -> None:
        self.stopped = False
        self._checks = tuple(checks)
        self._phrases = sorted({folded for phrase in phrases if (folded := fold(phrase))})
        self._first_words = frozenset(phrase.partition(" ")[0] for phrase in self._phrases)
        self._literals = literals
        self._looked = 0
        self._quiet = False
        self._longest = max(map(len, self._phrases), default=0)
        self._held_back = HELD if patterns else 0
        self._text = ""
        self._start = 0
        self._shown = 0
        self._judged = 0
        self._suspected: int | None = None
        self._found = ("", PASS)

    def feed(self, piece: str) -> str:
        self._text += piece
        out: list[str] = []
        while not self.stopped and (place := self._next_place()) is not None:
            out.append(self._judge(place, ended=False))
        return "".join(out)

    def finish(self) -> str:
        return "" if self.stopped else self._judge(self._start + len(self._text), ended=True)

    def finding(self) -> Finding:
        return self._found[1]

    @property
    def check(self) -> str:
        """The check that stopped it."""
        return self._found[0]

    def _next_place(self) -> int | None:
        """After the word that ends next, or in a longer one."""
        last = self._judged - self._start
        match = _WORD_END.search(self._text, max(0, last - 1))
        end = match.end() if match else len(self._text) + 1
        if min(end, len(self._text)) >= last + _STEP:
            end = last + _STEP
        return self._start + end if end <= len(self._text) else None

    def _judge(self, place: int, *, ended: bool) -> str:
        self._judged = place
        text = self._text[: place - self._start]
        # Whatever was judged before passed: so it is the last word, or what it completes.
        if self._suspected is None and not self._is_quiet(place) and self._blocking(text):
            self._suspected = place
        if self._suspected is not None:
            if place < self._suspected + AFTER and not ended:
                return ""
            self._suspected = None
            if found := self._blocking(text):
                self.stopped = True
                self._found = found
                return ""
        shown = self._shown - self._start
        until = len(text) if ended else max(shown, min(self._open_from(text), len(text) - self._held_back))
        out = text[shown:until]
        self._shown += len(out)
        self._trim(len(text))
        return out

    def _is_quiet(self, place: int) -> bool:
        """Whether the text up to `place` holds nothing that any check looks for, as is the rule."""
        if self._literals is None or not self._text[place - self._start - 1 : place - self._start].isspace():
            return False
        if place > self._looked:
            text = self._text[: place - self._start + _AHEAD]
            self._looked = self._start + len(text)
            plain = unmarked(text)
            # Marks that a phrase holds itself are looked for as they stand.
            forms = (fold(plain),) if plain == text else (fold(plain), fold(text))
            self._quiet = _SIMPLE.fullmatch(text) is not None and not any(
                next(self._literals.whole(form), None) for form in forms
            )
        return self._quiet

    def _blocking(self, text: str) -> tuple[str, Finding] | None:
        subject = Subject(text, "assistant", "output")
        for check in self._checks:
            finding = check.inspect(subject)
            if finding.action == "block":
                spans = (
                    span.model_copy(update={"start": span.start + self._start, "end": span.end + self._start})
                    for span in finding.spans
                )
                return check.name, Finding("block", finding.code, tuple(spans), finding.score, finding.reason)
        return None

    def _open_from(self, text: str) -> int:
        """The word with which a phrase may have begun that is not complete."""
        if not self._phrases:
            return len(text)
        tail = text[-2 * self._longest - _STEP :]
        folded = fold(unmarked(tail)) + (" " if tail[-1:].isspace() else "")
        for match in _TOKEN.finditer(folded, max(0, len(folded) - self._longest - 1)):
            word, gap = match.groups()
            if gap and word not in self._first_words:
                continue
            following = folded[match.start() :]
            near = bisect_left(self._phrases, following)
            # A phrase that is complete may be the beginning of a longer one, so no distinction is made.
            if near < len(self._phrases) and (self._phrases[near] + " ").startswith(following):
                return len(text) - len(tail) + _last_words(tail, len(following.split()))
        return len(text)

    def _trim(self, judged: int) -> None:
        """Leave the last sentences to be seen; a sentence that is cut might be misread."""
        if judged < _TRIM:
            return
        least, most = judged - VIEW, min(judged, self._shown - self._start)
        ends = [match.end() for match in _SENTENCE_END.finditer(self._text, max(0, least - VIEW // 2), least)]
        for begin in (min(ends[-1] if ends else least, most), most):
            # What passed for the words before it must not be seen without them.
            if not self._blocking(self._text[begin:judged]):
                self._text = self._text[begin:]
                self._start += begin
                self._looked = 0  # a word may begin with the text now
                return


def _last_words(text: str, many: int) -> int:
    """Where the last `many` words of `text` begin. Marks of emphasis that stand alone are none."""
    starts = [match.start() for match in re.finditer(r"\S+", text) if unmarked(match.group())]
    return starts[-many] if 0 < many <= len(starts) else 0


def phrases_of(lists: ListRules, moderation: ModerationRules, business: BusinessRules) -> list[str]:
    """The phrases of these rules that refuse an answer."""
    ignored = frozenset(map(fold, moderation.ignore))
    phrases = [
        term
        for category, grades in TERMS.items()
        for grade, terms in grades.items()
        if moderation.step("output", category, grade) == "block"
        for term in terms
        if fold(term) not in ignored
    ]
    phrases += lists.deny_words
    if business.forbidden_action == "block":
        phrases += business.forbidden
    if business.competitors_action == "block":
        phrases += business.competitors
    return phrases
