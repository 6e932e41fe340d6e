"""The two thousand support requests: what is sent, in which order, and how each must end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from streamguard.cli.demo.customers import Customers
from streamguard.cli.demo.kinds import KINDS, Kind
from streamguard.cli.demo.material import Material, load_material
from streamguard.stream.planned import Planned

SHARES: Mapping[str, float] = {
    "question": 0.20,
    "paraphrase": 0.06,
    "chat": 0.12,
    "conversation": 0.06,
    "personal": 0.06,
    "twins": 0.02,
    "classify": 0.03,
    "json": 0.03,
    "documents": 0.03,
    "help": 0.03,
    "backlog": 0.055,
    "cancelled": 0.02,
    "tools": 0.02,
    "injection": 0.02,
    "secret": 0.01,
    "misplaced": 0.01,
    "sent_twice": 0.01,
    "no_consent": 0.005,
    "late": 0.005,
    "oversized": 0.003,
    "broken": 0.008,
    "empty": 0.0025,
    "unknown_prompt": 0.0025,
    "chatty": 0.04,
    "shared_address": 0.065,
}
"""Of all requests; the rest are tickets. A kind whose share is less than half a request is left out."""


@dataclass(frozen=True, slots=True)
class _Placed:
    at: float
    order: int
    planned: Planned


def support_requests(count: int, seed: int, material: Material | None = None, *, lot: str = "") -> Iterator[Planned]:
    """`count` different requests, the same for the same seed, and a few of them a second time (`end` is `nothing`).

    Several tenants; most users stay below the limits, a few do not. What belongs together (turns of a conversation, a
    request and its repetition) keeps its order; everything else is mixed. A burst comes close together. `lot` stands in all
    ids, so that several lots can be sent to one line.
    """
    customers = Customers(material or load_material(), count, Random(seed), lot)
    placed: list[_Placed] = []
    left = count
    for name, share in SHARES.items():
        wanted = min(left, round(count * share))
        left -= _place(KINDS[name], wanted, customers, placed)
    _place(KINDS["ticket"], left, customers, placed)
    placed.sort(key=lambda item: (item.at, item.order))
    return (item.planned for item in placed)


def _place(kind: Kind, wanted: int, customers: Customers, placed: list[_Placed]) -> int:
    """Add `wanted` requests of the kind; returns how many it came to (fewer where a burst would be too small)."""
    begin, end = kind.window
    made = 0
    while wanted - made >= kind.at_least:
        bundle = kind.make(customers, wanted - made)
        times = sorted(customers.rng.uniform(begin, end) for _ in bundle)
        placed.extend(
            _Placed(at, len(placed) + n, item) for n, (at, item) in enumerate(zip(times, bundle, strict=True))
        )
        made += sum(item.end != "nothing" for item in bundle)
    return made
