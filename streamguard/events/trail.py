"""What happened to a request, stage by stage, in codes and numbers."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.events.base import OPEN, Micros, Record

StageName = Annotated[Literal["admit", "guard", "lookup", "invoke", "verify", "settle"], OPEN]
Detail = int | float | bool | str


class TrailEntry(Record):
    """One stage's part in a request. `decision` is a code; `detail` holds codes and numbers, never text."""

    stage: StageName
    started_at: Micros
    duration_us: Micros
    decision: str
    detail: dict[str, Detail] = Field(default_factory=dict)


class Span(Record):
    """Where a check found something: `kind` at characters `start` (included) to `end` (excluded) of its subject."""

    kind: str
    start: int
    end: int


class Verdict(Record):
    """What one check said about one text. It proves what was checked without keeping what was said.

    `content_hash` is a keyed hash of the text (hex), `policy_version` names the rules that were applied. `contributions` says
    by name what the score is made of.
    """

    check: str
    direction: Annotated[Literal["input", "output"], OPEN] = "input"
    action: Annotated[Literal["pass", "flag", "transform", "escalate", "block"], OPEN]
    code: str = ""
    spans: tuple[Span, ...] = ()
    score: float | None = None
    contributions: dict[str, float] = Field(default_factory=dict)
    policy_version: str = ""
    content_hash: str = ""
