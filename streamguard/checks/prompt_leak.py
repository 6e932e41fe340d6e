"""An answer that repeats the instructions: by a canary that stands only there, or by running into the same words."""

import re
from functools import lru_cache

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.events.reason import Reason

_WORD = re.compile(r"\w+")
_SHINGLE = 6
_SHARE = 0.25
_FEW = 8
_MANY = 40


class PromptLeak:
    """Blocks when the canary comes back, or when the answer shares much of the instructions' wording.

    Wording is compared by shingles of six words. An answer may quote a rule or two of its service (flagged); a quarter of the
    instructions, or forty shingles in all, is a leak. `system_text` holds the instructions.
    """

    name = "prompt_leak"

    def __init__(self, system_text: str, canary: str | None) -> None:
        self._system_text = system_text
        self._canary = _bare(canary) if canary else None

    def inspect(self, subject: Subject) -> Finding:
        if self._canary and self._canary in _bare(subject.text):
            return Finding(action="block", code="canary", score=1.0, reason=Reason.LEAKED_PROMPT)
        own = _shingles(self._system_text)
        words = _WORD.findall(subject.text.lower())
        if len(own) < _FEW or len(words) < _SHINGLE + _FEW - 1:
            return PASS
        shared = len(own & _hashed(words))
        if shared < _FEW:
            return PASS
        score = round(shared / len(own), 4)
        if score >= _SHARE or shared >= _MANY:
            return Finding(action="block", code="instructions", score=score, reason=Reason.LEAKED_PROMPT)
        return Finding(action="flag", code="instructions", score=score)


def _bare(text: str) -> str:
    """Letters and digits alone: a canary is found also where the answer spaced or capitalised it."""
    return "".join(_WORD.findall(text)).replace("_", "").casefold()


def _hashed(words: list[str]) -> frozenset[int]:
    return frozenset(map(hash, zip(*(words[start:] for start in range(_SHINGLE)), strict=False)))


@lru_cache(maxsize=256)
def _shingles(text: str) -> frozenset[int]:
    return _hashed(_WORD.findall(text.lower()))
