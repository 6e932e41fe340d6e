"""What a prompt's answers must and must not say: the knobs of `business`, and how they are read from a policy."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from streamguard.checks.answer.claims import ClaimName
from streamguard.checks.contract import Rules
from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import BadPattern, operators_pattern

Step = Literal["flag", "escalate", "block"]
_LONGEST = 2_000


class Disclaimer(Rules):
    """A sentence that answers must hold."""

    text: str = Field(min_length=1, max_length=_LONGEST)
    """As it is to stand. White space and case do not count when it is looked for."""
    when: tuple[str, ...] = Field(default=(), max_length=200)
    """Words or phrases: it is required only where an answer holds one of them. Empty: always."""
    instead: tuple[str, ...] = Field(default=(), max_length=200)
    """Phrases that are as good: an answer that holds one needs no disclaimer."""
    missing: Literal["append", "flag", "block"] = "append"
    """What is done where it is missing. To JSON nothing can be appended: such an answer is flagged."""

    @field_validator("text", "when", "instead")
    @classmethod
    def _say_something(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for phrase in (given,) if isinstance(given, str) else given:
            if not any(map(str.isalnum, fold(phrase))):
                raise ValueError("each phrase needs letters or digits: without them it stands in every answer")
        return given


class BusinessRules(Rules):
    """Section `business`. Empty by default: nothing is forbidden and nothing required. (A required language is
    `coherence.language`.)"""

    forbidden: tuple[str, ...] = Field(default=(), max_length=2_000)
    """Words and phrases, in any case, spacing and accents, between word boundaries."""
    forbidden_patterns: tuple[str, ...] = Field(default=(), max_length=200)
    """Expressions in re2's syntax (no backreferences, no lookaround), matched against the answer as it stands."""
    forbidden_action: Step = "block"
    claims: dict[ClaimName, Step] = Field(default_factory=dict[ClaimName, Step])
    """Promises and claims to look for (`refund_guarantee = "block"`), by wording, in English and German."""
    competitors: tuple[str, ...] = Field(default=(), max_length=2_000)
    """Names that answers are not to mention."""
    competitors_action: Step = "flag"
    disclaimers: tuple[Disclaimer, ...] = Field(default=(), max_length=20)
    min_characters: int | None = Field(default=None, ge=1)
    max_characters: int | None = Field(default=None, ge=1)
    min_words: int | None = Field(default=None, ge=1)
    max_words: int | None = Field(default=None, ge=1)
    min_sentences: int | None = Field(default=None, ge=1)
    max_sentences: int | None = Field(default=None, ge=1)
    length_action: Step = "flag"
    """What an answer outside these bounds leads to. It is never shortened: half an answer says something else."""

    @property
    def own_words(self) -> str:
        """What the service itself has its answers say: its contact data are nobody else's."""
        return "\n".join(disclaimer.text for disclaimer in self.disclaimers)

    @field_validator("forbidden", "competitors")
    @classmethod
    def _say_something(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for place, phrase in enumerate(phrases):
            if not any(map(str.isalnum, fold(phrase))) or len(phrase) > _LONGEST:
                raise ValueError(f"[{place}] needs letters or digits, and no more than {_LONGEST} characters")
        return phrases

    @field_validator("forbidden_patterns")
    @classmethod
    def _compile(cls, expressions: tuple[str, ...]) -> tuple[str, ...]:
        for place, expression in enumerate(expressions):
            try:
                pattern = operators_pattern(expression)
            except BadPattern as error:
                raise ValueError(f"[{place}]: {error}") from None
            if pattern.found_in(""):
                raise ValueError(f"[{place}] matches the empty text, and so everything")
        return expressions

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        for unit in ("characters", "words", "sentences"):
            least, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{unit} is more than max_{unit}")
        return self
