"""Texts that try to give the model orders: injections and jailbreaks, and orders buried in documents.

Layers give named contributions, which make one score: `rules` (precise expressions), `classifier` (a small model trained in
`training/`; its card lies beside it), `tricks` (characters nobody sees, alphabets that look alike), `encoded` (passages in code).

Catches the usual forms in English and German, the best known ones in a dozen languages, role-play without limits, requests for
the prompt; in documents, sentences that ask something of whoever reads them for the user.
Misses: new ideas in plain words, half of what is no order in form (a question, an innocent remark meant for the model), most of
what is written in other languages. What it lets through is met by the fences around foreign text and by the checks of the answer.
Costs 85 µs on two words, 200 on 200 B, 530 on 2 KB; linear.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

from streamguard.checks.contract import PASS, Finding, Role, Rules, Subject, Thresholds
from streamguard.checks.injections.classifier import Classifier, shipped
from streamguard.checks.injections.rulebook import Rulebook
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_FOREIGN: frozenset[Role] = frozenset({"document", "tool"})
_NAMES = {"unicode": "tricks", "encoded": "encoded"}
"""Checks whose score counts here too, and the contribution's name."""

EVIDENCE = {"rules": 3.0, "tricks": 2.0, "encoded": 2.0}
"""By how much (natural log-odds) a contribution of 1 raises what the classifier says."""
_STANDS_ALONE = 0.8
"""From here on what the rules say is enough by itself, whatever else the text holds."""
_LIMIT = 1e-6


class InjectionRules(Rules):
    """From which score on a text is flagged, left to a person or refused.

    Scores of both kinds mean the same: at 0.5 about 2 in 100 innocent texts are refused.
    """

    user: Thresholds = Thresholds(flag=0.3, block=0.5)
    """What users say, and variables of prompts."""
    document: Thresholds = Thresholds(flag=0.3, block=0.5)
    """Documents and answers of tools: they have no business giving orders."""


_DEFAULT = InjectionRules()


def combine(contributions: Mapping[str, float]) -> float:
    """One score from what the layers say (each 0 to 1).

    The log-odds of `classifier` (and of `remote`, as much again), raised by the evidence of the others; never less than what
    `rules` say when they are certain. Without `classifier` the evidence starts from one in ten.
    """
    odds = sum(_log_odds(contributions[name]) for name in ("classifier", "remote") if name in contributions)
    if "classifier" not in contributions and "remote" not in contributions:
        odds = _log_odds(0.1)
    odds += sum(weight * contributions.get(name, 0.0) for name, weight in EVIDENCE.items())
    together = 1 / (1 + math.exp(-odds))
    rules = contributions.get("rules", 0.0)
    return round(max(together, rules if rules >= _STANDS_ALONE else 0.0), 4)


def _log_odds(probability: float) -> float:
    bounded = min(1 - _LIMIT, max(_LIMIT, probability))
    return math.log(bounded / (1 - bounded))


class Injection:
    """Grades each text by its score.

    The service's own instructions (`system`) may give orders and pass unread. What the model said earlier (`assistant`) is
    only flagged: it repeats what it refused.
    """

    name = "injection"
    codes: ClassVar[Mapping[str, str]] = {
        "prompt_injection": (
            "The text gives the model orders against its instructions, or asks for them. Refused; the contributions tell which"
            " layer saw it. Where users of a prompt may write so, raise `input.injection.user` for that prompt."
        ),
        "buried_instruction": (
            "A document or the answer of a tool addresses whoever reads it for the user. Refused; look at the span, and at"
            " where the document came from. `input.injection.document` sets the threshold."
        ),
        "suspicious": "It resembles an injection, too little to refuse it. Look at a few before you lower a threshold.",
    }

    def __init__(
        self, rules: InjectionRules = _DEFAULT, *, book: Rulebook | None = None, classifier: Classifier | None = None
    ) -> None:
        """`book` and `classifier`: those that come along unless others are given."""
        self._thresholds = rules
        self._book = Rulebook() if book is None else book
        self._classifier = shipped() if classifier is None else classifier

    def inspect(self, subject: Subject) -> Finding:
        if subject.role == "system" or not subject.text.strip():
            return PASS
        foreign = subject.role in _FOREIGN
        reading = self._classifier.read(subject.text, "foreign" if foreign else "user")
        ruled = self._book.read(subject.text, foreign=foreign)
        contributions = {"rules": ruled.score, "classifier": round(reading.score, 4)}
        contributions |= {_NAMES[check]: score for check, score in subject.earlier.items() if check in _NAMES}
        score = combine(contributions)
        action = (self._thresholds.document if foreign else self._thresholds.user).action(score)
        if action == "pass":
            return Finding(score=score, contributions=contributions)
        # Rules are matched against a folded text, which has lost its places; the classifier names the sentences it dislikes most.
        kinds = ruled.kinds[:1] or ("classifier",)
        spans = tuple(Span(kind=kind, start=reading.start, end=reading.end) for kind in kinds)
        if action == "flag" or subject.role == "assistant":
            return Finding(action="flag", code="suspicious", spans=spans, score=score, contributions=contributions)
        code = "buried_instruction" if foreign else "prompt_injection"
        return Finding(
            action=action,
            code=code,
            spans=spans,
            score=score,
            reason=Reason.PROMPT_INJECTION,
            contributions=contributions,
        )
