"""Scores by category, and what they lead to. Shared by the wording check and by models that give scores of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import Field

from streamguard.checks.contract import PASS, Direction, Finding, Rules
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

Category = Literal[
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "sexual",
    "sexual/minors",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "violence",
    "violence/graphic",
    "illicit",
    "illicit/violent",
    "profanity",
]
"""As OpenAI's moderation endpoint names them, and `profanity`: coarse words that are aimed at nobody."""

CATEGORIES: tuple[Category, ...] = get_args(Category)
Grade = Literal[1, 2, 3]
Step = Literal["off", "flag", "escalate", "block"]
Ladder = tuple[Step, Step, Step]
"""What grades 1, 2 and 3 lead to."""

_SEVERITY: dict[Step, int] = {"off": 0, "flag": 1, "escalate": 2, "block": 3}
_FLAGS: Ladder = ("flag", "flag", "flag")
_STRICT: Ladder = ("flag", "flag", "block")
# Somebody who may harm himself is not turned away with a code: a person looks.
_CRISIS: Ladder = ("flag", "flag", "escalate")

INPUT: dict[Category, Ladder] = {
    **dict.fromkeys(CATEGORIES, _FLAGS),
    "harassment/threatening": _STRICT,
    "hate": _STRICT,
    "hate/threatening": _STRICT,
    "sexual/minors": _STRICT,
    "self-harm/intent": _CRISIS,
    "self-harm/instructions": _CRISIS,
    "violence": _CRISIS,
    "illicit/violent": _STRICT,
}
"""The default for what is asked. Asking about something is not doing it: most is flagged, and the answer is checked."""

OUTPUT: dict[Category, Ladder] = {**dict.fromkeys(CATEGORIES, _STRICT), "violence": _FLAGS, "profanity": _FLAGS}
"""The default for answers: what has the highest grade has no place in one."""


class ModerationRules(Rules):
    """Section `moderation`, of input and of output."""

    categories: dict[Category, Ladder] = Field(default_factory=dict[Category, Ladder])
    """What the grades 1, 2 and 3 of a category lead to: `profanity = ["off", "flag", "block"]`. A category that is not named
    has its default, which is stricter for answers than for what is asked."""
    ignore: tuple[str, ...] = Field(default=(), max_length=1_000)
    """Words and phrases of the list that are fine here (in a clinic, in a game)."""

    def step(self, direction: Direction, category: str, grade: Grade) -> Step:
        """What a grade leads to. A category that nobody named (of a model of another make) is flagged, in its highest grade
        left to a person."""
        default = INPUT if direction == "input" else OUTPUT
        for known, ladder in (*self.categories.items(), *default.items()):
            if known == category:
                return ladder[grade - 1]
        return _CRISIS[grade - 1]


@dataclass(frozen=True, slots=True)
class Moderated:
    """Scores from 0 to 1 by category; a category without one was not found."""

    categories: Mapping[str, float] = field(default_factory=dict[str, float])

    def merge(self, *others: "Moderated") -> "Moderated":
        """The highest score of each category: what one of them sees, the others may be blind to."""
        merged = dict(self.categories)
        for other in others:
            for category, score in other.categories.items():
                merged[category] = max(score, merged.get(category, 0.0))
        return Moderated(merged)


def score_of(grade: Grade) -> float:
    """0.33, 0.67 or 1.0."""
    return round(grade / 3, 2)


def grade_of(score: float) -> Grade | None:
    """The grade that a score stands for: 3 from 0.9, 2 from 0.6, 1 from 0.3; None below."""
    if score >= 0.9:
        return 3
    if score >= 0.6:
        return 2
    return 1 if score >= 0.3 else None


def judged(moderated: Moderated, rules: ModerationRules, direction: Direction, spans: tuple[Span, ...] = ()) -> Finding:
    """The finding that these scores lead to: the most severe step of any category, all of them as contributions."""
    steps: dict[str, Step] = {
        category: rules.step(direction, category, grade)
        for category, score in moderated.categories.items()
        if (grade := grade_of(score)) is not None
    }
    step = max(steps.values(), key=lambda step: _SEVERITY[step], default=None)
    if step is None or step == "off":
        scores = moderated.categories
        return Finding(score=max(scores.values()), contributions=scores) if scores else PASS
    worst = [category for category, its in steps.items() if its == step]
    return Finding(
        action=step,
        code=_code(step, worst),
        spans=spans,
        score=max(moderated.categories[category] for category in worst),
        reason=None if step == "flag" else _reason(direction, worst),
        contributions=moderated.categories,
    )


def _code(step: Step, worst: list[str]) -> str:
    if _in_danger(worst):
        return "self_harm_risk"
    if step != "flag":
        return "unsafe"
    return "coarse" if worst == ["profanity"] else "sensitive"


def _reason(direction: Direction, worst: list[str]) -> Reason:
    if direction == "input" and _in_danger(worst):
        return Reason.HIGH_URGENCY
    return Reason.UNSAFE_INPUT if direction == "input" else Reason.UNSAFE_OUTPUT


def _in_danger(worst: list[str]) -> bool:
    return any(category.startswith("self-harm") for category in worst)
