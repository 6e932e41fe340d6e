"""A prompt's own rules for its answers: forbidden phrases and claims, competitors, disclaimers, length.

Catches what is said in the listed words; promises and claims of the catalogue (`streamguard.checks.answer.claims`) by their
commonest wordings in English and German, unless the clause negates them, makes them a condition or only expects them. Emphasis
(`**full refund**`) makes no difference. Misses promises in other words and other languages, conditions that come after, and
cannot tell whether a promise is true. Nothing by default (1 µs); 25 µs for 2 KB with all claims on.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import ClassVar, Literal

from streamguard.checks.answer.claims import RULES
from streamguard.checks.answer.data import is_data
from streamguard.checks.business_rules import BusinessRules, Disclaimer, Step
from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.text.emphasis import in_marked, unmarked
from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import Pattern, Words, operators_pattern
from streamguard.checks.text.unfolding import unfolded
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_SEVERITY: dict[Step | Literal["transform"], int] = {"flag": 1, "transform": 2, "escalate": 3, "block": 4}
_LISTED = 32
_EACH = 1_000
"""Places of a claim that are looked at; a text with more of them makes it."""
_BEFORE = 40
"""Characters before a claim in which its clause may turn it into something else."""
_NEGATED = re.compile(
    r"n't\b|\b(?:not|never|no|cannot|without|unless|whether|if|nicht|kein|keine|keinen|keinerlei|nie|niemals|weder|ohne|ob|falls|wenn|sofern)\b"
)
# A "no" that denies nothing of what follows it.
_REASSURED = re.compile(
    r"\b(?:(?:no|not an?) (?:problem|worries|doubt|trouble|issue|matter what)|without (?:a |any )?(?:doubt|problems?|question)"
    r"|kein(?:e|en)? (?:problem|sorge|sorgen|thema|frage|zweifel)|ohne (?:weiteres|zweifel|probleme))\b"
)
_HEDGED = re.compile(
    r"\b(?:voraussichtlich|vermutlich|wahrscheinlich|normalerweise|probably|likely|expected|estimated|usually|normally|typically)\b"
)
"""What is only expected is no promise of a day or a price."""
_CAN_BE_HEDGED = frozenset(("delivery_promise", "price_promise"))
_CLAUSE = re.compile(r"[.!?;:]")
_SENTENCE = re.compile(r"[.!?。！？]+(?=\s|$)")

_Wrong = tuple[str, Step | Literal["transform"], tuple[Span, ...]]
"""Code, step and places of a rule that is broken."""


_DEFAULT = BusinessRules()


class Business:
    """Applies one prompt's rules. Holds compiled words: build one for a prompt and use it for all its answers."""

    name = "business"
    codes: ClassVar[Mapping[str, str]] = {
        "forbidden_phrase": "The answer holds a phrase or pattern that the prompt's rules forbid (`business.forbidden`).",
        "claim": "The answer promises or claims what this prompt's answers must not, by its wording; the span names the rule of "
        "`business.claims`.",
        "competitor": "The answer names one of `business.competitors`.",
        "disclaimer_added": "A required disclaimer was missing and has been appended.",
        "missing_disclaimer": "A required disclaimer is missing (`business.disclaimers`).",
        "length": "The answer is shorter or longer than `business` allows, in characters, words or sentences.",
    }

    def __init__(self, rules: BusinessRules = _DEFAULT) -> None:
        self._rules = rules
        self._patterns = tuple(map(operators_pattern, rules.forbidden_patterns))
        forbidden, competitors = frozenset(map(fold, rules.forbidden)), frozenset(map(fold, rules.competitors))
        self._kinds: tuple[tuple[str, frozenset[str], str, Step], ...] = (
            ("forbidden", forbidden, "forbidden_phrase", rules.forbidden_action),
            ("competitor", competitors, "competitor", rules.competitors_action),
        )
        self._claims: dict[str, list[int]] = {}
        for place, rule in enumerate(RULES):
            if rule.name in rules.claims:
                for anchor in rule.anchors:
                    self._claims.setdefault(anchor, []).append(place)
        marked = {phrase for phrase in forbidden | competitors if unmarked(phrase) != phrase}
        plain = {*forbidden, *competitors, *self._claims} - marked
        self.literals = None if self._patterns else frozenset(plain | marked)
        """Nothing that is forbidden is found in an answer whose folded form holds none of these as a word. None: there are
        patterns."""
        self._words = Words(plain) if plain else None
        self._marked = Words(marked) if marked else None
        self._required = tuple(map(_Required, rules.disclaimers))
        self._bounded = any(value is not None for value in _bounds(rules))

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        wrong = [*self._said(text)]
        if self._bounded and not self._fits(text):
            wrong.append(("length", self._rules.length_action, ()))
        added: list[str] = []
        for required in self._required:
            if not required.is_missing(fold(unmarked(text))):
                continue
            if required.missing == "append" and not is_data(text):
                added.append(required.text)
                wrong.append(("disclaimer_added", "transform", ()))
            else:
                wrong.append(("missing_disclaimer", "block" if required.missing == "block" else "flag", ()))
        if not wrong:
            return PASS
        code, step, _ = max(wrong, key=lambda item: _SEVERITY[item[1]])
        return Finding(
            action=step,
            code=code,
            spans=tuple(span for _, _, spans in wrong for span in spans)[:_LISTED],
            reason=_reason(code) if step in ("block", "escalate") else None,
            text="\n\n".join((text.rstrip(), *added)) if added else None,
            contributions={broken: 1.0 for broken, _, _ in wrong},
        )

    def _said(self, text: str) -> Iterator[_Wrong]:
        rules = self._rules
        for pattern in self._patterns:
            if spans := tuple(
                Span(kind="forbidden", start=start, end=end) for start, end in islice(pattern.spans(text), _LISTED)
            ):
                yield "forbidden_phrase", rules.forbidden_action, spans
        yield from self._marked_phrases(text)
        if self._words is None:
            return
        plain = unmarked(text)
        folded = fold(plain)
        asked: set[int] = set()
        named: dict[str, list[tuple[int, int]]] = {}
        for start, end, word in self._words.whole(folded):
            asked.update(self._claims.get(word, ()))
            for kind, words, _, _ in self._kinds:
                if word in words and len(places := named.setdefault(kind, [])) < _LISTED:
                    places.append((start, end))
        for kind, _, code, action in self._kinds:
            if kind in named:
                yield code, action, _spans(kind, text, plain, named[kind])
        for place in sorted(asked):
            if places := [*islice(_claimed(place, folded), _LISTED)]:
                name = RULES[place].name
                yield "claim", rules.claims[name], _spans(name, text, plain, places)

    def _marked_phrases(self, text: str) -> Iterator[_Wrong]:
        """Phrases that hold marks of emphasis themselves (`__init__`), in the text as it stands."""
        if self._marked is None:
            return
        folded = fold(text)
        for start, end, word in islice(self._marked.whole(folded), _LISTED):
            for kind, words, code, action in self._kinds:
                if word in words:
                    place = unfolded(text, folded, [(start, end)])[0]
                    yield code, action, (Span(kind=kind, start=place[0], end=place[1]),)

    def _fits(self, text: str) -> bool:
        rules = self._rules
        return (
            _within(rules.min_characters, len(text), rules.max_characters)
            and (
                (rules.min_words or rules.max_words) is None
                or _within(rules.min_words, len(text.split()), rules.max_words)
            )
            and (
                (rules.min_sentences or rules.max_sentences) is None
                or _within(rules.min_sentences, _sentences(text), rules.max_sentences)
            )
        )


