"""From a record to its outputs: the step within its deadline, or else the burial."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streamguard.errors import InputAtFault
from streamguard.intake.clients import is_retriable
from streamguard.intake.context import Context
from streamguard.intake.contract import Bury, Output, Received, StepFunction
from streamguard.intake.errors import BurialFailed, BurialRefused, DeadlineExceeded, OutputInvalid, Unreadable
from streamguard.intake.existing import Existing, values_of
from streamguard.intake.marks import Place
from streamguard.intake.partition import InputPartition
from streamguard.intake.watchdog import BurialLimit

BURIALS = 3
"""Ways to bury an input: with all that belongs to it, with its dead letter alone, and with an empty one."""


class Interrupted(Exception):
    """Outputs of the record came to light while its step ran."""


class Overtaken(Exception):
    """Outputs of another run of the same step exist, of which the step was not told: that decision stands, not this one."""


class Decision(NamedTuple):
    """Outputs of a step, or of a burial. `told` are the topics of existing outputs that it takes into account."""

    outputs: Sequence[Output]
    told: frozenset[str] = frozenset()
    burials: int = 0
    """How often its input was buried with this: once, and again when Kafka refused to take that."""
    why: BaseException | None = None
    """What it is buried for."""

    @property
    def burying(self) -> bool:
        """Whether these are outputs of a burial."""
        return self.burials > 0

    def knowing(self, topics: Iterable[str]) -> "Decision":
        """The same, after it stored outputs itself."""
        return self._replace(told=self.told.union(topics))


class Decider:
    """Runs steps and buries what they cannot handle. A step that became needless while it ran can be begun anew."""

    def __init__(self, context: Context, step: StepFunction, bury: Bury) -> None:
        self._deadline, self._layout, self._clock = context.settings.deadline, context.layout, context.clock
        self._statistics, self._step, self._bury = context.statistics, step, bury
        self._limit = BurialLimit(context.settings.buried_limit, context.settings.buried_window)
        self._open = context.settings.open_sources
        self._running: dict[tuple[Place, int], asyncio.Timeout] = {}

    def interrupt(self, place: Place, offsets: Iterable[int]) -> None:
        """A scan found outputs of these inputs: whatever their steps still do would be done twice. They raise `Interrupted`."""
        now = asyncio.get_running_loop().time()
        for offset in offsets:
            timeout = self._running.pop((place, offset), None)
            if timeout is not None and not timeout.expired():
                timeout.reschedule(now)

    async def decide_now(self, part: InputPartition, record: Received) -> Decision | None:
        """The decision on a record as things stand; None when all its outputs exist: a scan found them while it waited in its
        queue, or while its step ran."""
        while True:
            existing = part.offsets.existing(record)
            if existing is not None and existing.complete:
                return None
            try:
                return await self.decide(record, existing)
            except Interrupted:
                continue

    async def decide(self, record: Received, existing: Existing | None) -> Decision:
        """Run the step. What it raises buries the record, except cancellation and what only a restart mends.

        Raises `Interrupted` when outputs of the record were found meanwhile: look at what exists again.
        """
        if existing:
            self._statistics.resumed += 1
        if record.damage:
            return self.bury(record, Unreadable(record.damage), existing)
        told = existing.topics if existing else frozenset[str]()
        timeout = asyncio.timeout(self._deadline)
        at = (Place(record.topic, record.partition), record.offset)
        self._running[at] = timeout
        try:
            async with timeout:
                outputs = await self._step(record, values_of(existing))
            self._layout.check(record, outputs)
        except Exception as exc:
            if timeout.expired() and isinstance(exc, TimeoutError):
                if self._running.get(at) is not timeout:
                    raise Interrupted from None
                return self.bury(record, DeadlineExceeded(self._deadline), existing)
            if is_retriable(exc):
                raise
            return self.bury(record, exc, existing)
        finally:
            if self._running.get(at) is timeout:
                del self._running[at]
        return Decision(outputs, told)

    def bury(self, record: Received, error: BaseException, existing: Existing | None) -> Decision:
        """The outputs of a burial. Raises TooManyBuried, and BurialFailed when there can be none."""
        self._statistics.buried += 1
        if not (self._open and isinstance(error, InputAtFault)):
            self._limit.buried(self._clock.monotonic())
        return self._burial(record, error, existing, Decision((), burials=1, why=error))

    def bury_less(
        self, record: Received, refused: Decision, cause: BaseException, existing: Existing | None
    ) -> Decision:
        """Another burial after Kafka refused an output of the last one. Raises BurialFailed when that was the last way."""
        if refused.burials >= BURIALS or refused.why is None:
            raise BurialFailed(record.src, cause)
        again = refused._replace(burials=refused.burials + 1)
        return self._burial(record, BurialRefused(refused.why, again.burials), existing, again)

    def _burial(self, record: Received, error: BaseException, existing: Existing | None, burial: Decision) -> Decision:
        try:
            outputs = self._bury(record, error, values_of(existing))
            self._layout.check(record, outputs)
        except Exception as exc:
            raise BurialFailed(record.src, exc) from exc
        if not outputs:
            raise BurialFailed(record.src, OutputInvalid("a burial without outputs would be a silent drop"))
        return burial._replace(outputs=outputs)
