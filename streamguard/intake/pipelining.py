"""Runs the records of a key in a pipeline: decided one after another, acknowledged together, in order throughout."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka.structs import RecordMetadata

from streamguard.intake.context import Context
from streamguard.intake.contract import Received
from streamguard.intake.deciding import Decider, Decision, Overtaken
from streamguard.intake.errors import Diverged
from streamguard.intake.existing import Plan
from streamguard.intake.outlet import Fenced
from streamguard.intake.partition import InputPartition
from streamguard.intake.publishing import Handed, Publisher, Stored
from streamguard.intake.refusals import REFUSALS


@dataclass(slots=True)
class _Sent:
    """One record whose deciding output was handed over; None: that one existed, or there is none."""

    record: Received
    decision: Decision
    plan: Plan
    deciding: "asyncio.Future[RecordMetadata] | None"
    stored: list[Stored] = field(default_factory=list[Stored])


@dataclass(slots=True)
class _Chain:
    """What a key has handed over and not finished, in order."""

    sent: deque[_Sent] = field(default_factory=deque[_Sent])
    repeating: bool = False
    """Outputs were fenced or refused, and something else is sent once all are out of the gate: nothing new may overtake it."""
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    """The chain has ended."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    inside: int = 0
    """Records that have passed the gate and not left it."""


class PipelinedRunner:
    """A record's step begins as soon as the deciding output of the one before it was handed over.

    A second task per key follows behind: when deciding outputs are acknowledged, it hands over the others, in order, and
    finishes their records.
    """

    def __init__(self, context: Context, decider: Decider, publisher: Publisher) -> None:
        self._decider, self._publisher, self._gate = decider, publisher, context.gate
        self._statistics, self._fail = context.statistics, context.fail
        self._chains: dict[tuple[InputPartition, bytes | None], _Chain] = {}

    async def run(self, part: InputPartition, record: Received) -> None:
        """Run until no record of this key waits."""
        current: Received | None = record
        try:
            while current is not None:
                await self._decide(part, current)
                current = part.keys.next(current)
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 -- handed to the one place that ends the worker
            self._fail(exc)

    async def _decide(self, part: InputPartition, record: Received) -> None:
        decision = await self._decider.decide_now(part, record)
        if decision is None:
            part.done(record)
            return
        while True:
            chain = self._chains.get((part, record.key))
            while chain is not None and chain.repeating:
                await chain.drained.wait()
                chain = self._chains.get((part, record.key))
            if not self._gate.passable:
                await self._gate.passage()
                continue
            try:
                plan = self._publisher.plan(part, record, decision)
                break
            except Diverged as exc:
                decision = self._decider.bury(record, exc, part.offsets.existing(record))
            except Overtaken:
                decision = await self._publisher.decide_again(part, record, decision)
        if chain is None:
            chain = self._chains[part, record.key] = _Chain()
            part.spawn(self._follow(part, record.key, chain))
        chain.inside += 1  # the follower leaves the gate for it, whatever happens
        self._gate.enter()
        sent = _Sent(record, decision, plan, None)
        try:
            if plan.deciding is not None:
                sent.deciding = await self._publisher.hand(record, plan.deciding, plan.headers)
        except (Fenced, *REFUSALS) as exc:
            sent.deciding = asyncio.get_running_loop().create_future()
            sent.deciding.set_exception(exc)
        chain.sent.append(sent)
        chain.arrived.set()

    async def _follow(self, part: InputPartition, key: bytes | None, chain: _Chain) -> None:
        again: list[tuple[Received, Decision]] = []
        try:
            while chain.inside:
                if not chain.sent:
                    chain.arrived.clear()  # its deciding output is being handed over at this moment
                    await chain.arrived.wait()
                first = chain.sent[0].deciding
                if first is not None and not first.done():
                    await asyncio.wait([first])
                batch: list[_Sent] = []
                while chain.sent and ((ack := chain.sent[0].deciding) is None or ack.done()):
                    batch.append(chain.sent.popleft())
                again += await self._finish(part, chain, batch)
            # Not before all are out of the gate: it may be closed by now, and the group waits for those inside.
            for record, decision in again:
                await self._publisher.publish(part, record, decision)
                part.done(record)
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 -- handed to the one place that ends the worker
            self._fail(exc)
        finally:
            del self._chains[part, key]
            for _ in range(chain.inside):
                self._gate.leave()
            chain.drained.set()

    async def _finish(
        self, part: InputPartition, chain: _Chain, batch: Sequence[_Sent]
    ) -> list[tuple[Received, Decision]]:
        """Hand over what follows and await it all. Returns what must be sent again."""
        handed: list[tuple[_Sent, Handed]] = []
        for sent in batch:
            rest = await self._deciding(sent)
            if rest.error is None:
                rest = await self._publisher.hand_all(sent.record, sent.plan.rest, sent.plan.headers)
            handed.append((sent, rest))
        again: list[tuple[Received, Decision]] = []
        for sent, rest in handed:
            try:
                await self._publisher.await_all(rest, sent.stored)
                part.done(sent.record)
            except (Fenced, *REFUSALS) as exc:
                decision = self._publisher.note(part, sent.record, sent.stored, sent.decision)
                if isinstance(exc, Fenced):
                    self._statistics.fenced += 1
                else:
                    decision = self._publisher.refused(part, sent.record, decision, exc)
                again.append((sent.record, decision))
                chain.repeating = True
            chain.inside -= 1
            self._gate.leave()
        return again

    async def _deciding(self, sent: _Sent) -> Handed:
        """Note the acknowledgement of the deciding output, or its error."""
        if sent.deciding is None or sent.plan.deciding is None:
            return Handed()
        try:
            await self._publisher.await_all(Handed([(sent.plan.deciding, sent.deciding)]), sent.stored)
        except Exception as exc:  # noqa: BLE001 -- raised again where the batch is finished
            return Handed(error=exc)
        return Handed()
