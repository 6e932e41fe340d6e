"""What is sent during a run of chaos: the demo's mixture in lots, and among it conversations whose turns follow one another
closely, so that their order has something to lose."""

from collections.abc import Iterator
from random import Random

from streamguard.cli.demo.customers import Customers, say
from streamguard.cli.demo.material import Material, load_material
from streamguard.cli.demo.requests import support_requests
from streamguard.stream.planned import Planned

LOT = 1000
"""Requests that are mixed with one another. Bursts of the demo's kinds lie within a part of a lot."""
TURNS = 5
IN_SEQUENCE = 0.2
"""The share of requests that are turns of close conversations."""


def requests(count: int, seed: int) -> Iterator[Planned]:
    """`count` different requests and a few sent twice; the same for the same seed."""
    material = load_material()
    for number, begin in enumerate(range(0, count, LOT)):
        yield from _lot(min(LOT, count - begin), Random(f"{seed}/{number}"), f"{number:03}", material)


def _lot(count: int, draw: Random, name: str, material: Material) -> Iterator[Planned]:
    conversations = round(count * IN_SEQUENCE) // TURNS
    mixed = list(support_requests(count - conversations * TURNS, draw.randrange(1 << 30), material, lot=f"{name}-"))
    customers = Customers(material, max(conversations, 1), draw, f"{name}-seq-")
    placed = [(float(place), 0, planned) for place, planned in enumerate(mixed)]
    for conversation in range(conversations):
        place = draw.uniform(0, len(mixed))
        tenant = customers.tenant()
        user = customers.users(tenant, 1)[0]
        for turn in range(TURNS):
            place += draw.uniform(0.2, 3.0)
            fields = say(customers.ticket(tenant)) | {
                "conversation_id": f"seq-{name}-{conversation:03}",
                "feature": "chat",
                "cache": "off",
                "metadata": {"kind": "sequence", "turn": str(turn)},
            }
            placed.append((place, turn, customers.send("sequence", fields, tenant=tenant, user=user)))
    placed.sort(key=lambda one: one[:2])
    return (planned for _, _, planned in placed)
