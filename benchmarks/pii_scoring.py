"""Scoring a finder of personal data against labelled texts: by overlap of spans of one type.

Reads the format of presidio-research's `synth_dataset_v2.json`: a list of objects with `full_text` and `spans` of `entity_type`,
`start_position`, `end_position`. Pure; whoever calls reads the file and finds the data.

How it counts. A label is a hit when some datum found overlaps it and is of its type; each other label is a miss. A datum is a
false alarm when it is of a type that the labels know and overlaps no label of that type (found as something else, it is a miss of
one type and a false alarm of the other), or when it is of a kind that they do not know (`MAC`) and overlaps no label of any type.
Of kinds that they do not know, data that overlap some label are neither: they are counted as `unlabelled`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TYPES: Mapping[str, str] = {
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "CARD": "CREDIT_CARD",
    "IBAN": "IBAN_CODE",
    "SSN": "US_SSN",
    "IP": "IP_ADDRESS",
    "DRIVER_LICENSE": "US_DRIVER_LICENSE",
    "ADDRESS": "STREET_ADDRESS",
    "NAME": "PERSON",
}
"""The kinds of `streamguard.checks.personal_data`, as the labels call them. Other kinds are scored under their own name."""

CHECKABLE = frozenset({"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS"})
"""Types whose values have a format that can be checked. All others are reported apart."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (excluded) are of `type`."""

    type: str
    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text and what is marked in it."""

    text: str
    spans: tuple[Span, ...]


@dataclass(slots=True)
class Count:
    """Hits (of labels), false alarms (of data), misses (of labels)."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float | None:
        """None when nothing was found."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        """None when nothing was there to be found."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None


@dataclass(slots=True)
class Score:
    """What a finder reached, by type."""

    types: dict[str, Count] = field(default_factory=dict)
    unlabelled: Counter[str] = field(default_factory=Counter)
    """Data of kinds that the labels do not know, where they overlap a label of some type."""
    texts: int = 0

    def of(self, name: str) -> Count:
        return self.types.setdefault(name, Count())

    def micro(self, names: Iterable[str] = CHECKABLE) -> Count:
        """All of these types together, every label and datum with the same weight."""
        chosen = [self.types[name] for name in names if name in self.types]
        return Count(sum(c.tp for c in chosen), sum(c.fp for c in chosen), sum(c.fn for c in chosen))

    def strict(self) -> Count:
        """The checkable types, and besides their false alarms those of every kind that the labels do not know."""
        known = set(TYPES.values())
        together = self.micro()
        together.fp += sum(count.fp for name, count in self.types.items() if name not in known)
        return together


def read_labels(rows: Sequence[Mapping[str, Any]]) -> list[Labelled]:
    """The labelled texts of a file's content. Raises `KeyError` where a row lacks what the format has."""
    return [
        Labelled(
            row["full_text"],
            tuple(Span(span["entity_type"], span["start_position"], span["end_position"]) for span in row["spans"]),
        )
        for row in rows
    ]


def score(labelled: Iterable[Labelled], find: Callable[[str], Iterable[Span]]) -> Score:
    """What `find` reaches; its spans carry its own kinds, which `TYPES` translates."""
    result = Score()
    for row in labelled:
        found = [Span(TYPES.get(span.type, span.type), span.start, span.end) for span in find(row.text)]
        count(result, row.spans, found)
        result.texts += 1
    return result


def count(result: Score, labels: Sequence[Span], found: Sequence[Span]) -> None:
    """Add one text's labels and data to `result`."""
    for label in labels:
        hit = any(datum.type == label.type and datum.overlaps(label) for datum in found)
        if hit:
            result.of(label.type).tp += 1
        else:
            result.of(label.type).fn += 1
    known = set(TYPES.values())
    for datum in found:
        touched = [label.type for label in labels if label.overlaps(datum)]
        if datum.type in touched:
            continue
        if touched and datum.type not in known:
            result.unlabelled[datum.type] += 1
        else:
            result.of(datum.type).fp += 1
