"""What the watcher counts, and when a broker that does not tell is the end."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.intake.errors import Stalled
from streamguard.intake.marks import Place
from streamguard.intake.settings import Settings
from streamguard.intake.watching import Watcher
from tests.unit.intake.fakes import Bench, Copying, Subscriptions, received

IN = TopicPartition("in", 0)


class Broker:
    """A consumer whose `end` the test sets, or what it raises; None never answers."""

    def __init__(self, client: object, *ends: int | Exception | None) -> None:
        self._client, self._ends, self.asked = client, ends, 0
        self._subscription = self.known = Subscriptions()

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self.asked += 1
        end = self._ends[min(self.asked, len(self._ends)) - 1]
        if end is None:
            await asyncio.Event().wait()
        if isinstance(end, Exception):
            raise end
        return dict.fromkeys(tps, cast("int", end))


class Watched(Bench):
    """A bench with a watcher, to whom the clock gives `seconds`."""

    def __init__(self, *ends: int | Exception | None, seconds: float = 30.0, stall: float = 60.0) -> None:
        super().__init__(Copying(), Settings(cluster=Cluster("nowhere"), group="g", stall=stall, deadline=1000.0))
        until = self.clock.monotonic() + seconds

        class Ending(FakeClock):
            async def sleep(self, seconds: float) -> None:
                await super().sleep(seconds)
                if self.monotonic() > until:
                    raise asyncio.CancelledError

        self.context.clock = Ending()
        self.context.watchdog.accepted(until)
        for offset in range(6):
            self.deliver(received(offset))
        for offset in (0, 1, 3):
            self.part.done(received(offset))
        self.context.partitions[Place("in", 0)] = self.part
        self.broker = Broker(self.producer.client, *ends)
        self.fetching = True
        self.taking = False

    async def refresh_ends(self) -> None:
        """As the assigner does; it is not asked here."""

    async def run(self) -> None:
        await self.outlet.start()
        clients, assigner = SimpleNamespace(consumer=self.broker), self
        with pytest.raises(asyncio.CancelledError):
            await Watcher(self.context, cast("Any", clients), self.outlet, cast("Any", assigner)).run()


async def test_lag_is_what_is_not_finished_and_what_waits_on_the_broker() -> None:
    watched = Watched(10)
    await watched.run()
    assert watched.statistics.lag == 10 - 2, "offset 2 is not done, so 2 may be committed"


async def test_lag_is_nothing_once_everything_is_done_or_has_moved_away() -> None:
    done = Watched(10, 6)
    for offset in (2, 4, 5):
        done.part.done(received(offset))
    await done.run()
    assert done.statistics.lag == 0

    gone = Watched(10)
    gone.statistics.lag = 7
    gone.context.partitions.clear()
    await gone.run()
    assert (gone.statistics.lag, gone.broker.asked) == (0, 0)


async def test_while_the_broker_does_not_tell_the_last_lag_stands(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(10, KafkaConnectionError(), None, seconds=50.0, stall=0.05)
    watched.context.watchdog.accepted(float("inf"))
    await watched.run()
    assert (watched.statistics.lag, watched.broker.asked > 2) == (8, True)
    assert set(caplog.messages) == {
        "looking at the ends of the topics: KafkaConnectionError",
        "looking at the ends of the topics: TimeoutError",
    }


async def test_a_broker_that_does_not_tell_whether_records_wait_when_none_came_is_the_end() -> None:
    watched = Watched(None, stall=0.05)
    watched.statistics.in_flight = 0
    watched.context.watchdog.accepted(float("inf"))
    with pytest.raises(Stalled, match="does not tell whether records wait"):
        await watched.run()


def quiet(*ends: int) -> Watched:
    """Six records were delivered and are done, and the stall of ten seconds passes several times."""
    watched = Watched(*ends, seconds=50.0, stall=10.0)
    watched.context.watchdog.accepted(float("inf"))
    for offset in (2, 4, 5):
        watched.part.done(received(offset))
    return watched


async def test_markers_of_transactions_behind_the_last_record_are_no_records_that_wait() -> None:
    watched = quiet(6, 10)
    watched.broker.known.fetched = 10
    await watched.run()
    assert (watched.statistics.lag, watched.broker.asked > 4) == (0, True)


async def test_what_is_not_finished_before_such_markers_is_lag() -> None:
    watched = Watched(10)
    watched.broker.known.fetched = 10
    await watched.run()
    assert watched.statistics.lag == 6 - 2


@pytest.mark.parametrize(
    ("fetched", "assigned", "held"), [(9, True, 0), (None, True, 0), (10, False, 0), (10, True, 1)]
)
async def test_records_that_wait_and_are_not_delivered_are_the_end(
    fetched: int | None, assigned: bool, held: int
) -> None:
    watched = quiet(10)
    watched.broker.known.fetched, watched.broker.known.assigned = fetched, assigned
    watched.part.keys.hold([received(6 + number) for number in range(held)])
    with pytest.raises(Stalled, match="4 records wait and none was delivered"):
        await watched.run()
