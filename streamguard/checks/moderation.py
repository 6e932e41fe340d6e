"""Moderation by wording: severity-graded phrases in fourteen categories, a first pass that costs microseconds.

Catches well-known abuse, threats, slurs, calls to violence, wishes to die and recipes for harm, best in English and German. Where
the text speaks *of* a phrase (quotes it, asks what it means, reports who said it), the grade falls by one.
Misses whatever is said in other words: insinuation, irony, new slang, spaced or misspelt words, other languages, harm that
comes out of harmless words. It cannot tell fiction from intent either, so most of what is asked is flagged rather than refused. A
model behind a moderation endpoint sees more: its scores join these by `Moderated.merge`. 30 µs for 2 KB in which nothing is
found (13 of them folding, shared with other checks).
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import ClassVar

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.moderating.rules import RULES, ModerationRule
from streamguard.checks.moderating.scores import Category, Grade, Moderated, ModerationRules, judged, score_of
from streamguard.checks.moderating.terms import TERMS
from streamguard.checks.text.emphasis import in_marked, unmarked
from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import Pattern, PatternSet, Words
from streamguard.checks.text.unfolding import unfolded
from streamguard.events.trail import Span

_AROUND = 48
"""Characters on either side in which the rest of a sentence is looked for."""
_EACH = 1_000
"""Places of one phrase or rule at which it is asked whether the text only speaks of it. Beyond that it is taken as said."""
_LISTED = 32

# A refusal names what it refuses.
_SPEAKING_OF = re.compile(
    r"[\"'] ?$|\b(?:said|says|saying|told|texted|wrote|writes|shouted|yelled|called|calls|threatened|posted|phrases?|words?"
    r"|terms?|slogan|salute|slurs?|means?|meaning|definition|defin\w+|quot\w+|translat\w+|chant\w*|origin of|history of"
    r"|why (?:is|do|did|are)|sagte|schrieb|nannte|rief|drohte|bedeutet|heisst|wort|worte|wortern|begriff|ausdruck|parole|gruss"
    r"|dit|ecrit|dijo|escribio|significa|disse|detto|can't|cannot|won't|unable|not able|refuse|leider nicht"
    r"|keine anleitung)\b[^.!?]*$"
)
_SPOKEN_OF = re.compile(
    r"[\"']? ?(?:means?|bedeutet|heisst|signifi\w+|comes? from"
    r"|(?:is|was|are) (?:an? |the )?(?:\w+ )?(?:slurs?|slogan|salute|phrase|insult|term|word|threat))\b"
)
"""The same, after the phrase."""


_DEFAULT = ModerationRules()


class Moderation:
    """Scores a text by category; what that leads to the rules say, for asking and for answering apart."""

    name = "moderation"
    codes: ClassVar[Mapping[str, str]] = {
        "unsafe": "The wording is of the highest grade in some category (see the contributions): a threat, a call to violence, "
        "a recipe for harm. Refused, or left to a person, by `moderation.categories`.",
        "self_harm_risk": "Somebody speaks of harming himself, or asks how. What is asked goes to a person (`high_urgency`) "
        "rather than being turned away.",
        "sensitive": "The wording is abusive, explicit or asks for something harmful, below the grade that is refused. Flagged.",
        "coarse": "Coarse language, aimed at nobody. Flagged.",
    }

    def __init__(self, rules: ModerationRules = _DEFAULT) -> None:
        self._rules = rules
        self._ignored = frozenset(map(fold, rules.ignore))

    @property
    def literals(self) -> frozenset[str]:
        """Nothing is found in a text whose folded form holds none of these as a word."""
        return _anchors().union(_terms())

    def inspect(self, subject: Subject) -> Finding:
        plain = unmarked(subject.text)
        folded = fold(plain)
        hits = [*self._hits(folded)]
        if not hits:
            return PASS
        scores: dict[str, float] = {}
        for category, grade, _, _ in hits:
            scores[category] = max(score_of(grade), scores.get(category, 0.0))
        hits.sort(key=lambda hit: -hit[1])
        listed = sorted(hits[:_LISTED], key=lambda hit: hit[2:])
        places = in_marked(subject.text, unfolded(plain, folded, [hit[2:] for hit in listed]))
        spans = tuple(Span(kind=hit[0], start=start, end=end) for hit, (start, end) in zip(listed, places, strict=True))
        return judged(Moderated(scores), self._rules, subject.direction, spans)

    def _hits(self, folded: str) -> Iterator[tuple[Category, Grade, int, int]]:
        """Category, grade and place, in the folded text."""
        terms, anchors = _terms(), _anchors()
        anchored = False
        counts: dict[str, int] = {}
        for start, end, word in _words().whole(folded):
            anchored = anchored or word in anchors
            if word in terms and word not in self._ignored:
                category, grade = terms[word]
                count = counts[word] = counts.get(word, 0) + 1
                if count > _EACH:
                    continue
                if (its := grade if count == _EACH else _graded(grade, folded, start, end)) is not None:
                    yield category, its, start, end
        if anchored:
            for place in _set().matches(folded):
                yield from _of_rule(place, folded)


def _of_rule(place: int, folded: str) -> Iterator[tuple[Category, Grade, int, int]]:
    rule = RULES[place]
    pattern, unless = _patterns(place)
    for count, (start, end) in enumerate(islice(pattern.spans(folded), _EACH), start=1):
        if count == _EACH:
            yield rule.category, rule.grade, start, end
        elif unless is not None and unless.found_in(folded[max(0, start - _AROUND) : end + _AROUND]):
            continue
        elif (grade := _graded(rule.grade, folded, start, end)) is not None:
            yield rule.category, grade, start, end


def _graded(grade: Grade, folded: str, start: int, end: int) -> Grade | None:
    """`grade`, or one less where the text speaks of the phrase that stands from `start` to `end`."""
    if not (
        _SPEAKING_OF.search(folded[max(0, start - _AROUND) : start]) or _SPOKEN_OF.match(folded, end, end + _AROUND)
    ):
        return grade
    return 2 if grade == 3 else 1 if grade == 2 else None


# What is compiled is the same for all policies: built once, when the first text comes.
@cache
def _terms() -> dict[str, tuple[Category, Grade]]:
    terms: list[tuple[str, Category, Grade]] = [
        (fold(term), category, grade)
        for category, grades in TERMS.items()
        for grade, listed in grades.items()
        for term in listed
    ]
    return {term: (category, grade) for term, category, grade in sorted(terms, key=lambda item: item[2])}


@cache
def _anchors() -> frozenset[str]:
    return frozenset(anchor for rule in RULES for anchor in rule.anchors)


@cache
def _words() -> Words:
    return Words({*_terms(), *_anchors()})


@cache
def _set() -> PatternSet:
    return PatternSet([rule.expression for rule in RULES])


@cache
def _patterns(place: int) -> tuple[Pattern, Pattern | None]:
    rule: ModerationRule = RULES[place]
    return Pattern(rule.expression), Pattern(rule.unless) if rule.unless else None
