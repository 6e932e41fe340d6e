"""Errors of the intake. All that leave `Intake.run` are mended by a restart or by an operator, never by going on.

StreamguardError
└── IntakeError
    ├── SettingsInvalid         a setting that cannot work
    ├── TopicsMissing           a source or output topic does not exist
    ├── TopicsUnequal           partition counts or assignments that must be the same differ
    ├── MarksTooLarge           more output partitions than fit beside an offset
    ├── OffsetGone              a committed offset that the log no longer holds
    ├── Stalled                 the watchdog: alive, but nothing moves
    ├── TwinInstance            another process has the same instance id
    ├── TooManyBuried           more inputs were buried than the configured rate allows
    ├── BurialFailed            an input could neither be handled nor buried
    ├── OutputsUnacknowledged   outputs hung in a rebalance for longer than the group waits
    └── StepError               what an input is buried for; never leaves `run`
        ├── DeadlineExceeded    the step took too long
        ├── Unreadable          the input is no record that Kafka's client can read (also an InvalidRecord)
        ├── BurialRefused       Kafka refused what was written for a burial
        ├── Diverged            a repeated step chose other topics than the outputs that exist
        └── OutputInvalid       an output to an undeclared topic, twice to one topic, or to the wrong partition
"""

from streamguard.errors import InvalidRecord, StreamguardError


class IntakeError(StreamguardError):
    """Base of everything the intake raises itself."""


class SettingsInvalid(IntakeError):
    """A setting that cannot work; the message names it and says what would."""


class TopicsMissing(IntakeError):
    """Topics that the stage needs do not exist."""

    def __init__(self, topics: tuple[str, ...], waited: float) -> None:
        super().__init__(
            f"missing topics after {waited:g} s: {', '.join(topics)}; create them before the workers start"
        )
        self.topics = topics


class TopicsUnequal(IntakeError):
    """Topics read together must have the same partitions, and one worker must own the same numbers of all of them."""


class MarksTooLarge(IntakeError):
    """The marks of all output partitions do not fit beside a committed offset."""

    def __init__(self, partitions: int, needed: int, limit: int) -> None:
        super().__init__(
            f"marks of {partitions} output partitions need up to {needed} bytes beside each offset, "
            f"the broker takes {limit}: use fewer partitions or fewer re-keyed topics"
        )
        self.partitions, self.needed, self.limit = partitions, needed, limit


class OffsetGone(IntakeError):
    """What was committed is no longer in the log: going on would skip records silently."""

    def __init__(self, topic: str, partition: int, committed: int, first: int, end: int) -> None:
        super().__init__(
            f"{topic}/{partition}: offset {committed} is committed, but the log holds {first} to {end}; "
            "records may be lost: set the group's offset on purpose to go on"
        )
        self.topic, self.partition, self.committed, self.first, self.end = topic, partition, committed, first, end


class Stalled(IntakeError):
    """Alive, but nothing moves: a fresh process is needed."""


class TwinInstance(IntakeError):
    """Assignments keep following refused commits: another process has the same instance id and they steal in turn."""


class TooManyBuried(IntakeError):
    """More inputs were buried within the window than configured: something is wrong with more than single records."""

    def __init__(self, limit: int, window: float) -> None:
        super().__init__(f"more than {limit} inputs were buried within {window:g} s")
        self.limit, self.window = limit, window


class BurialFailed(IntakeError):
    """An input could neither be handled nor buried. Its offset is not committed."""

    def __init__(self, src: str, cause: BaseException) -> None:
        super().__init__(f"{src} could not be buried: {type(cause).__name__}")
        self.src = src


class OutputsUnacknowledged(IntakeError):
    """Outputs were sent and not acknowledged before the group stopped waiting for this member."""


class StepError(IntakeError):
    """Base of what an input is buried for."""


class DeadlineExceeded(StepError):
    """The step of an input took longer than its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the step took longer than {seconds:g} s")
        self.seconds = seconds


class Unreadable(StepError, InvalidRecord):
    """Kafka's client could not read the input as a record; `code` is one of `damage.py`."""


class BurialRefused(StepError):
    """Kafka refused what was to be written for an input that is buried because of `why`; `attempt` says which burial follows
    now, from 2 on."""

    def __init__(self, why: BaseException, attempt: int) -> None:
        super().__init__(f"{type(why).__name__}, burial {attempt}")
        self.why, self.attempt = why, attempt


class Diverged(StepError):
    """A step that ran again chose other topics than those of the outputs that exist already."""

    def __init__(self, chosen: frozenset[str], before: frozenset[str]) -> None:
        super().__init__(f"chose {', '.join(sorted(chosen)) or 'nothing'}; exists: {', '.join(sorted(before))}")
        self.chosen, self.before = chosen, before


class OutputInvalid(StepError):
    """An output to an undeclared topic, twice to one topic, or to a partition that a scan would not search."""
