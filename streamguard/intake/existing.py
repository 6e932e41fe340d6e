"""Outputs that exist already: what a scan finds of one input, and what a step that runs again still has to send."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import Diverged
from streamguard.intake.marks import Place

SRC = "src"
OF = "of"
_NOTHING: Mapping[str, bytes] = {}


class InputId(NamedTuple):
    """One input as the header `src` names it."""

    place: Place
    offset: int
    timestamp: int


def parse_src(header: bytes | None) -> InputId | None:
    """The input that a `src` header names; None when there is none or it is not ours."""
    try:
        topic, partition, offset, timestamp = (header or b"").decode().rsplit("/", 3)
        return InputId(Place(topic, int(partition)), int(offset), int(timestamp))
    except ValueError:
        return None


@dataclass(slots=True)
class Existing:
    """The outputs of one input that exist.

    `wants` are the sets of topics its outputs name in `of`: one of a step, and a second one when it was being buried.
    """

    wants: set[frozenset[str]] = field(default_factory=set[frozenset[str]])
    at: dict[Place, int] = field(default_factory=dict[Place, int])
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Topic to value; emptied once nothing is missing."""

    def add(self, place: Place, offset: int, want: frozenset[str], value: bytes | None) -> None:
        """Note one output. Of several in one place the first counts. A negative offset, of a batch that the broker knew
        already and told no more of, counts as 0."""
        self.wants.add(want)
        offset = max(offset, 0)
        if offset <= self.at.get(place, offset):
            self.at[place] = offset
            self.values[place.topic] = value or b""
        if self.complete:
            self.values.clear()

    def merge(self, other: "Existing") -> None:
        """Take in what another scan found of the same input."""
        self.wants |= other.wants
        self.at.update(other.at)
        self.values.update(other.values)
        if self.complete:
            self.values.clear()

    @property
    def topics(self) -> frozenset[str]:
        """Topics that have their output."""
        return frozenset(place.topic for place in self.at)

    @property
    def complete(self) -> bool:
        """Whether all outputs of the step, or of the burial, exist."""
        topics = self.topics
        return any(want <= topics for want in self.wants)


class Plan(NamedTuple):
    """What is still to be sent of a step: at first the deciding output alone, then the rest side by side."""

    deciding: Output | None
    rest: Sequence[Output]
    headers: tuple[tuple[str, bytes], ...]
    """`src` and `of`."""


def values_of(existing: Existing | None) -> Mapping[str, bytes]:
    """What a step is told as `found`."""
    return dict(existing.values) if existing else _NOTHING


def plan(
    record: Received,
    outputs: Sequence[Output],
    existing: Existing | None,
    *,
    burying: bool = False,
) -> Plan:
    """What of `outputs` is missing.

    Raises Diverged when a step chose other topics than it did before; a burial may choose what it likes.
    """
    headers = ((SRC, record.src.encode()), (OF, ",".join([out.topic for out in outputs]).encode()))
    if existing is None:
        return Plan(outputs[0] if outputs else None, outputs[1:], headers)
    want = frozenset(out.topic for out in outputs)
    if not burying and existing.wants != {want}:
        raise Diverged(want, frozenset().union(*existing.wants))
    topics = existing.topics
    return Plan(None, [out for out in outputs if out.topic not in topics], headers)


Void = Callable[[str, int, int, Mapping[str, bytes]], bool]
"""Whether an output, by topic, partition, offset and headers, must not count."""
