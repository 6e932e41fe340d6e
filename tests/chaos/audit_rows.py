"""Rows equal offsets: each record of `telemetry` and `payloads` is in the store once, with what it says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from streamguard.events.booked import Telemetry
from streamguard.stream.planned import Identity

TABLES: Mapping[str, str] = {
    "requests": "telemetry",
    "calls": "telemetry",
    "verdicts": "telemetry",
    "payloads": "payloads",
}
"""The topic whose records become rows of each table."""


@dataclass(frozen=True, slots=True)
class Several:
    """Rows of one record in one table: how many, and a digest of all of them in the order of their positions."""

    count: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Booked:
    """What a telemetry record says, and what the store must therefore hold."""

    status: str
    reason: str | None
    cost_nusd: int | None
    calls: Several
    verdicts: Several


class At(NamedTuple):
    """The record that a row names: topic (without prefix), partition and offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `requests`, or of `payloads` (then without an end)."""

    at: At
    identity: Identity
    status: str = ""
    reason: str = ""
    cost_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds. `calls` and `verdicts` by record."""

    requests: Sequence[Row]
    payloads: Sequence[Row]
    calls: Mapping[At, Several]
    verdicts: Mapping[At, Several]


@dataclass(frozen=True, slots=True)
class Expected:
    """A record that the sink has read: rows must be there. `booked` None: a payload."""

    at: At
    identity: Identity
    booked: Booked | None


NONE = Several(0, b"")


def several(lines: Iterable[Sequence[object]]) -> Several:
    """Of rows, each given by its values, in order."""
    count, digest = 0, blake2b(digest_size=12)
    for line in lines:
        count += 1
        digest.update("\x1f".join(map(str, line)).encode() + b"\x1e")
    return Several(count, digest.digest()) if count else NONE


def booked(record: Telemetry) -> Booked:
    """The facts of a telemetry record."""
    calls = (
        (number, call.call_id, call.provider, call.model, call.kind, call.status, call.cost_nusd)
        for number, call in enumerate(record.calls)
    )
    verdicts = (
        (number, one.check, one.direction, one.action, one.code, one.content_hash)
        for number, one in enumerate(record.verdicts)
    )
    return Booked(record.status, record.reason, record.cost_nusd, several(calls), several(verdicts))


def unequal(expected: Sequence[Expected], stored: Stored) -> list[str]:
    """Where rows and records differ, each place with what is there."""
    wrong: list[str] = []
    by_at = {one.at: one for one in expected}
    for table, rows in (("requests", stored.requests), ("payloads", stored.payloads)):
        found: defaultdict[At, list[Row]] = defaultdict(list)
        for row in rows:
            found[row.at].append(row)
        wrong += [
            f"{table}: a row of {at}, which is no record"
            for at in found
            if at not in by_at or at.topic != TABLES[table]
        ]
        for one in expected:
            if one.at.topic == TABLES[table]:
                wrong += _compare(table, one, found.get(one.at, []))
    for table, parts in (("calls", stored.calls), ("verdicts", stored.verdicts)):
        wrong += [f"{table}: rows of {at}, which is no record" for at in parts if at not in by_at]
        for one in expected:
            if one.booked is not None:
                wanted, there = getattr(one.booked, table), parts.get(one.at, NONE)
                if wanted.count != there.count:
                    wrong.append(f"{table}: {there.count} rows of {one.at} instead of {wanted.count}")
                elif wanted != there:
                    wrong.append(f"{table}: the rows of {one.at} say something else than the record")
    return wrong


def _compare(table: str, one: Expected, rows: Sequence[Row]) -> list[str]:
    if len(rows) != 1:
        return [f"{table}: {len(rows)} rows of {one.at} instead of 1"]
    row, wanted = rows[0], one.booked
    if row.identity != one.identity:
        return [f"{table}: the row of {one.at} is of {_name(row.identity)}, not of {_name(one.identity)}"]
    if wanted is None or (row.status, row.reason, row.cost_nusd) == (
        wanted.status,
        wanted.reason or "",
        wanted.cost_nusd,
    ):
        return []
    told = f"{row.status} {row.reason} {row.cost_nusd} nusd"
    return [
        f"{table}: the row of {one.at} says {told}, not {wanted.status} {wanted.reason or ''} {wanted.cost_nusd} nusd"
    ]


def _name(identity: Identity) -> str:
    return "/".join(map(str, identity))
