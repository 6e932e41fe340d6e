"""Hostile records: what a broken, old, foreign or malicious producer can put on a topic that brokers take.

`KINDS` has one maker a kind of fault. Kinds whose requests can be read carry an id and must end in one outcome, whatever its
status; others must end in the dead letters; a few are refused by the broker already.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.partitioner import murmur2

from tests.support.garbage_kinds import KINDS, SCHEMA, Ends
from tests.support.raw_records import Raw, produce

PREFIX = "garbage-"
"""All ids, users and tenants of hostile requests begin with it."""

_MISPLACED = frozenset({"another's partition", "placed, and yet misplaced"})


@dataclass(frozen=True, slots=True)
class Garbage:
    """One hostile record. `place` is its partition, modulo the partitions that there are. `request_id` and `tenant` are there
    when it must end in an outcome on the topic `requests`."""

    kind: str
    ends: Ends
    raw: Raw
    place: int
    request_id: str | None = None
    tenant: str | None = None

    @property
    def key(self) -> bytes | None:
        return self.raw.key

    @property
    def value(self) -> bytes | None:
        return self.raw.value


@dataclass(frozen=True, slots=True)
class Sent:
    """Where it lies; `offset` None when the broker refused it, with `error`, the name of aiokafka's class."""

    item: Garbage
    topic: str
    partition: int
    offset: int | None
    error: str | None


def garbage(
    draw: random.Random, count: int, *, ends: Sequence[Ends] = tuple(Ends), schema: str = SCHEMA
) -> list[Garbage]:
    """`count` records, the same for the same draw; among the first are all kinds that end so, in random order.

    For inner topics give the `schema` of their records, so that more than this header is looked at; whatever reaches the
    topic is a dead letter there, since a request of a service is no such record.
    """
    kinds = [kind for kind, (end, _) in KINDS.items() if end in ends]
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += draw.sample(kinds, len(kinds))
    return [make(kind, draw, schema=schema) for kind in chosen[:count]]


def make(kind: str, draw: random.Random, *, schema: str = SCHEMA) -> Garbage:
    """One record of a kind."""
    ends, maker = KINDS[kind]
    name, tenant = f"{PREFIX}{draw.getrandbits(64):016x}", f"{PREFIX}{draw.randrange(8)}"
    request: dict[str, Any] = {
        "request_id": name,
        "tenant_id": tenant,
        "user_id": f"{PREFIX}{draw.getrandbits(32):08x}",
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
    }
    raw = maker(request, draw)
    headers = tuple((name, schema.encode() if value == SCHEMA.encode() else value) for name, value in raw.headers)
    raw = replace(raw, headers=headers)
    place = _home(tenant) + (1 if kind in _MISPLACED else 0)
    return Garbage(kind, ends, raw, place, *((name, tenant) if ends is Ends.OUTCOME else ()))


async def send(brokers: str, topic: str, items: Sequence[Garbage]) -> list[Sent]:
    """Write them one after another and tell where each lies. Raises `TimeoutError` when the brokers do not answer for long."""
    written = await produce(brokers, topic, [(item.place, item.raw) for item in items])
    return [Sent(item, topic, at.partition, at.offset, at.error) for item, at in zip(items, written, strict=True)]


def _home(tenant: str) -> int:
    """Where a tenant's requests belong, modulo the partitions."""
    return murmur2(tenant.encode()) & 0x7FFFFFFF
