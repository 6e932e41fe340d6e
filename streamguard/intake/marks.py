"""Marks: beside each committed offset, the lowest offset of each output partition at which a scan has to begin.

Invariant: no output of an input at or after the committed offset lies, or will ever lie, below the mark committed with it.
`offsets.py` computes them; here is their form: `topic first a,b,c;topic …`, where a, b, c are the marks of the partitions
`first`, `first + 1` … in base 36, about 6 to 8 bytes each. What cannot be read counts as 0, so that everything is scanned.

Beside them stands, in the same form, the partition count that the commit was made under: it goes wherever the commit goes,
and a topic that has grown since is found by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from streamguard.intake.errors import MarksTooLarge

LIMIT = 4096
"""Bytes of metadata that a broker takes beside an offset (its `offset.metadata.max.bytes`)."""
HIGHEST = 36**8 - 1
"""The size of marks is checked at start for offsets up to this one, 2.8 × 10¹²."""
_COUNT = "*"
"""Stands where marks have a topic; no topic can have this name."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Place(NamedTuple):
    """One partition of one topic; equal to aiokafka's TopicPartition, without knowing aiokafka."""

    topic: str
    partition: int


def encode(marks: Mapping[Place, int], count: int | None = None) -> str:
    """The text form of `marks`, and of the partition count. Raises MarksTooLarge beyond what a broker takes."""
    partitions = len(marks)
    if count is not None:
        marks = {Place(_COUNT, 0): count, **marks}
    runs: list[tuple[Place, list[int]]] = []
    for place in sorted(marks):
        if runs and runs[-1][0].topic == place.topic and runs[-1][0].partition + len(runs[-1][1]) == place.partition:
            runs[-1][1].append(marks[place])
        else:
            runs.append((place, [marks[place]]))
    text = ";".join(f"{place.topic} {_base36(place.partition)} {','.join(map(_base36, run))}" for place, run in runs)
    if len(text) > LIMIT:
        raise MarksTooLarge(partitions, len(text), LIMIT)
    return text


def decode(text: str | None) -> dict[Place, int]:
    """The marks in `text`; empty when it is not ours."""
    marks = _decode(text)
    marks.pop(Place(_COUNT, 0), None)
    return marks


def count_in(text: str | None) -> int | None:
    """The partition count in `text`; None where it names none."""
    return _decode(text).get(Place(_COUNT, 0))


def _decode(text: str | None) -> dict[Place, int]:
    marks: dict[Place, int] = {}
    try:
        for part in (text or "").split(";"):
            topic, first, run = part.split(" ")
            for number, mark in enumerate(run.split(","), start=int(first, 36)):
                if int(mark, 36) < 0 or number < 0:
                    return {}
                marks[Place(topic, number)] = int(mark, 36)
    except ValueError:
        return {}
    return marks


def check_size(places: Iterable[Place], count: int) -> None:
    """Raise MarksTooLarge when the marks of these output partitions, with the count, might not fit one day."""
    encode(dict.fromkeys(places, HIGHEST), count)


def starts(marks: Iterable[Mapping[Place, int]], places: Sequence[Sequence[Place]]) -> dict[Place, int]:
    """Where to begin the scan of each output partition: the lowest mark of all inputs; one that has no mark counts as 0."""
    lowest: dict[Place, int] = {}
    for own, reach in zip(marks, places, strict=True):
        for place in reach:
            mark = own.get(place, 0)
            lowest[place] = min(lowest.get(place, mark), mark)
    return lowest


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
