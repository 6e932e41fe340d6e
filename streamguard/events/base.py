"""What all records share."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt

Micros = NonNegativeInt
"""Microseconds: since the Unix epoch for a point in time (`*_at`), or a length of time (`*_us`)."""


class Record(BaseModel):
    """A record of a topic, or a part of one.

    Unknown fields are kept and passed on, so that workers of two releases can share a topic (rolling upgrades); a
    change that older workers cannot live with is another major version of the schema. Records are values: frozen.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, ser_json_inf_nan="null")
