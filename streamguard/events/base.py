"""What all records share, and what lets workers of two releases share a topic."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, NonNegativeInt
from pydantic_core import CoreSchema, core_schema

Micros = NonNegativeInt
"""Microseconds: since the Unix epoch for a point in time (`*_at`), or a length of time (`*_us`)."""


class Record(BaseModel):
    """A record of a topic, or a part of one. Records are values: frozen.

    Unknown fields are kept and passed on, so that workers of two releases can share a topic (rolling upgrades); a
    change that older workers cannot live with is another major version of the schema, on topics of its own. What a newer
    release adds to the records between the stages travels through older ones up to `outcomes`. It stops there: whether it
    is text only a release that knows it can tell. What must reach the store by older workers too belongs into a trail
    entry's `detail` or into a part that holds codes and numbers alone (verdicts, calls, usage, cache use).
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, ser_json_inf_nan="null")


class _Open:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        code = core_schema.str_schema(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)
        return core_schema.union_schema([handler(source), code], mode="left_to_right")


OPEN = _Open()
"""Marks codes that a later release may add to: `Annotated[Literal[...], OPEN]`.

An older worker takes a code that it does not know as it is, a plain string of letters, digits and `_`, and passes it on:
to refuse it would bury a good record. So such a code is compared with those that are known, never looked up among them, and
whatever is decided by it takes the safe side for all others. Codes that decide what happens next (`Decision.action`,
`Status`, `JournalEntry.kind`), and what services ask for, are closed.
"""


R = TypeVar("R", bound=Record)


def unknown(record: Record, into: type[Record] = Record) -> Mapping[str, Any]:
    """The fields of a record that this release does not know: neither there nor in records of the kind `into`."""
    return {name: value for name, value in (record.__pydantic_extra__ or {}).items() if name not in into.model_fields}


def carry(record: Record, into: type[R], **changes: Any) -> R:
    """`record` as a record of the next kind: its fields, unknown ones too, with `changes`. Nothing is validated again."""
    return into.model_construct(**{**record.__dict__, **unknown(record), **changes})
