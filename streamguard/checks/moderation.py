"""Moderation by severity-graded words: a first pass that costs microseconds. Judges by wording, not by meaning."""

from collections.abc import Mapping

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.folding import fold
from streamguard.checks.matching import Words
from streamguard.checks.moderation_terms import TERMS, Grade
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_HIGHEST: Grade = 3


class Moderation:
    """Blocks on a term of the highest grade, flags the others. The score is the grade over the highest one."""

    name = "moderation"

    def __init__(self, terms: Mapping[Grade, tuple[str, ...]] = TERMS) -> None:
        self._grades: dict[str, Grade] = {fold(term): grade for grade, listed in terms.items() for term in listed}
        self._words = Words(self._grades)

    def inspect(self, subject: Subject) -> Finding:
        grade = max((self._grades[word] for _, _, word in self._words.whole(fold(subject.text))), default=0)
        if grade == 0:
            return PASS
        score = round(grade / _HIGHEST, 2)
        spans = (Span(kind=f"grade_{grade}", start=0, end=len(subject.text)),)
        if grade < _HIGHEST:
            return Finding(action="flag", code="coarse", spans=spans, score=score)
        reason = Reason.UNSAFE_INPUT if subject.direction == "input" else Reason.UNSAFE_OUTPUT
        return Finding(action="block", code="unsafe", spans=spans, score=score, reason=reason)
