"""Faults from outside: providers that fail, and records that nobody should send."""

import asyncio
from random import Random

import orjson

from streamguard.events.reason import Reason
from streamguard.stream.planned import Identity, Planned
from tests.chaos.faults import Fault, Scene

_LARGEST = 1_040_000
"""Bytes of a value that a broker just takes, with key and headers."""


async def provider_down(scene: Scene, draw: Random) -> str:
    return await _outage(scene, draw, "unavailable")


async def provider_hanging(scene: Scene, draw: Random) -> str:
    return await _outage(scene, draw, "hang")


async def provider_frozen(scene: Scene, draw: Random) -> str:
    """It takes connections, and nothing comes of them."""
    async with scene.only("simulator"):
        scene.fleet.freeze("simulator")
        await asyncio.sleep(draw.uniform(5.0, 10.0))
        scene.fleet.thaw("simulator")
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


async def undecodable_records(scene: Scene, draw: Random) -> str:
    for _ in range(20):
        key = draw.randbytes(draw.randrange(1, 12))
        value = draw.choice((b"\xff\xfe", b"{", b"[]", b"null", b'{"request_id":')) + draw.randbytes(24)
        scene.driver.put(Planned("garbage", key, value, "dead_letter"))
        await asyncio.sleep(0.05)
    return "requests"


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
    Fault("provider hanging", "simulator", provider_hanging, lambda _: 2.0, "a call's timeout"),
    Fault("provider frozen", "simulator", provider_frozen, lambda _: 2.0, "a call's timeout"),
    Fault("records too large", "driver", records_too_large, _nothing, "they are refused"),
    Fault("undecodable records", "driver", undecodable_records, _nothing, "they become dead letters"),
)
