"""What all records share."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, NonNegativeInt

Micros = NonNegativeInt
"""Microseconds: since the Unix epoch for a point in time (`*_at`), or a length of time (`*_us`)."""


class Record(BaseModel):
    """A record of a topic, or a part of one.

    Unknown fields are kept and passed on, so that workers of two releases can share a topic (rolling upgrades); a
    change that older workers cannot live with is another major version of the schema. Records are values: frozen.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, ser_json_inf_nan="null")


R = TypeVar("R", bound=Record)


def carry(record: Record, into: type[R], **changes: Any) -> R:
    """`record` as a record of the next kind: its fields, unknown ones too, with `changes`. Nothing is validated again."""
    return into.model_construct(**{**record.__dict__, **(record.__pydantic_extra__ or {}), **changes})
