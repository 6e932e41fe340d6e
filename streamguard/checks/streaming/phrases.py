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


class Phrases:
    """The stage of all checks that refuse an answer for a phrase: `checks` are asked, `phrases` are what to hold.

    `patterns`: the checks look for patterns of operators too.
    """

    name = "phrases"

    def __init__(self, checks: Sequence[Check], phrases: Iterable[str], *, patterns: bool) -> None:
        self.stopped = False
        self._checks = tuple(checks)
        self._phrases = sorted({folded for phrase in phrases if (folded := fold(phrase))})
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
        if self._suspected is None and self._blocking(text):
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
        for place in range(max(0, len(folded) - self._longest - 1), len(folded)):
            if place and folded[place - 1].isalnum():
                continue
            following = folded[place:]
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
