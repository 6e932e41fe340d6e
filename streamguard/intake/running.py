"""Runs the records of a key, one after another."""

import asyncio
from typing import Protocol

from streamguard.intake.context import Context
from streamguard.intake.contract import Received
from streamguard.intake.deciding import Decider
from streamguard.intake.partition import InputPartition
from streamguard.intake.publishing import Publisher


class KeyRunner(Protocol):
    """Runs a record and all that wait behind it in its key's queue."""

    async def run(self, part: InputPartition, record: Received) -> None:
        """Must not raise: what concerns the whole worker goes to `fail`."""
        ...


class SerialRunner:
    """A record's step begins when all outputs of the one before it are acknowledged."""

    def __init__(self, context: Context, decider: Decider, publisher: Publisher) -> None:
        self._decider, self._publisher, self._fail = decider, publisher, context.fail

    async def run(self, part: InputPartition, record: Received) -> None:
        """Run until no record of this key waits."""
        current: Received | None = record
        try:
            while current is not None:
                await self._handle(part, current)
                part.done(current)
                current = part.keys.next(current)
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 -- handed to the one place that ends the worker
            self._fail(exc)

    async def _handle(self, part: InputPartition, record: Received) -> None:
        decision = await self._decider.decide_now(part, record)
        if decision is not None and decision.outputs:
            await self._publisher.publish(part, record, decision)
