"""Putting attacks into documents: e-mails and tables that a service hands over beside the question.

As BIPIA does it (Yi et al., 2023): before the document, after it, or between two of its sentences or lines. The carriers are the
repository's own (`training/corpus/carriers.jsonl`), which no training sees.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

from benchmarks.checks_reading import Row, Source, read

CARRIERS = Path(__file__).parents[1] / "training" / "corpus" / "carriers.jsonl"
Place = Literal["start", "middle", "end"]
PLACES: tuple[Place, ...] = ("start", "middle", "end")
_BOUNDARY = re.compile(r"\n+|(?<=[.!?]) +(?=\S)")


@dataclass(frozen=True, slots=True)
class Buried:
    """A document with an attack in it. `attack` is the bare row that it was made of."""

    row: Row
    attack: Row
    carrier: str
    place: Place


def carriers(path: Path = CARRIERS) -> tuple[Row, ...]:
    """The clean documents that attacks are put into, as rows of role `document`. Raises `UnreadableSet`."""
    return read(Source(path, label=0, role="document")).rows


def bury(attacks: Sequence[Row], clean: Sequence[Row], seed: int) -> Iterator[Buried]:
    """Each attack at the start, in the middle and at the end of a document; the documents' kinds take turns."""
    dice = Random(seed)
    decks = [dice.sample(deck, len(deck)) for deck in _by_kind(clean)]
    for number, attack in enumerate(attacks):
        for turn, place in enumerate(PLACES):
            count = number * len(PLACES) + turn
            deck = decks[count % len(decks)]
            carrier = deck[count // len(decks) % len(deck)]
            text = insert(carrier.text, attack.text, place, dice)
            row = replace(attack, text=text, role="document", bare=False)
            yield Buried(row, attack, carrier.kind, place)


def insert(document: str, attack: str, place: Place, dice: Random) -> str:
    """`document` with `attack` at that place: on a line of its own or, in half of the cases, within the running text."""
    between = "\n" if "\n" in attack or dice.random() < 0.5 else " "
    gaps = [match.span() for match in _BOUNDARY.finditer(document)]
    if place == "start":
        return f"{attack}{between}{document}"
    if place == "end" or not gaps:
        return f"{document}{between}{attack}"
    before, after = dice.choice(gaps)
    return f"{document[:before]}{between}{attack}{document[before:after]}{document[after:]}"


def _by_kind(clean: Iterable[Row]) -> list[list[Row]]:
    kinds: dict[str, list[Row]] = {}
    for row in clean:
        kinds.setdefault(row.kind, []).append(row)
    return [kinds[kind] for kind in sorted(kinds)]
