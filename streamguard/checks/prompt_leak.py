"""An answer that repeats the instructions: by a canary that stands only there, or by running into the same words.

Catches the canary in any case and spacing, with accents or lookalikes, reversed, in rot13, base64 and hex; whole sentences of
the instructions; longer passages; and answers that share much of their wording, unless that is only facts (opening hours).
Misses instructions that are translated, paraphrased, encoded, written in lookalikes or spelled out letter by letter, where the
model leaves the canary out; and instructions of fewer than thirteen words in sentences of fewer than eight. 70 µs for 2 KB, 50
of them for its words, which `coherence` shares.
"""

from collections.abc import Mapping, Set
from typing import ClassVar, Literal

from pydantic import Field

from streamguard.checks.answer.leak_index import RUN_WORDS, leak_index
from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.checks.text.splicing import spliced
from streamguard.checks.text.wording import SHINGLE, hashed, shingles_of, words_of
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

MASK = "[removed]"
_FEW = RUN_WORDS
_LISTED = 64


class PromptLeakRules(Rules):
    """Section `prompt_leak`."""

    share: float = Field(default=0.25, gt=0, le=1)
    """Share of the instructions' wording (runs of six words) from which an answer is refused as a leak. An answer that shares
    nothing but sentences that speak to nobody is refused by `many` alone."""
    many: int = Field(default=40, ge=1)
    """Shared runs of six words from which it is refused, however long the instructions are."""
    lines: Literal["flag", "transform", "block"] = "transform"
    """What a whole sentence of the instructions leads to; `transform` puts `[removed]` for it. Sentences that speak to nobody
    (opening hours) never count as such: services write them to be passed on."""
    passage_words: int = Field(default=16, ge=RUN_WORDS)
    """Words of the instructions in a row, whole sentence or not, that are treated as one; unless all they do is state facts."""


_DEFAULT = PromptLeakRules()


class PromptLeak:
    """Blocks leaks, masks single sentences of the instructions, flags shorter quotations.

    `system_text` holds the instructions as sent, `canary` the word that stands in them. Made anew for each answer; what is
    known of the instructions is remembered.
    """

    name = "prompt_leak"
    codes: ClassVar[Mapping[str, str]] = {
        "canary": "The answer holds the word that stands only in the instructions: the model repeats them. Refused.",
        "instructions": "The answer shares much of the instructions' wording (blocked), or a little of it (flagged). If it is "
        "meant to be passed on, raise `prompt_leak.share` for this prompt.",
        "instruction_line": "The answer repeats whole sentences of the instructions; by `prompt_leak.lines` they are flagged, "
        "masked, or the answer is refused.",
    }

    def __init__(self, rules: PromptLeakRules = _DEFAULT, system_text: str = "", canary: str | None = None) -> None:
        self._rules = rules
        self._index = leak_index(system_text, canary)

    def inspect(self, subject: Subject) -> Finding:
        index, text = self._index, subject.text
        if index.has_canary(text):
            return Finding(
                action="block",
                code="canary",
                score=1.0,
                spans=_of(index.spans(text), "canary"),
                reason=Reason.LEAKED_PROMPT,
            )
        shingles = shingles_of(text)
        if index.shingles.isdisjoint(shingles):
            return PASS
        shared = index.shingles.intersection(shingles)
        score = round(len(shared) / len(index.shingles), 4)
        if self.is_too_much(shared):
            return Finding(
                action="block",
                code="instructions",
                score=score,
                spans=_of(index.spans(text), "run"),
                reason=Reason.LEAKED_PROMPT,
            )
        spans = index.spans(text)
        if repeated := self.repeated(text, spans):
            return self._lines(text, repeated, score)
        if not self.is_noted(len(shared)):
            return PASS
        return Finding(action="flag", code="instructions", score=score, spans=_of(spans, "run"))

    def is_too_much(self, shared: Set[int]) -> bool:
        """Do these shared runs of six words make an answer a leak? Facts alone only do where they are many: of short
        instructions the opening hours may be a quarter, and they are there to be told."""
        if not self.is_noted(len(shared)):
            return False
        if len(shared) >= self._rules.many:
            return True
        score = round(len(shared) / len(self._index.shingles), 4)
        return score >= self._rules.share and not shared <= self._index.facts

    def is_noted(self, shared: int) -> bool:
        """Do so many make it worth telling?"""
        return shared >= _FEW

    def repeated(self, text: str, spans: tuple[Span, ...]) -> list[Span]:
        """Those of the index's `spans` that are treated as whole lines, in the order of `(start, -end)`."""
        return sorted(
            (
                span
                for span in spans
                if span.kind == "line" or (span.kind == "run" and self._is_passage(text[span.start : span.end]))
            ),
            key=lambda span: (span.start, -span.end),
        )

    def _is_passage(self, run: str) -> bool:
        words = words_of(run)
        return len(words) >= self._rules.passage_words and not self._index.facts.issuperset(hashed(words, SHINGLE))

    def _lines(self, text: str, spans: list[Span], score: float) -> Finding:
        action = self._rules.lines
        return Finding(
            action=action,
            code="instruction_line",
            score=score,
            spans=tuple(spans[:_LISTED]),
            reason=Reason.LEAKED_PROMPT if action == "block" else None,
            text=spliced(text, ((span.start, span.end, MASK) for span in spans)) if action == "transform" else None,
        )


def _of(spans: tuple[Span, ...], kind: str) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.kind == kind)[:_LISTED]
