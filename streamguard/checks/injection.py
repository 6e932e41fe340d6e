"""Texts that try to give the model orders: injections and jailbreaks, by rules.

Rules are precise and blind: they stop the well-known forms and let through what is put in new words. What they let through is
met by the fences around foreign text and by the checks of the answer.
"""

from collections.abc import Sequence

from streamguard.checks.contract import PASS, CheckPolicy, Finding, Role, Subject
from streamguard.checks.folding import fold
from streamguard.checks.injection_rules import RULES, InjectionRule
from streamguard.checks.matching import PatternSet
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_FOREIGN: frozenset[Role] = frozenset({"document", "tool"})
_FLAG = 0.3


class Injection:
    """Blocks from the policy's score on, flags below it; stricter with documents.

    The service's own instructions (`system`) may give orders and pass unread. What the model said earlier (`assistant`) is
    only flagged: it repeats what it refused.
    """

    name = "injection"

    def __init__(self, policy: CheckPolicy, rules: Sequence[InjectionRule] = RULES) -> None:
        self._rules = tuple(rules)
        self._set = PatternSet([rule.expression for rule in rules])
        self._user = policy.injection_user
        self._document = policy.injection_document

    def inspect(self, subject: Subject) -> Finding:
        if subject.role == "system":
            return PASS
        foreign = subject.role in _FOREIGN
        matched = [self._rules[position] for position in self._set.matches(fold(subject.text))]
        innocent = 1.0
        for rule in matched:
            innocent *= 1 - (rule.document if foreign and rule.document is not None else rule.weight)
        score = round(1 - innocent, 4)
        if score < _FLAG:
            return PASS if score == 0 else Finding(score=score)
        # Folding loses places: a span names the kind of rule and stands for the whole text.
        kinds = sorted({rule.kind for rule in matched})
        spans = tuple(Span(kind=kind, start=0, end=len(subject.text)) for kind in kinds)
        threshold = self._document if foreign else self._user
        if score < threshold or subject.role == "assistant":
            return Finding(action="flag", code="suspicious", spans=spans, score=score)
        return Finding(
            action="block", code="prompt_injection", spans=spans, score=score, reason=Reason.PROMPT_INJECTION
        )
