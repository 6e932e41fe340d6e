"""What a stage is: from one event to a step of outputs, without knowing how either travels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from streamguard.events.base import Record

R_co = TypeVar("R_co", bound=Record, covariant=True)
R_contra = TypeVar("R_contra", bound=Record, contravariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[R_co]):
    """A decoded record and where it stood. `src` identifies it for ever; `timestamp_us` is the broker's."""

    record: R_co
    key: str
    src: str
    partition: int
    offset: int
    timestamp_us: int
    size: int = 0
    """Bytes of the record as it came."""
    trace_id: str | None = None
    placed: bool = False
    """It was sent on once already, to the partition where it belongs (admit only)."""
    run: int | None = None
    """Which pass of its request this is, where an operator replayed it from the dead letters; None: it came by itself."""


@dataclass(frozen=True, slots=True)
class Out:
    """One output. `topic` is the name without prefix; `record` None is a tombstone.

    `partition` None leaves the place to the topic: the input's partition number, or the key's where the key changes.
    """

    topic: str
    key: str
    record: Record | None
    partition: int | None = None
    placed: bool = False
    """Mark it as sent on to the partition where it belongs."""
    run: int | None = None
    """The `run` of the event, for a record that is sent on before it can carry it."""


Step = Sequence[Out]
"""The outputs of one event: at most one a topic, the deciding one first. None at all means that nothing is needed."""


class Stage(Protocol[R_contra]):
    """One stage of the line.

    `found` is the deciding output of an earlier run that was interrupted: its decision stands, and the step must name
    the same topics. May raise anything: the event then becomes a dead letter and the request fails with `internal`.
    Must not block the event loop, and must end before the intake's deadline.
    """

    async def run(self, event: Event[R_contra], found: Record | None) -> Step: ...
