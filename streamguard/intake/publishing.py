"""Sending what is missing of a step: past the gate, the deciding output before the others."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from streamguard.intake.context import Context
from streamguard.intake.contract import Output, Received
from streamguard.intake.deciding import Decider, Decision, Interrupted, Overtaken
from streamguard.intake.errors import Diverged
from streamguard.intake.existing import Existing, Plan, plan
from streamguard.intake.marks import Place
from streamguard.intake.outlet import Fenced, Outlet
from streamguard.intake.partition import InputPartition
from streamguard.intake.refusals import REFUSALS, Fate, fate

Headers = tuple[tuple[str, bytes], ...]
Stored = tuple[Output, RecordMetadata]
RETRY = 0.2
"""Seconds before an output is handed over again that could not be."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Handed:
    """Outputs that the producer took, and the error of the one that it did not."""

    futures: "list[tuple[Output, asyncio.Future[RecordMetadata]]]" = field(
        default_factory=list[tuple[Output, "asyncio.Future[RecordMetadata]"]]
    )
    error: Exception | None = None


class Publisher:
    """Sends decisions. Raises what concerns the whole worker; an output that Kafka refuses buries its input."""

    def __init__(self, context: Context, outlet: Outlet, decider: Decider) -> None:
        self._layout, self._gate, self._ends = context.layout, context.gate, context.ends
        self._statistics, self._outlet, self._decider = context.statistics, outlet, decider
        self._clock = context.clock

    async def publish(self, part: InputPartition, record: Received, decision: Decision) -> None:
        """Return when all outputs are acknowledged. Cancelled when the partition moves away meanwhile."""
        while True:
            if not self._gate.passable:
                await self._gate.passage()
            try:
                todo = self.plan(part, record, decision)
            except Diverged as exc:
                decision = self._decider.bury(record, exc, part.offsets.existing(record))
                continue
            except Overtaken:
                decision = await self.decide_again(part, record, decision)
                continue
            # Until the last acknowledgement: a revoke waits for all outputs of a step, or for none.
            self._gate.enter()
            stored: list[Stored] = []
            try:
                if todo.deciding is not None:
                    await self._send(record, [todo.deciding], todo.headers, stored)
                if todo.rest:
                    await self._send(record, todo.rest, todo.headers, stored)
                return
            except Fenced:
                decision = self.note(part, record, stored, decision)
                self._statistics.fenced += 1
            except REFUSALS as exc:
                self.note(part, record, stored, decision)
                decision = self.refused(part, record, decision, exc)
            finally:
                self._gate.leave()

    def plan(self, part: InputPartition, record: Received, decision: Decision) -> Plan:
        """What is missing at this moment. Raises Diverged, and Overtaken when the decision must be made again."""
        existing = part.offsets.existing(record)
        todo = plan(record, decision.outputs, existing, burying=decision.burying)
        if existing and todo.rest and not decision.burying and not existing.topics <= decision.told:
            raise Overtaken
        return todo

    async def decide_again(self, part: InputPartition, record: Received, decision: Decision) -> Decision:
        """After Overtaken: let the step run once more, told of what exists by now."""
        try:
            return await self._decider.decide(record, part.offsets.existing(record))
        except Interrupted:  # more came to light: whoever calls looks again
            return decision

    def refused(self, part: InputPartition, record: Received, decision: Decision, error: KafkaError) -> Decision:
        """Kafka will never take an output: bury the input, with less each time. Raises BurialFailed."""
        existing = part.offsets.existing(record)
        if decision.burying:
            return self._decider.bury_less(record, decision, error, existing)
        return self._decider.bury(record, error, existing)

    async def hand(self, record: Received, out: Output, headers: Headers) -> "asyncio.Future[RecordMetadata]":
        """Hand one output to the producer, in order. Waits while Kafka cannot take it for now, until the worker is told to
        give it up (Fenced) or the watchdog ends it."""
        while True:
            try:
                return await self._outlet.hand(
                    out.topic, out.key, out.value, self._layout.partition(record, out), [*headers, *out.headers]
                )
            except (KafkaError, ConnectionError) as exc:
                if fate(exc) is not Fate.PASSES:
                    raise
                log.warning("an output waits for %s: %s", out.topic, type(exc).__name__)
            await self._clock.sleep(RETRY)

    def acknowledged(self, meta: RecordMetadata) -> Place:
        """The broker has stored an output."""
        place = Place(meta.topic, meta.partition)
        self._ends.reached(place, meta.offset)
        self._statistics.sent += 1
        return place

    async def hand_all(self, record: Received, outputs: Sequence[Output], headers: Headers) -> Handed:
        """Hand over in order until one is not taken."""
        handed = Handed()
        for out in outputs:
            try:
                handed.futures.append((out, await self.hand(record, out, headers)))
            except Exception as exc:  # noqa: BLE001 -- kept: those handed over before must be awaited first
                handed.error = exc
                break
        return handed

    async def await_all(self, handed: Handed, stored: list[Stored]) -> None:
        """Await acknowledgements and add them to `stored`. Raises the worst error, once all are known."""
        error = handed.error
        try:
            for out, future in handed.futures:
                try:
                    meta = await future
                except Exception as exc:  # noqa: BLE001 -- raised below, once all are known
                    error = exc if error is None or _weight(exc) > _weight(error) else error
                else:
                    self.acknowledged(meta)
                    stored.append((out, meta))
        except asyncio.CancelledError:
            for _, future in handed.futures:
                future.add_done_callback(_retrieve)
            raise
        if error is not None:
            raise error

    def note(self, part: InputPartition, record: Received, stored: Sequence[Stored], decision: Decision) -> Decision:
        """These outputs exist though their step did not end well: they are not sent again, and the decision is their own."""
        if not stored:
            return decision
        want = frozenset(out.topic for out in decision.outputs)
        existing = Existing()
        for out, meta in stored:
            existing.add(Place(meta.topic, meta.partition), meta.offset, want, out.value)
        part.offsets.learn({(record.offset, record.timestamp): existing})
        return decision.knowing(out.topic for out, _ in stored)

    async def _send(self, record: Received, outputs: Sequence[Output], headers: Headers, stored: list[Stored]) -> None:
        await self.await_all(await self.hand_all(record, outputs, headers), stored)


def _weight(error: Exception) -> int:
    """What concerns the worker outweighs what goes back to the gate, and that outweighs what concerns the record."""
    if isinstance(error, REFUSALS):
        return 0
    return 1 if isinstance(error, Fenced) else 2


def _retrieve(future: "asyncio.Future[RecordMetadata]") -> None:
    """Nobody waits any more: an error is no news."""
    if not future.cancelled():
        future.exception()
