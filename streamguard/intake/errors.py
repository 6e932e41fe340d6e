"""Errors of the intake. All that leave `Intake.run` are mended by a restart or by an operator, never by going on; those with
a star are refusals (`streamguard.errors.Refusal`), which only an operator mends.

StreamguardError
└── IntakeError
    ├── SettingsInvalid *       a setting that cannot work
    ├── KafkaRefuses *          the cluster does not let us in, or we do not trust it
    ├── RightsMissing *         the user may not do what it has to, on topics or with groups
    ├── TurnedAway              what the cluster let us do when we started, it does not let us do now
    ├── TopicsMissing           a source or output topic does not exist
    ├── TopicsUnequal *         partition counts that must be the same differ
    ├── TopicsGrown *           a topic has not the partition count that its records were written under
    ├── AssignmentUnequal       one worker was given other partitions of one source than of another
    ├── MarksTooLarge *         more output partitions than fit beside an offset
    ├── OffsetGone              a committed offset that the log no longer holds
    ├── Stalled                 the watchdog: alive, but nothing moves
    ├── InstanceTaken *         another process that runs has this instance id
    ├── TwinInstance            another process seems to have the same instance id; the next start will tell
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

from streamguard.errors import InvalidRecord, Refusal, StreamguardError


class IntakeError(StreamguardError):
    """Base of everything the intake raises itself."""


class SettingsInvalid(IntakeError, Refusal):
    """A setting that cannot work; the message names it and says what would."""


class KafkaRefuses(IntakeError, Refusal):
    """The cluster does not let us in, or we do not trust it, and waiting does not mend that. The message says what is wrong, and
    which key of the configuration to look at; never a password."""


class RightsMissing(IntakeError, Refusal):
    """The user may not do what it has to. The message names the topics and groups."""


class TurnedAway(IntakeError):
    """What the cluster let us do when we started, it does not let us do now: rights may be on the move, a password or certificate
    may have been changed in its file. No refusal: a fresh start reads the files, and finds out whether it is one."""


class TopicsMissing(IntakeError):
    """Topics that the stage needs do not exist."""

    def __init__(self, topics: tuple[str, ...], waited: float) -> None:
        super().__init__(
            f"missing topics after {waited:g} s: {', '.join(topics)}; create them before the workers start"
        )
        self.topics = topics


class TopicsUnequal(IntakeError, Refusal):
    """Topics that belong together must have the same partition count."""


class TopicsGrown(IntakeError, Refusal):
    """A topic has not the partition count that its records were written under: their keys' home is elsewhere now."""

    def __init__(self, topic: str, has: int, made_with: int) -> None:
        super().__init__(
            f"{topic} has {has} partitions and was worked on with {made_with}: with another count keys move, and order and "
            f"duplicates break. To go on with {made_with} set kafka.partitions = {made_with}; for more partitions create a "
            "new set of topics under another kafka.prefix, let this one run empty, and switch"
        )
        self.topic, self.has, self.made_with = topic, has, made_with


class AssignmentUnequal(IntakeError):
    """One worker must own the same partition numbers of all its sources. Members that read other topics, such as those of
    another version, can be the reason; they go."""


class MarksTooLarge(IntakeError, Refusal):
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


class InstanceTaken(IntakeError, Refusal):
    """Another process that runs has this instance id. It goes on undisturbed."""

    def __init__(self, group: str, instance: str, by: str) -> None:
        super().__init__(
            f"{group}: the instance {instance} is taken by {by}, which goes on: stop that one, or give this one a "
            "worker.instance of its own"
        )
        self.group, self.instance = group, instance


class TwinInstance(IntakeError):
    """Assignments keep following refused commits: another process has the same instance id and they steal in turn. A last
    defence, for groups that cannot be described."""


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
