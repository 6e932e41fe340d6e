"""Breakers of several workers over the topic `breakers`: on the embedded broker, and on a real Kafka that dies and comes back."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streamguard.clock import Clock, FakeClock, SystemClock
from streamguard.config import Breaker as BreakerSettings
from streamguard.config import Cluster
from streamguard.dev.broker import EmbeddedBroker
from streamguard.providers.breakers import Breakers, Permit, State
from streamguard.stream.breaker_feed import BreakerFeed
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from streamguard.stream.whole_topic import TopicUnreadable
from tests.support.kafka import KafkaNode, free_ports, unique
from tests.support.unavailable import or_skip
from tests.support.way import way_to

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

SETTINGS = BreakerSettings(failures=2, open_seconds=0.6, probes=2, claim_wait=2.0, probe_seconds=3.0)
MODEL = ("openai", "gpt-4o")
SECONDS = 15.0
_EMBEDDED = 2  # brokers that the embedded one says to be


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def brokers(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            yield broker.address
    else:
        yield request.getfixturevalue("kafka").brokers


@asynccontextmanager
async def worker(
    brokers: str, topic: str, name: str, clock: Clock | None = None, *, ready_within: float = SECONDS
) -> AsyncGenerator[Breakers]:
    """The breakers of one process, ready."""
    clock = clock or SystemClock()
    breakers = Breakers(SETTINGS, clock, worker=name)
    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        BreakerFeed(Cluster(brokers), topic, breakers, clock, ready_within=ready_within)(ready, stop)
    )
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([running, waiting], timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        assert ready.is_set()
        yield breakers
    finally:
        waiting.cancel()
        stop.set()
        await running


async def topic_on(brokers: str) -> str:
    """A fresh one with the settings that its file gives it; the embedded broker creates topics when they are written to."""
    topics = Topics([Topics.load()["breakers"]], unique("t") + ".")
    full = topics.full("breakers")
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    try:
        if len(producer.client.cluster.brokers()) == _EMBEDDED:
            await producer.partitions_for(full)
        else:
            await create_missing(Cluster(brokers), topics)
    finally:
        await producer.stop()
    return full


async def seen(what: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Poll until it holds; how long that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def called(breakers: Breakers) -> Permit:
    permit = await breakers.permit(*MODEL, longest=2.0)
    assert permit is not None
    return permit


async def trip(breakers: Breakers) -> None:
    outcomes = [breakers.failure(await called(breakers), 0.1) for _ in range(SETTINGS.failures)]
    assert outcomes == [False, True]


def state(breakers: Breakers) -> State:
    return breakers.states().get(MODEL, "closed")


async def test_what_one_learns_all_know_and_one_tries_again(brokers: str) -> None:
    topic = await topic_on(brokers)
    async with worker(brokers, topic, "a") as a, worker(brokers, topic, "b") as b:
        await called(a)
        await called(b)
        await trip(a)
        assert await seen(lambda: state(b) == "open") < 1.0
        assert await b.permit(*MODEL, longest=2.0) is None
        async with worker(brokers, topic, "c") as c:
            assert state(c) == "open"
            await asyncio.sleep(SETTINGS.open_seconds)
            asked = [one.permit(*MODEL, longest=2.0) for one in (a, b, c) for _ in range(10)]
            began = time.monotonic()
            got = [permit for permit in await asyncio.gather(*asked) if permit]
            assert len(got) == 1
            assert time.monotonic() - began < SETTINGS.claim_wait
            owner = next(one for one in (a, b, c) if one.probing(*MODEL))
            owner.success(got[0], 0.1)
            assert [state(one) for one in (a, b, c)] == ["half_open"] * 3
            owner.success(await called(owner), 0.1)
            assert await seen(lambda: {state(one) for one in (a, b, c)} == {"closed"}) < 1.0


async def test_a_claimer_that_dies_makes_room_for_another(brokers: str) -> None:
    topic = await topic_on(brokers)
    async with worker(brokers, topic, "b") as b:
        async with worker(brokers, topic, "a") as a:
            await trip(a)
            await asyncio.sleep(SETTINGS.open_seconds)
            await called(a)
            await seen(lambda: state(b) == "half_open")
        assert await b.permit(*MODEL, longest=2.0) is None
        async with asyncio.timeout(SETTINGS.probe_seconds + 2.0):
            while (permit := await b.permit(*MODEL, longest=2.0)) is None:
                await asyncio.sleep(0.05)
        b.success(permit, 0.1)


async def test_what_is_no_change_is_passed_over(brokers: str) -> None:
    topic = await topic_on(brokers)
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    for value in (b"{", b'{"provider": "openai"}', b"\xff"):
        await producer.send_and_wait(topic, value, key=b"openai/gpt-4o", partition=0)
    await producer.stop()
    async with worker(brokers, topic, "a") as a, worker(brokers, topic, "b") as b:
        await trip(a)
        await seen(lambda: state(b) == "open")


async def test_without_the_topic_a_worker_does_not_start(kafka: KafkaNode) -> None:
    with pytest.raises(TopicUnreadable, match="create the topics first"):
        async with worker(kafka.brokers, unique("missing"), "a", FakeClock()):
            pass


async def test_a_log_that_cannot_be_read_at_first_holds_up_neither_start_nor_end(brokers: str) -> None:
    topic = await topic_on(brokers)
    [port] = free_ports(1)
    async with worker(f"127.0.0.1:{port}", topic, "a", ready_within=0.1) as a:
        assert not a.shared
        await trip(a)
    async with worker(f"127.0.0.1:{port}", topic, "a", ready_within=0.1) as a, worker(brokers, topic, "b") as b:
        await trip(a)
        async with way_to(brokers, port):
            await seen(lambda: state(b) == "open")
            assert a.shared


async def test_without_the_broker_each_goes_on_alone_and_tells_later(tmp_path: Path) -> None:
    node = KafkaNode(tmp_path / "node")
    or_skip(node.start)
    try:
        topic = await topic_on(node.brokers)
        async with worker(node.brokers, topic, "a") as a, worker(node.brokers, topic, "b") as b:
            node.kill()
            for one in (a, b):
                began = time.monotonic()
                await trip(one)
                assert time.monotonic() - began < 2.0, "it waits for no broker, whose time-outs are longer"
            await seen(lambda: not (a.shared or b.shared))
            for one in (a, b):
                for _ in range(SETTINGS.probes):
                    one.success(await called(one), 0.1)
            assert (state(a), state(b)) == ("closed", "closed")
            await trip(b)
            node.start()
            await seen(lambda: a.shared and b.shared)
            await seen(lambda: state(a) == state(b))
            held = state(a)
            assert held in ("open", "closed")  # whose word came first
            if held == "open":
                await asyncio.sleep(SETTINGS.open_seconds)
                for _ in range(SETTINGS.probes):
                    a.success(await called(a), 0.1)
                await seen(lambda: state(b) == "closed")
            await trip(a)
            await seen(lambda: state(b) == "open")
    finally:
        node.kill()
