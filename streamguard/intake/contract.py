"""What a stage and its intake promise each other: records in, outputs out, and who owns which state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Output:
    """One record to write, identified by `(topic, src of the input)`: a step writes at most one to a topic.

    The intake adds the headers `src` (which input it answers) and `of` (all topics of the step) to `headers`.
    `partition` is None for the input's partition number (a target) or for the key's murmur2 partition (a re-keyed topic).
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """One input record as it came; `timestamp` is the broker's, in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    damage: str = ""
    """A code of `damage.py` when Kafka's client could not read it as a record: it is buried without a step."""

    @property
    def src(self) -> str:
        """`topic/partition/offset/timestamp`; the timestamp tells a topic that was created anew from its predecessor."""
        return f"{self.topic}/{self.partition}/{self.offset}/{self.timestamp}"


class StepFunction(Protocol):
    """The stage: from one record to its outputs, the deciding one first.

    May be cancelled at any await (its partition moved away, or the deadline passed), and may run again for the same record
    after a crash. `found` is empty the first time; else it maps the topic of each output that already exists to that output's
    value (empty for a tombstone), and the step must choose the same topics again. May raise: the record is then buried.
    It must not block the loop.
    """

    async def __call__(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]: ...


class Bury(Protocol):
    """What to write for an input that cannot be handled: its step raised, was late, diverged, or Kafka refused an output.

    Must return at least one output and must not raise: if it does, the worker stops. When Kafka refuses one of these outputs
    too, it is asked again, twice at most, with `BurialRefused` as the error, and should ask less of Kafka each time. `found`
    maps the topics of outputs that exist already to their values; outputs to those topics are left in place and not sent again.
    """

    def __call__(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]: ...


class Ownership(Protocol):
    """State that a stage keeps per input partition number, such as admit's journal. All calls come from one task, in order.

    On every assignment, kept partitions included: `prepare`, then a commit that only a member of the current generation can
    make, then `take`, then the scan of the outputs, then the first step. An assignment that is overtaken by the next one is
    cancelled, and the next begins with `prepare` again. Retriable Kafka errors are retried by calling `prepare` anew.
    """

    async def prepare(self, partitions: frozenset[int]) -> None:
        """Note what must be known before membership is proven, such as the ends of the journal. May raise."""
        ...

    async def take(self, partitions: frozenset[int]) -> None:
        """Write the marker of a new owner, read back to it, restore the state. May take long and may raise."""
        ...

    def void(self, topic: str, partition: int, offset: int, headers: Mapping[str, bytes]) -> bool:
        """During the scan: whether this output must not count as existing. Must not raise or block."""
        ...

    def lost(self, partitions: frozenset[int]) -> None:
        """These are no longer ours: forget their state. Must not raise or block."""
        ...
