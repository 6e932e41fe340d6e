"""What the sink reads, and what becomes of each record: rows, or a dead letter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamguard.analytics.migrations import Target
from streamguard.analytics.rows import Place, Row, Rows, payload_rows, telemetry_rows
from streamguard.errors import InvalidRecord
from streamguard.events.base import Record
from streamguard.events.booked import Payload, Telemetry
from streamguard.events.codec import decode
from streamguard.intake.contract import Output, Received
from streamguard.stream.stage_step import dead_letter
from streamguard.stream.topics import Topics

R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class Item:
    """One record of a chunk. `letter` goes to the dead letters before the chunk is written; None when there is none left."""

    rows: Rows
    letter: Output | None = None
    code: str = ""
    at_ms: int = 0
    """When the broker had the record, in milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Source(Generic[R]):
    """A topic that the sink reads (named without prefix), what its records are, and which store their rows belong to."""

    topic: str
    target: Target
    record: type[R]
    rows: Callable[[R, Place], Rows]

    def item(self, topics: Topics, received: Received, stored_as: str = "") -> Item:
        """The rows of a record; of one that cannot be read, its dead letter. The same bytes always give the same.

        `stored_as` is what the rows call its topic, as received unless given.
        """
        if received.damage:
            letter = dead_letter(topics, "sink", received, received.damage)
            return Item({}, letter, received.damage, received.timestamp)
        schema = next((value for name, value in received.headers if name == "schema"), None)
        try:
            record = decode(self.record, received.value, schema.decode("ascii", "replace") if schema else None)
            rows = self.rows(record, Place(stored_as or received.topic, received.partition, received.offset))
            return Item(rows, at_ms=received.timestamp)
        except InvalidRecord as error:
            return Item({}, dead_letter(topics, "sink", received, error.code), error.code, received.timestamp)


SOURCES: Sequence[Source[Telemetry] | Source[Payload]] = (
    Source("telemetry", "outcomes", Telemetry, telemetry_rows),
    Source("payloads", "payloads", Payload, payload_rows),
)


def by_table(items: Sequence[Item]) -> Mapping[str, list[Row]]:
    """The rows of many records, table by table, in the records' order."""
    tables: dict[str, list[Row]] = {}
    for item in items:
        for table, rows in item.rows.items():
            tables.setdefault(table, []).extend(rows)
    return tables