def _bounds(rules: BusinessRules) -> tuple[int | None, ...]:
    return (
        *(rules.min_characters, rules.max_characters, rules.min_words),
        *(rules.max_words, rules.min_sentences, rules.max_sentences),
    )


def _within(least: int | None, value: int, most: int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _sentences(text: str) -> int:
    """Ends of sentences; what stands after the last one counts as one too."""
    ends = sum(1 for _ in _SENTENCE.finditer(text))
    last = text.rstrip()
    return ends + (bool(last) and last[-1] not in ".!?。！？")


def _claimed(place: int, folded: str) -> Iterator[tuple[int, int]]:
    for count, (start, end) in enumerate(islice(_expression(place).spans(folded), _EACH), start=1):
        before = _REASSURED.sub(" ", _CLAUSE.split(folded[max(0, start - _BEFORE) : start])[-1])
        negated = _NEGATED.search(before) or _NEGATED.search(folded, start, end)
        if not negated and RULES[place].name in _CAN_BE_HEDGED:
            negated = _HEDGED.search(before) or _HEDGED.search(folded, start, end)
        if not negated or count == _EACH:
            yield start, end


class _Required:
    """A disclaimer, ready to be looked for."""

    def __init__(self, disclaimer: Disclaimer) -> None:
        self.text = disclaimer.text
        self.missing = disclaimer.missing
        self._when = Words(map(fold, disclaimer.when)) if disclaimer.when else None
        self._enough = tuple(fold(unmarked(text)) for text in (disclaimer.text, *disclaimer.instead))

    def is_missing(self, folded: str) -> bool:
        if self._when is not None and next(self._when.whole(folded), None) is None:
            return False
        return not any(phrase in folded for phrase in self._enough)


def _spans(kind: str, text: str, plain: str, places: list[tuple[int, int]]) -> tuple[Span, ...]:
    """`places` are those in the folded form of `plain`, which is `text` without its marks of emphasis."""
    found = in_marked(text, unfolded(plain, fold(plain), places))
    return tuple(Span(kind=kind, start=start, end=end) for start, end in found)


def _reason(code: str) -> Reason:
    """What an answer lacks, the model can give when it is asked again; what it must not say, is not said."""
    return Reason.INVALID_OUTPUT if code in ("length", "missing_disclaimer") else Reason.UNSAFE_OUTPUT


@cache
def _expression(place: int) -> Pattern:
    return Pattern(RULES[place].expression)
