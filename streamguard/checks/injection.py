"""Texts that try to give the model orders: injections and jailbreaks, by rules.

Rules are precise and blind: they stop the well-known forms and let through what is put in new words. What they let through is
met by the fences around foreign text and by the checks of the answer.
"""

from collections.abc import Sequence

from streamguard.checks.contract import PASS, Finding, Role, Rules, Subject, Thresholds
from streamguard.checks.folding import fold
from streamguard.checks.injection_rules import RULES, InjectionRule
from streamguard.checks.matching import PatternSet
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_FOREIGN: frozenset[Role] = frozenset({"document", "tool"})


class InjectionRules(Rules):
    """From which score on a text is flagged or refused."""

    user: Thresholds = Thresholds(flag=0.3, block=0.75)
    """What users say, and variables of prompts."""
    document: Thresholds = Thresholds(flag=0.3, block=0.5)
    """Documents and answers of tools: they have no business giving orders."""


_DEFAULT = InjectionRules()


class Injection:
    """Blocks and flags by score; stricter with documents.

    The service's own instructions (`system`) may give orders and pass unread. What the model said earlier (`assistant`) is
    only flagged: it repeats what it refused.
    """

    name = "injection"

    def __init__(self, rules: InjectionRules = _DEFAULT, table: Sequence[InjectionRule] = RULES) -> None:
        self._thresholds = rules
        self._rules = tuple(table)
        self._set = PatternSet([rule.expression for rule in table])

    def inspect(self, subject: Subject) -> Finding:
        if subject.role == "system":
            return PASS
        foreign = subject.role in _FOREIGN
        matched = [self._rules[position] for position in self._set.matches(fold(subject.text))]
        innocent = 1.0
        for rule in matched:
            innocent *= 1 - (rule.document if foreign and rule.document is not None else rule.weight)
        score = round(1 - innocent, 4)
        thresholds = self._thresholds.document if foreign else self._thresholds.user
        action = thresholds.action(score)
        if action == "pass":
            return PASS if score == 0 else Finding(score=score)
        # Folding loses places: a span names the kind of rule and stands for the whole text.
        kinds = sorted({rule.kind for rule in matched})
        spans = tuple(Span(kind=kind, start=0, end=len(subject.text)) for kind in kinds)
        if action == "flag" or subject.role == "assistant":
            return Finding(action="flag", code="suspicious", spans=spans, score=score)
        return Finding(action=action, code="prompt_injection", spans=spans, score=score, reason=Reason.PROMPT_INJECTION)
