"""Faults from outside: providers that fail, and records that nobody should send."""

import asyncio
import time
from random import Random

import orjson

from streamguard.events.reason import Reason
from streamguard.stream.planned import Identity, Planned
from tests.chaos.audit import Sent
from tests.chaos.faults import Fault, Scene
from tests.support.garbage import Garbage, garbage, send
from tests.support.garbage_kinds import KINDS, Ends

_READ_LATE = 3.0
"""Seconds in which a simulator that was frozen reads what was sent to it meanwhile."""
_LARGEST = 1_040_000
"""Bytes of a value that a broker just takes, with key and headers."""


async def provider_down(scene: Scene, draw: Random) -> str:
    return await _outage(scene, draw, "unavailable")


async def provider_hanging(scene: Scene, draw: Random) -> str:
    return await _outage(scene, draw, "hang")


async def provider_refusing(scene: Scene, draw: Random) -> str:
    """Down as a server is: connections are refused."""
    async with scene.only("simulator"):
        seconds = draw.uniform(6.0, 12.0)
        await scene.fleet.refuse(seconds)
        await asyncio.sleep(seconds + 0.5)
    return "simulator"


async def provider_frozen(scene: Scene, draw: Random) -> str:
    """It takes connections, and nothing comes of them."""
    async with scene.only("simulator"):
        await scene.fleet.running("simulator")
        begun = time.time_ns() // 1_000_000
        scene.fleet.freeze("simulator")
        await asyncio.sleep(draw.uniform(5.0, 10.0))
        scene.fleet.thaw("simulator")
        await asyncio.sleep(_READ_LATE)
        scene.unread.append((begun, time.time_ns() // 1_000_000))
    return "simulator"


async def records_too_large(scene: Scene, draw: Random) -> str:
    """Larger than admit takes, up to what a broker takes."""
    for number in range(6):
        tenant, name = f"large-{draw.randrange(8)}", f"large-{draw.getrandbits(48):012x}"
        request = {
            "request_id": name,
            "tenant_id": tenant,
            "user_id": f"user-{number}",
            "feature": "large",
            "messages": [{"role": "user", "content": ""}],
        }
        size = draw.choice((263_000, 500_000, 950_000, _LARGEST)) - len(orjson.dumps(request))
        request["messages"] = [{"role": "user", "content": "x" * size}]
        identity = Identity(tenant, name)
        planned = Planned("large", tenant.encode(), orjson.dumps(request), "outcome", identity, Reason.INPUT_TOO_LONG)
        scene.driver.put(planned)
        await asyncio.sleep(0.2)
    return "requests"


async def hostile_records(scene: Scene, draw: Random) -> str:
    """One of each kind of record that nobody should send: undecodable ones, foreign versions, forged headers."""
    items = garbage(draw, len(KINDS))
    async with scene.only("brokers"):  # they are not sent again when a broker dies
        for sent in await send(scene.fleet.brokers, scene.fleet.topics.full("requests"), items):
            refused = sent.item.ends is Ends.BROKER
            assert refused == (sent.offset is None), f"{sent.item.kind}: {sent.error or 'the broker took it'}"
            if not refused:
                scene.raw.append(_evidence(sent.item))
    return f"requests, {len(items)} records"


def _evidence(item: Garbage) -> Sent:
    raw = Sent.raw(item.key, item.value)
    if item.request_id is None or item.tenant is None:
        return raw
    return Sent(Identity(item.tenant, item.request_id), raw.digest)


async def _outage(scene: Scene, draw: Random, fault: str) -> str:
    async with scene.only("simulator"):
        seconds = draw.uniform(6.0, 12.0)
        await scene.fleet.outage(fault, seconds)
        await asyncio.sleep(seconds)
    return "all models"


def _nothing(_: Scene) -> float:
    return 0.0


OUTSIDE_FAULTS = (
    Fault("provider down", "simulator", provider_down, _nothing, "retries, then a static answer"),
    Fault("provider refusing", "simulator", provider_refusing, _nothing, "retries, then a static answer"),
    Fault("provider hanging", "simulator", provider_hanging, lambda _: 2.0, "a call's timeout"),
    Fault("provider frozen", "simulator", provider_frozen, lambda _: 2.0, "a call's timeout"),
    Fault("records too large", "driver", records_too_large, _nothing, "they are refused"),
    Fault("hostile records", "brokers", hostile_records, _nothing, "they become dead letters, or are refused"),
)
