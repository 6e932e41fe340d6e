"""What a check is, and what a chain of checks answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder
from streamguard.events.trail import Span, Verdict

Role = Literal["system", "user", "assistant", "tool", "variable", "document"]
"""Whose words a text is. `system` is the service's own; `variable` and `document` are as foreign as `user`."""

Direction = Literal["input", "output"]
Action = Literal["pass", "flag", "transform", "escalate", "block"]
Graded = Literal["pass", "flag", "escalate", "block"]
"""What a score can lead to, from mild to severe."""


class Rules(BaseModel):
    """The knobs of one check: a section of the policy file. Frozen; an unknown key is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _over_default_thresholds(cls, given: Any) -> Any:
        """A threshold that is left out is the check's own, not "never": who moves `flag` must not switch off `block`."""
        if not isinstance(given, Mapping):
            return given
        told: dict[str, Any] = {**given}
        for name, field_of in cls.model_fields.items():
            if isinstance(field_of.default, Thresholds) and isinstance(value := told.get(name), Mapping):
                told[name] = {**field_of.default.model_dump(), **value}
        return told


class Thresholds(Rules):
    """From which score (0 to 1) on a text is flagged, left to a person (`escalate`), or refused. None: never.

    In a policy file `"never"` says so; a threshold that the file leaves out is the one that the check has by default.
    """

    flag: float | None = Field(default=None, ge=0, le=1)
    escalate: float | None = Field(default=None, ge=0, le=1)
    block: float | None = Field(default=None, ge=0, le=1)

    @field_validator("flag", "escalate", "block", mode="before")
    @classmethod
    def _never(cls, value: Any) -> Any:
        return None if value == "never" else value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        given = [value for value in (self.flag, self.escalate, self.block) if value is not None]
        if given != sorted(given):
            raise ValueError("flag, escalate and block must not fall: each is more severe than the one before")
        return self

    def action(self, score: float) -> Graded:
        """The most severe action whose threshold `score` reaches."""
        if self.block is not None and score >= self.block:
            return "block"
        if self.escalate is not None and score >= self.escalate:
            return "escalate"
        if self.flag is not None and score >= self.flag:
            return "flag"
        return "pass"


@dataclass(frozen=True, slots=True)
class Subject:
    """One text to check: a message, a variable of a prompt, a document, or an answer."""

    text: str
    role: Role = "user"
    direction: Direction = "input"
    hidden: tuple[str, ...] = ()
    """Texts that stood in it unseen and were taken out by a check before (`Finding.hidden`)."""
    earlier: Mapping[str, float] = field(default_factory=dict[str, float], compare=False)
    """Scores above 0 that the checks before gave it, by their names: tricks make a text suspicious in other eyes too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says about a subject.

    `code` is a stable word, empty when there is nothing to say. `reason` is set when `action` is `block` (or
    `escalate`). `text` is what the subject's text becomes, None when it stays; a check that blocks may give one too, so
    that what it found travels no further. Spans count characters of the text that the check was given. `contributions` names
    what a score is made of: layers, categories, kinds of tricks. `hidden` are texts that the check read out of characters nobody
    sees and took out; the checks after it meet them in `Subject.hidden`.
    """

    action: Action = "pass"
    code: str = ""
    spans: tuple[Span, ...] = ()
    score: float | None = None
    reason: Reason | None = None
    text: str | None = None
    contributions: Mapping[str, float] = field(default_factory=dict[str, float])
    hidden: tuple[str, ...] = ()


PASS = Finding()


class Check(Protocol):
    """One check. Quick (microseconds a kilobyte, linear in the text), does no I/O and does not block.

    May raise anything: the chain then blocks. What it raises, and the finding, hold no text of the subject except
    `Finding.text`. The same subject gets the same finding; only the checks made anew for each request (personal data)
    remember earlier texts of that request.
    """

    @property
    def name(self) -> str: ...

    codes: ClassVar[Mapping[str, str]]
    """Each code that it can give, with what that means and what to do about it."""

    def inspect(self, subject: Subject) -> Finding: ...


@dataclass(frozen=True, slots=True)
class Scored:
    """How a check scored one text, and what that score is made of; also where it let the text pass."""

    score: float
    contributions: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class ChainResult:
    """What a chain made of the texts it was given, in their order.

    `texts` are redacted and safe to keep. Where a text could not be checked to the end (over the bounds, or a check
    failed), all of them are empty: nobody knows what stands in them. `blocked` is the first reason to stop, None when
    the texts may go on; `escalated` the first reason to ask a person, where nothing blocks; `code` is that verdict's code.
    `hashes` are the texts' content hashes (`hash`: of all together), `scored` tells by check how each text was scored: for
    checks that come after.
    """

    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    placeholders: tuple[Placeholder, ...] = ()
    blocked: Reason | None = None
    escalated: Reason | None = None
    code: str = ""
    hash: str = ""
    hashes: tuple[str, ...] = ()
    scored: Mapping[str, tuple[Scored | None, ...]] = field(default_factory=dict[str, tuple[Scored | None, ...]])

    @property
    def text(self) -> str:
        """The first text; of an output chain the only one."""
        return self.texts[0]
