"""When which fault strikes: pure, from a seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

QUIET = 4.0
"""Seconds before the first strike."""


@dataclass(frozen=True, slots=True)
class Strike:
    """At `at` seconds from the beginning the fault `kind` strikes; `seed` decides on whom and how long."""

    at: float
    kind: str
    seed: int


def schedule(
    seed: int, seconds: float, kinds: Mapping[str, str], *, tail: float = 45.0, every: float = 22.0, mixed: float = 0.4
) -> list[Strike]:
    """Strikes in the order of time, none in the first seconds nor in the last `tail`, in which the last ones are to heal.

    `kinds` maps each kind to what it strikes. They are drawn without putting back, so none comes a second time before all
    have come once; one that gets no turn in this run is first in a run with the next seed. About every `every` seconds one
    strikes, with the chance `mixed` together with another one that strikes something else: two brokers at once are more
    than three can spare.
    """
    draw = Random(f"chaos/{seed}")
    deck = _deck(seed, sorted(kinds), draw)
    strikes: list[Strike] = []
    at = QUIET
    while at < max(QUIET + 1, seconds - tail):
        kind = next(deck)
        strikes.append(Strike(at, kind, draw.getrandbits(32)))
        if draw.random() < mixed:
            other = next(deck)
            if kinds[other] != kinds[kind]:
                strikes.append(Strike(at + draw.uniform(0.0, 3.0), other, draw.getrandbits(32)))
            else:  # it waits until the first has gone
                at += every / 2
                strikes.append(Strike(at, other, draw.getrandbits(32)))
        at += every * draw.uniform(0.7, 1.3)
    return sorted(strikes, key=lambda strike: strike.at)


def _deck(seed: int, kinds: Sequence[str], draw: Random) -> Iterator[str]:
    """All kinds, shuffled, again and again; each seed begins a third further on, so that few short runs see all."""
    order = [*kinds]
    Random("chaos").shuffle(order)
    begin = (seed * (len(order) // 3 or 1)) % len(order)
    yield from order[begin:] + order[:begin]
    while True:
        order = [*kinds]
        draw.shuffle(order)
        yield from order
