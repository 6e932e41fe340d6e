"""What a worker learns from the topic of cancellations, over brokers that run."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from streamguard.clock import SystemClock
from streamguard.config import Cluster
from streamguard.dev.broker import EmbeddedBroker
from streamguard.events.codec import encode
from streamguard.events.fleet import Cancellation
from streamguard.stages.cancelling import Cancellations
from streamguard.stream.cancel_feed import CancelFeed
from tests.support.kafka import free_ports
from tests.support.way import way_to

TOPIC = "cancellations"
SECONDS = 20.0
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with EmbeddedBroker(topics={TOPIC: 3}) as broker:
        yield broker.address


def told(request_id: str, tenant_id: str = "acme") -> bytes:
    return encode(Cancellation(tenant_id=tenant_id, request_id=request_id))


async def send(
    brokers: str,
    *values: bytes | None,
    partition: int = 0,
    at_ms: int | None = None,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        for value in values:
            await producer.send_and_wait(
                TOPIC, value, key=b"k", partition=partition, timestamp_ms=at_ms, headers=list(headers)
            )


@asynccontextmanager
async def fed(brokers: str, ready_within: float = SECONDS) -> AsyncGenerator[Cancellations]:
    """What a worker knows, once its feed is ready."""
    cancellations, ready, stop = Cancellations(CLOCK), asyncio.Event(), asyncio.Event()
    feed = CancelFeed(Cluster(brokers), TOPIC, cancellations, CLOCK, ready_within=ready_within)
    running = asyncio.create_task(feed(ready, stop))
    try:
        async with asyncio.timeout(SECONDS):
            await ready.wait()
        yield cancellations
    finally:
        stop.set()
        async with asyncio.timeout(SECONDS):
            await running


async def stopped(cancellations: Cancellations, request_id: str) -> None:
    with cancellations.watch("acme", request_id) as stop:
        async with asyncio.timeout(SECONDS):
            await stop.wait()


def known(cancellations: Cancellations, request_id: str) -> bool:
    with cancellations.watch("acme", request_id) as stop:
        return stop.is_set()


async def test_every_worker_knows_what_was_told_before_it_started_and_hears_what_is_told_then(brokers: str) -> None:
    await send(brokers, told("before"), partition=2)
    async with fed(brokers) as one, fed(brokers) as other:
        assert (known(one, "before"), known(other, "before")) == (True, True)
        both = asyncio.gather(stopped(one, "during"), stopped(other, "during"))
        await send(brokers, told("during"), partition=1)
        await both


async def test_what_is_no_cancellation_is_passed_over(brokers: str) -> None:
    garbage = (
        b"", b"\xff\xfe", b"[]", b"{}", b"null", b"[" * 100_000, None,
        b'{"tenant_id":"acme"}', b'{"tenant_id":"","request_id":"x"}', b'{"tenant_id":"a b","request_id":"x"}',
        b'{"tenant_id":"acme","request_id":["wrong"]}', b'{"tenant_id":"acme","request_id":"' + b"x" * 129 + b'"}',
    )  # fmt: skip
    await send(brokers, *garbage)
    await send(brokers, told("of-tomorrow"), headers=(("schema", b"streamguard.cancellation/2"),))
    await send(brokers, told("behind"), headers=(("schema", b"streamguard.cancellation/1"), ("n\u00e4me", b"x")))
    async with fed(brokers) as cancellations:
        assert known(cancellations, "behind")
        assert not known(cancellations, "of-tomorrow")
        assert not known(cancellations, "wrong")


async def test_what_is_older_than_an_hour_stops_nothing(brokers: str) -> None:
    now_ms = CLOCK.now_us() // 1000
    await send(brokers, told("long-ago"), at_ms=now_ms - 3_700_000)
    await send(brokers, told("lately"), at_ms=now_ms - 3_500_000)
    async with fed(brokers) as cancellations:
        assert known(cancellations, "lately")
        assert not known(cancellations, "long-ago")


async def test_a_broker_that_is_away_holds_up_neither_start_nor_end_and_is_read_once_it_is_there(brokers: str) -> None:
    [port] = free_ports(1)
    async with fed(f"127.0.0.1:{port}", ready_within=0.1) as cancellations:
        assert cancellations.remembered == 0
    async with fed(f"127.0.0.1:{port}", ready_within=0.1) as cancellations:
        await send(brokers, told("meanwhile"))
        async with way_to(brokers, port):
            await stopped(cancellations, "meanwhile")
