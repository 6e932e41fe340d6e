"""A member whose group is silent asks the cluster, and only then."""

import asyncio

import pytest

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.errors import Refusal
from streamguard.intake.admittance import Admittance
from streamguard.intake.errors import TurnedAway
from streamguard.intake.gate import Gate
from streamguard.intake.settings import Settings
from tests.unit.intake.test_reaching import LOGIN, Broker, serving

SESSION = 10.0


def watching(at: str, clock: FakeClock) -> tuple[Gate, Admittance]:
    cluster = Cluster(at, {"security_protocol": "SASL_PLAINTEXT", **LOGIN})
    settings = Settings(cluster=cluster, group="g", session=SESSION)
    gate = Gate(settings.lease, settings.calm, clock.monotonic)
    return gate, Admittance(settings, gate, clock)


async def test_a_silent_group_of_a_cluster_that_refuses_us_is_the_end() -> None:
    clock, broker = FakeClock(), Broker(58)
    async with serving(broker) as at:
        _, admittance = watching(at, clock)
        with pytest.raises(TurnedAway, match=r"look at kafka\.sasl_username") as caught:
            async with asyncio.timeout(10):
                await admittance.run()
    assert not isinstance(caught.value, Refusal), "a fresh start may find another password in its file"
    assert broker.logins == 2
    assert SESSION <= clock.monotonic() - FakeClock().monotonic() < 2 * SESSION


async def test_a_broker_that_is_away_is_asked_for_once_a_session(caplog: pytest.LogCaptureFixture) -> None:
    class Ends(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if self.monotonic() - FakeClock().monotonic() > 10 * SESSION:
                raise asyncio.CancelledError

    _, admittance = watching("127.0.0.1:1", Ends())
    with pytest.raises(asyncio.CancelledError):
        await admittance.run()
    assert caplog.messages == ["the group is silent: KafkaConnectionError"] * 10


@pytest.mark.parametrize("word", ["renew", "calm"])
async def test_a_group_that_answers_commits_or_heartbeats_is_not_asked(word: str) -> None:
    class Answered(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            getattr(gate, word)(self.monotonic())
            if self.monotonic() - FakeClock().monotonic() > 10 * SESSION:
                raise asyncio.CancelledError

    broker = Broker(58)
    async with serving(broker) as at:
        gate, admittance = watching(at, Answered())
        with pytest.raises(asyncio.CancelledError):
            await admittance.run()
    assert broker.logins == 0
