"""What operators decide about dead letters."""

from typing import Literal

from pydantic import Field

from streamguard.events.base import Micros, Record


class LetterDecision(Record):
    """Topic `dlq-decisions`, keyed by the letter as `src` headers name inputs: `topic/partition/offset/timestamp`.

    `replayed` and `dropped` are final. `replaying` is written before a letter is sent, with the `mark` before which nothing of
    it can lie in the partition it goes to: whoever comes after a replay that was killed looks from there whether it was sent.
    """

    action: Literal["replaying", "replayed", "dropped"]
    """What was decided."""
    at: Micros
    """When."""
    run: int | None = Field(default=None, ge=1)
    """The pass of its request that the replay makes; None for what has none, such as a booking."""
    mark: int | None = Field(default=None, ge=0)
    """The offset before which nothing of the replay can lie; only of `replaying`."""
