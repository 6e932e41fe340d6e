"""One process at a time decides about the dead letters of a line, and only that one's records leave for Kafka.

All who want to are the same static member of one group, so the rules of the workers hold (`intake/claiming.py`, `gate.py`,
`outlet.py`): a second one is refused while the first lives, on the same host by a locked file, on others by the group. One that
was frozen or cut off for longer than its session lets nothing out when it thaws, not even what its producer holds already.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import RecordMetadata

from streamguard.clock import Clock
from streamguard.errors import InputError
from streamguard.intake.claiming import Claim, members
from streamguard.intake.clients import (
    Clients,
    ask_before_joining,
    generation,
    is_retriable,
    make_producer,
    watch_heartbeats,
)
from streamguard.intake.contract import Output
from streamguard.intake.errors import InstanceTaken
from streamguard.intake.gate import Gate
from streamguard.intake.outlet import Fenced, Outlet
from streamguard.intake.reaching import refused
from streamguard.intake.refusals import REFUSALS
from streamguard.intake.settings import Settings

_LOST = "another process took over, or Kafka did not hear of us for too long; repeat the command: nothing is done twice"


class Sole(ConsumerRebalanceListener):
    """Use as an async context manager: inside it, nobody else decides. `topic` is that of the decisions.

    Raises InputError when somebody else does, or when Kafka cannot be reached or takes nothing.
    """

    def __init__(self, settings: Settings, topic: str, clock: Clock) -> None:
        self._settings, self._topic, self._clock = settings, topic, clock
        self._gate = Gate(settings.lease, settings.calm, clock.monotonic)
        self._assigned, self._lost = asyncio.Event(), False
        self._claim: Claim | None = None
        self._clients: Clients | None = None
        self._outlet: Outlet | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except InstanceTaken:
            await self._close()
            raise InputError(
                "another `streamguard dlq` decides about these dead letters; try again when it has ended"
            ) from None
        except KafkaError as error:
            await self._close()
            if (refusal := refused(error)) is not None:
                raise InputError(str(refusal)) from None
            raise InputError(f"Kafka does not let us decide ({type(error).__name__})") from None
        except TimeoutError:
            await self._close()
            raise InputError("the group that decides about dead letters did not take us in time; try again") from None
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def send(self, outputs: Sequence[Output]) -> list[RecordMetadata | KafkaError]:
        """Send in order, and return when Kafka has told of each where it lies, or why it will never take it.

        Raises InputError when this process may not send any more, or when Kafka takes nothing for long.
        """
        if not outputs:
            return []
        try:
            async with asyncio.timeout(self._settings.stall):
                handed = [await self._hand(out) for out in outputs]
                await asyncio.wait([*handed])
        except Fenced:
            raise InputError(_LOST) from None
        except TimeoutError:
            raise InputError("Kafka takes nothing for long; repeat the command later: nothing is done twice") from None
        return [_end(one) for one in handed]

    async def _hand(self, out: Output) -> "asyncio.Future[RecordMetadata]":
        assert self._outlet is not None, "enter it first"
        try:
            return await self._outlet.hand(out.topic, out.key, out.value, out.partition, list(out.headers))
        except REFUSALS as error:  # larger than our own client sends
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused

    # aiokafka awaits what its listener returns, though the base class does not say so
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, revoked: Collection[TopicPartition]
    ) -> None:
        """The first time before it joins. Later somebody else may decide: nothing more leaves."""
        self._gate.close()
        if self._assigned.is_set():
            self._lose()
        self._gate.calm(self._clock.monotonic())

    # as above
    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] -- see above
        self, assigned: Collection[TopicPartition]
    ) -> None:
        """The group took us."""
        if assigned and self._clients is not None:
            for place in assigned:  # being a member is all that it is for: nothing is read
                self._clients.consumer.seek(place, 0)
            self._clients.consumer.pause(*assigned)
            self._assigned.set()

    async def _enter(self) -> None:
        settings = self._settings
        self._claim = claim = await Claim.take(settings, self._clock)
        settings = replace(settings, client_id=claim.client_id)
        # compressed: a record that just fitted where it lay must fit there with two headers more
        self._outlet = Outlet(lambda: make_producer(settings, compression="gzip"), self._gate)
        await self._outlet.start()
        self._clients = clients = Clients.make(settings, claim.note)
        await clients.start()
        await claim.vacant(lambda: members(clients.admin, settings.group), self._clock)
        ask_before_joining(clients.consumer, self._may_join)
        watch_heartbeats(clients.consumer, self._gate.calm, self._clock.monotonic)
        clients.consumer.subscribe([self._topic], listener=self)
        async with asyncio.timeout(settings.session + settings.rebalance):
            await self._assigned.wait()
            while not await self._renew():
                await self._clock.sleep(settings.commit_period)
        self._gate.open()
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def _may_join(self) -> bool:
        """Once thrown out it stays out: whoever has taken its place goes on."""
        if self._assigned.is_set():
            self._lose()
            await self._clock.sleep(0.1)  # aiokafka asks again at once, until it is closed
            return False
        return True

    def _lose(self) -> None:
        self._lost = True
        self._gate.close()
        if self._outlet is not None:
            self._outlet.break_off()

    async def _keep_renewing(self) -> None:
        while not self._lost:
            await self._clock.sleep(self._settings.commit_period)
            await self._renew()

    async def _renew(self) -> bool:
        """Commit, to prove that the group still knows us; what is committed means nothing."""
        assert self._clients is not None, "joined"
        consumer, asked = self._clients.consumer, self._clock.monotonic()
        before = generation(consumer)
        try:
            if before > 0:
                await consumer.commit({TopicPartition(self._topic, 0): (0, "")})
            if before <= 0 or generation(consumer) != before:
                return False
        except (CommitFailedError, IllegalStateError):
            return False
        except KafkaError as error:
            if not is_retriable(error):
                self._lose()
            return False
        self._gate.renew(asked)
        return True

    async def _close(self) -> None:
        self._gate.close()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_limit):
                if self._outlet is not None:
                    with suppress(AssertionError):  # it did not start
                        await self._outlet.stop()
                if self._clients is not None:
                    await self._clients.stop()
        if self._claim is not None:
            self._claim.release()


def _end(sent: "asyncio.Future[RecordMetadata]") -> RecordMetadata | KafkaError:
    error = sent.exception()
    if isinstance(error, Fenced):
        raise InputError(_LOST)
    if error is None:
        return sent.result()
    if isinstance(error, REFUSALS):
        return error
    raise error
