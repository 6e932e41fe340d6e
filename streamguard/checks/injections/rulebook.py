"""The precise layer of the injection check: expressions that hardly an innocent text contains."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamguard.checks.injections.rules import PHRASES, RULES, InjectionPhrase, InjectionRule
from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import PatternSet, Words

_TOGETHER = 3
# Emphasis of Markdown and HTML, which parts words for an expression and for nobody else.
_EMPHASIS = re.compile(
    r"[*`~]+|</?(?:b|i|u|s|a|em|strong|span|font|mark|small|big|code|sub|sup|tt|wbr)(?: [^<>]{0,200})?/?>"
)


@dataclass(frozen=True, slots=True)
class RuleReading:
    """`score`: 0 to 1, what the matched rules say together. `kinds`: of which kinds they are, the heaviest first."""

    score: float = 0.0
    kinds: tuple[str, ...] = ()


class Rulebook:
    """Matches all rules in one pass over the folded text: 60 µs on 2 KB."""

    def __init__(self, table: Sequence[InjectionRule] = RULES, phrases: Sequence[InjectionPhrase] = PHRASES) -> None:
        self._rules = tuple(table)
        self._set = PatternSet([rule.expression for rule in table])
        self._phrases = {fold(phrase): entry for entry in phrases for phrase in entry.phrases}
        self._words = Words(self._phrases)

    def read(self, text: str, *, foreign: bool) -> RuleReading:
        """What the three heaviest matches say together (noisy-or): more of them come with length, not with guilt."""
        matched = sorted(self._matched(_bare(fold(text)), foreign), reverse=True)
        innocent = 1.0
        for weight, _ in matched[:_TOGETHER]:
            innocent *= 1 - weight
        kinds = dict.fromkeys(kind for weight, kind in matched if weight > 0)
        return RuleReading(round(1 - innocent, 4), tuple(kinds))

    def _matched(self, folded: str, foreign: bool) -> Iterator[tuple[float, str]]:
        for position in self._set.matches(folded):
            rule = self._rules[position]
            yield rule.document if foreign and rule.document is not None else rule.weight, rule.kind
        if not folded.isascii():
            entries = dict.fromkeys(self._phrases[phrase] for phrase in self._words.within(folded))
            yield from ((entry.weight, entry.kind) for entry in entries)


def _bare(folded: str) -> str:
    return _EMPHASIS.sub("", folded) if any(sign in folded for sign in "*`~<") else folded
