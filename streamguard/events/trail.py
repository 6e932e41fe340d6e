"""What happened to a request, stage by stage, in codes and numbers."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.events.base import OPEN, Micros, Record

StageName = Annotated[Literal["admit", "guard", "lookup", "invoke", "verify", "settle"], OPEN]
Detail = int | float | bool | str


class TrailEntry(Record):
    """One stage's part in a request. `decision` is a code; `detail` holds codes and numbers, never text."""

    stage: StageName
    """Which stage."""
    started_at: Micros
    """When it began."""
    duration_us: Micros
    """How long it took."""
    decision: str
    """What it decided: a code."""
    detail: dict[str, Detail] = Field(default_factory=dict)
    """Codes and numbers beside it, such as tokens, or how long the record had waited."""


class Span(Record):
    """Where a check found something: `kind` at characters `start` (included) to `end` (excluded) of its subject."""

    kind: str
    """What was found."""
    start: int
    """The first character."""
    end: int
    """Behind the last character."""


class Verdict(Record):
    """What one check said about one text. It proves what was checked without keeping what was said.

    `content_hash` is a keyed hash of the text (hex), `policy_version` names the rules that were applied. `contributions` says
    by name what the score is made of.
    """

    check: str
    """Which check; `streamguard explain CHECK` tells about it."""
    direction: Annotated[Literal["input", "output"], OPEN] = "input"
    """Whether it looked at what was asked or at the answer."""
    action: Annotated[Literal["pass", "flag", "transform", "escalate", "block"], OPEN]
    """What followed: nothing (`pass`), a note (`flag`), a changed text (`transform`), a person should decide (`escalate`),
    refused (`block`)."""
    code: str = ""
    """What was found; `streamguard explain CODE` tells what it means. Empty when it passed."""
    spans: tuple[Span, ...] = ()
    """Where."""
    score: float | None = None
    """How sure, 0 to 1; left out where the check has no degrees."""
    contributions: dict[str, float] = Field(default_factory=dict)
    """What the score is made of, by name."""
    policy_version: str = ""
    """The rules that were applied."""
    content_hash: str = ""
    """A keyed hash of the text (hex): equal for equal texts."""
