"""All breakers of a worker: who waits for a claim and for how long, and what metrics and logs say."""

import asyncio
import logging

import pytest
from prometheus_client import REGISTRY

from streamguard.clock import FakeClock
from streamguard.config import Breaker as BreakerSettings
from streamguard.events.fleet import BreakerChange
from streamguard.providers.breakers import Breakers, Permit

SETTINGS = BreakerSettings(failures=2, open_seconds=5, probes=1, claim_wait=0.5, probe_seconds=15)


class Waited(FakeClock):
    """Its sleeps end when the test moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.monotonic() + seconds, ended))
        await ended

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for until, ended in self._sleeping:
            if until <= self.monotonic() and not ended.done():
                ended.set_result(None)


class Setting:
    def __init__(self, model: str = "m") -> None:
        self.clock = Waited()
        self.said: list[BreakerChange] = []
        self.breakers = Breakers(SETTINGS, self.clock, worker="me", publish=self.said.append)
        self.model = model

    def ask(self, longest: float = 10.0) -> "asyncio.Task[Permit | None]":
        return asyncio.create_task(self.breakers.permit("p", self.model, longest=longest))

    async def opened(self) -> "Setting":
        for opens in (False, True):
            permit = await self.breakers.permit("p", self.model, longest=1)
            assert permit is not None
            assert self.breakers.failure(permit, 0.1) == opens
        self.breakers.apply(self.said[-1])
        return self

    async def claiming(self, *longest: float) -> "list[asyncio.Task[Permit | None]]":
        """Its open time is over, and these ask at once."""
        await self.opened()
        self.clock.advance(5)
        asking = [self.ask(one) for one in longest]
        await turns()
        assert not any(one.done() for one in asking)
        return asking


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def left_over() -> int:
    return len([task for task in asyncio.all_tasks() if not task.done()]) - 1


async def test_closed_it_lets_through_without_a_switch_of_tasks() -> None:
    asking = Setting().breakers.permit("p", "m", longest=1)
    with pytest.raises(StopIteration) as ended:
        asking.send(None)
    assert isinstance(ended.value.value, Permit)


async def test_of_those_who_wait_for_a_claim_one_gets_it_as_soon_as_it_is_read_back() -> None:
    setting = Setting()
    asking = await setting.claiming(10, 10, 10)
    assert [one.state for one in setting.said] == ["open", "half_open"]
    setting.breakers.apply(setting.said[-1])
    got = await asyncio.gather(*asking)
    assert len([one for one in got if one]) == 1
    assert await setting.breakers.permit("p", "m", longest=10) is None
    await turns()
    assert left_over() == 0


async def test_a_claim_that_is_lost_is_known_at_once() -> None:
    setting = Setting()
    asking = await setting.claiming(10)
    setting.breakers.apply(setting.said[-1].model_copy(update={"worker": "other"}))
    assert await asyncio.gather(*asking) == [None]
    assert setting.breakers.states() == {("p", "m"): "half_open"}
    assert not setting.breakers.probing("p", "m")


async def test_nobody_waits_longer_than_the_setting_or_the_call_allows() -> None:
    setting = Setting()
    short, long = await setting.claiming(0.2, 10)
    setting.clock.advance(0.2)
    await turns()
    assert (short.done(), long.done()) == (True, False)
    late = setting.ask()
    await turns()
    setting.clock.advance(0.3)
    assert await asyncio.gather(short, long, late) == [None] * 3
    assert setting.clock.slept == pytest.approx([0.2, 0.5, 0.3])
    assert await setting.breakers.permit("p", "m", longest=10) is None


async def test_when_the_log_goes_away_who_waits_decides_alone() -> None:
    setting = Setting()
    asking = await setting.claiming(10, 10)
    setting.breakers.share(None)
    got = await asyncio.gather(*asking)
    assert len([one for one in got if one]) == 1
    assert not setting.breakers.shared


async def test_who_is_cancelled_while_waiting_takes_nothing_with_it() -> None:
    setting = Setting()
    first, second = await setting.claiming(10, 10)
    setting.breakers.apply(setting.said[-1])
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second is not None
    await turns()
    assert left_over() == 0


async def test_each_model_has_its_own() -> None:
    setting = await Setting().opened()
    assert await setting.breakers.permit("p", "m", longest=1) is None
    permit = await setting.breakers.permit("p", "n", longest=1)
    assert permit is not None
    setting.breakers.success(permit, 0.1)
    setting.breakers.release(permit)
    assert setting.breakers.states() == {("p", "m"): "open", ("p", "n"): "closed"}


async def test_metrics_and_one_line_of_log_tell_each_change(caplog: pytest.LogCaptureFixture) -> None:
    labels = {"provider": "p", "model": "shown"}

    def changes(state: str) -> float | None:
        return REGISTRY.get_sample_value("streamguard_breaker_changes_total", {**labels, "state": state})

    caplog.set_level(logging.INFO, "streamguard")
    setting = Setting("shown")
    (asking,) = await setting.claiming(10)
    assert REGISTRY.get_sample_value("streamguard_breaker_state", labels) == 2
    setting.breakers.apply(setting.said[-1])
    permit = await asking
    assert permit is not None
    assert REGISTRY.get_sample_value("streamguard_breaker_state", labels) == 1
    setting.breakers.success(permit, 0.1)
    assert REGISTRY.get_sample_value("streamguard_breaker_state", labels) == 0
    assert [changes(state) for state in ("open", "half_open", "closed")] == [1, 1, 1]
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("WARNING", "breaker open"),
        ("INFO", "breaker half_open"),
        ("INFO", "breaker closed"),
    ]
    assert (
        caplog.records[0].__dict__ | {"provider": "p", "model": "shown", "cause": "in_a_row"}
        == caplog.records[0].__dict__
    )


async def test_what_nobody_asks_here_makes_no_labels_and_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streamguard")
    setting = Setting()
    setting.breakers.apply(
        BreakerChange(provider="p", model="unasked", state="open", version=1, worker="w", until=None, cause="slow")
    )
    labels = {"provider": "p", "model": "unasked"}
    assert REGISTRY.get_sample_value("streamguard_breaker_state", labels) is None
    assert caplog.records == []
    assert await setting.breakers.permit("p", "unasked", longest=1) is None
    assert REGISTRY.get_sample_value("streamguard_breaker_state", labels) == 2
