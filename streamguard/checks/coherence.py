"""Whether an answer is one: not empty, not stuck, not cut off, in the right language, not a refusal, without debris.

Catches answers of white space, loops (by repeated runs of six words and by a repeating end), ends that show that something is
missing, another language than the asker's or the policy's, openings that decline in a dozen languages, marks of fences, chat
turns and templates. Misses an end that looks like one, loops that vary their words, a language in fewer than forty letters, and
nonsense in good sentences. 50 µs for 2 KB, and 50 more for its words, which `prompt_leak` shares; the language model (fastText,
small) costs 80 where common words do not settle it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from streamguard.checks.answer.data import is_data
from streamguard.checks.answer.debris import debris
from streamguard.checks.answer.endings import cut_off
from streamguard.checks.answer.language import Guess, language_of, plainly_in, same_language
from streamguard.checks.answer.looping import repeated_share
from streamguard.checks.answer.refusals import declines
from streamguard.checks.contract import PASS, Finding, Rules, Subject, Thresholds
from streamguard.checks.text.folding import fold
from streamguard.checks.text.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

Step = Literal["off", "flag", "escalate", "block"]
_SEVERITY: dict[Step | Literal["transform"], int] = {"off": 0, "flag": 1, "transform": 2, "escalate": 3, "block": 4}
_LISTED = 32
_SURE = 0.6
_READ = 1_000
"""Characters of what is asked that are read at its beginning, and at its end."""
_NOT_LANGUAGES = frozenset(
    (
        *(
            "translate",
            "translation",
            "übersetz",
            "traduc",
            "traduis",
            "tradui",
            "traduz",
            "перевед",
            "翻译",
            "tłumacz",
        ),
        *("english", "englisch", "anglais", "inglés", "inglese", "inglês", "german", "deutsch", "allemand", "alemán"),
        *("french", "französisch", "français", "spanish", "spanisch", "español", "italian", "italienisch", "italiano"),
        *("portuguese", "portugiesisch", "português", "dutch", "polish", "russian", "russisch", "chinese", "japanese"),
        *("turkish", "arabic", "korean", "language", "sprache", "langue", "idioma", "lingua"),
    )
)
"""Who names a language or a translation may want an answer in another one."""


class CoherenceRules(Rules):
    """Section `coherence`."""

    empty: Step = "block"
    """An answer of nothing but white space."""
    looping: Thresholds = Thresholds(flag=0.35, block=0.7)
    """By the share of the answer that repeats what stood before."""
    cut_off: Step = "flag"
    """An answer that the model did not finish, by its finish reason or by its looks."""
    language: str = Field(default="asker", pattern=r"^(?:asker|any|[a-z]{2,3}(?:-[A-Za-z]{2,4})?)$")
    """What answers are to be in: an ISO 639 code, `asker` for the language of what is asked, `any` for whatever comes."""
    wrong_language: Step = "flag"
    """An answer in another language than that."""
    refusal: Step = "flag"
    """A short answer in which the model declines."""
    refusal_words: int = Field(default=120, ge=1)
    """An answer of more words does not count as a refusal."""
    debris: Literal["off", "flag", "transform", "escalate", "block"] = "flag"
    """Marks of fences and chat turns, unfilled templates; `transform` takes them out. (Phrases in answers of more than 32,768
    characters have no place that could be told, and are flagged.)"""
    phrases: tuple[str, ...] = Field(default=("as an ai language model", "als ki-sprachmodell"), max_length=1_000)
    """Phrases that count as debris."""

    @field_validator("phrases")
    @classmethod
    def _say_something(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for place, phrase in enumerate(phrases):
            if not any(map(str.isalnum, fold(phrase))):
                raise ValueError(f"phrases[{place}] has neither letters nor digits")
        return phrases


_DEFAULT = CoherenceRules()


class Coherence:
    """Finds the most severe of what is wrong with an answer; the contributions name all.

    `finish_reason` is the provider's word for why it stopped, `asked` what the user said. Made anew for each answer.
    """

    name = "coherence"
    codes: ClassVar[Mapping[str, str]] = {
        "empty": "The answer is empty. It is refused with `invalid_output`; ask again.",
        "looping": "The answer repeats itself. Heavily looping answers are refused with `invalid_output`, others flagged.",
        "cut_off": "The answer ends before it is done: its limit of tokens was reached (raise the prompt's "
        "`max_output_tokens`), the provider stopped it, or a clause, a bracket or a block of code is left open.",
        "wrong_language": "The answer is in another language than the asker's, or than `coherence.language`.",
        "refusal": "The model declined to answer. Flagged, so that services can tell.",
        "debris": "The answer holds marks of the prompt's fences or of chat turns, an unfilled template, or a phrase of "
        "`coherence.phrases`.",
    }

    def __init__(self, rules: CoherenceRules = _DEFAULT, finish_reason: str | None = None, asked: str = "") -> None:
        self._rules = rules
        self._finish_reason = finish_reason
        self._asked = asked

    def inspect(self, subject: Subject) -> Finding:
        text, rules = subject.text, self._rules
        if not text or text.isspace():
            return _finding([("empty", rules.empty, 1.0, None)], ())
        data = is_data(text)
        wrong: list[_Wrong] = []
        if self._finish_reason in ("length", "max_tokens", "content_filter"):
            wrong.append(("cut_off", rules.cut_off, 1.0, None))
        if (share := repeated_share(text)) > 0 and (step := rules.looping.action(share)) != "pass":
            # Records of one form are alike by nature.
            wrong.append(("looping", "flag" if data else step, round(share, 4), None))
        scraps: list[tuple[int, int, str]] = []
        clean: str | None = None
        if not data:
            wrong += self._of_prose(text)
            if rules.debris != "off" and (scraps := sorted(debris(text, _folded(rules.phrases)))):
                if rules.debris == "transform":
                    clean = _without(text, scraps)
                    if clean is not None and not clean.strip():
                        wrong.append(("empty", rules.empty, 1.0, None))
                wrong.append(
                    ("debris", "flag" if rules.debris == "transform" and clean is None else rules.debris, 1.0, None)
                )
        wrong = [item for item in wrong if item[1] != "off"]
        if not wrong:
            return PASS
        spans = tuple(Span(kind=kind, start=start, end=end) for start, end, kind in scraps[:_LISTED])
        return _finding(wrong, spans, clean)

    def _of_prose(self, text: str) -> "Iterable[_Wrong]":
        rules = self._rules
        if self._finish_reason in (None, "stop") and rules.cut_off != "off" and cut_off(text) is not None:
            yield "cut_off", rules.cut_off, 0.7, None
        if rules.refusal != "off" and (opening := declines(text, rules.refusal_words)) is not None:
            yield "refusal", rules.refusal, 1.0, opening
        if rules.wrong_language != "off" and rules.language != "any" and (sure := self._foreign(text)) is not None:
            yield "wrong_language", rules.wrong_language, round(sure, 4), None

    def _foreign(self, text: str) -> float | None:
        """How sure it is that the answer is in another language than wanted."""
        wanted, plainly = self._rules.language, plainly_in(text)
        if wanted == "asker":
            if plainly is not None and plainly == plainly_in(self._asked):
                return None
            asked = _language_asked(self._asked)
            if asked is None:
                return None
            wanted = asked.language
        elif plainly is not None and same_language(plainly, wanted):
            return None
        guess = language_of(text)
        if guess is None or guess.confidence < _SURE or same_language(guess.language, wanted):
            return None
        return guess.confidence


def _without(text: str, scraps: list[tuple[int, int, str]]) -> str | None:
    """`text` without `scraps`, but for those whose place cannot be told (they stand for all of it). None where nothing goes."""
    placed = [(start, end, "") for start, end, kind in scraps if kind != "phrase" or (start, end) != (0, len(text))]
    return spliced(text, placed) if placed else None


@lru_cache(maxsize=64)
def _folded(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold, phrases))


_Wrong = tuple[str, Literal["off", "flag", "transform", "escalate", "block"], float, tuple[int, int] | None]
"""Code, step, score and place of something wrong."""


def _language_asked(asked: str) -> Guess | None:
    """None when nobody can tell: it names a language, or begins in one and ends in another (a talk, a document)."""
    begin, end = asked[:_READ], asked[-_READ:]
    lowered = begin.lower() if len(asked) <= _READ else f"{begin} {end}".lower()
    if not asked or any(word in lowered for word in _NOT_LANGUAGES):
        return None
    guess = language_of(begin)
    if guess is None or guess.confidence < _SURE:
        return None
    if len(asked) <= _READ:
        return guess
    last = language_of(end)
    return guess if last is not None and same_language(guess.language, last.language) else None


def _finding(wrong: list[_Wrong], spans: tuple[Span, ...], text: str | None = None) -> Finding:
    """One finding for all that is wrong. An answer that is refused is `invalid_output`: asked again, the model may do better."""
    code, step, score, _ = max(wrong, key=lambda item: _SEVERITY[item[1]])
    if step == "off":
        return PASS
    places = tuple(Span(kind=kind, start=place[0], end=place[1]) for kind, _, _, place in wrong if place is not None)
    return Finding(
        action=step,
        code=code,
        spans=(*places, *spans),
        score=score,
        reason={"block": Reason.INVALID_OUTPUT, "escalate": Reason.LOW_CONFIDENCE}.get(step),
        text=text,
        contributions={kind: value for kind, _, value, _ in wrong},
    )
