"""Records as bytes, and back.

On the wire a record is JSON without the fields that are None; its schema travels beside it in the header `schema`, as
`streamguard.<record>/<major>`. JSON is read and written by pydantic's own engine, which skips the detour over
dictionaries (`docs/decisions/0002-json-by-pydantic.md`).
"""

from functools import cache
from typing import TypeVar

from pydantic import ValidationError

from streamguard.errors import InvalidRecord
from streamguard.events.base import Record
from streamguard.events.booked import JournalEntry, Payload, Settlement, Telemetry
from streamguard.events.chunk import Chunk
from streamguard.events.fleet import BreakerChange, Cancellation
from streamguard.events.letters import LetterDecision
from streamguard.events.outcome import Outcome, Response
from streamguard.events.request import Request
from streamguard.events.stages import Admitted, CacheEntry, Completion, Guarded, Invocation

MAJOR = 1
"""The major version of all schemas so far."""

RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        Request,
        Admitted,
        Guarded,
        Invocation,
        Completion,
        Response,
        Outcome,
        JournalEntry,
        Settlement,
        Telemetry,
        Payload,
        CacheEntry,
        LetterDecision,
        Chunk,
        BreakerChange,
        Cancellation,
    )
}
"""The records that travel on their own, by class name."""

R = TypeVar("R", bound=Record)


@cache
def schema_name(record: type[Record]) -> str:
    """What the header `schema` holds: `streamguard.cache-entry/1` for `CacheEntry`."""
    name = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in record.__name__)
    return f"streamguard.{name.removeprefix('-')}/{MAJOR}"


def encode(record: Record) -> bytes:
    """JSON bytes."""
    return record.__pydantic_serializer__.to_json(record, exclude_none=True)


def decode(record: type[R], value: bytes | None, schema: str | None = None) -> R:
    """A record from its bytes; without a `schema` header they are taken to be of this major version.

    Raises `InvalidRecord`; its message names fields, never what they hold.
    """
    if schema is not None and schema != schema_name(record):
        raise InvalidRecord("unknown_schema")
    if value is None:
        raise InvalidRecord("undecodable")
    try:
        return record.model_validate_json(value)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        if any(problem["type"] == "json_invalid" for problem in problems):
            raise InvalidRecord("undecodable") from None
        raise InvalidRecord("invalid_record", _fields(record, problems)) from None


def _fields(record: type[Record], problems: list) -> tuple[str, ...]:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]  # pydantic_core's ErrorDetails
    """Where it is wrong, in names we gave: below a field of ours a path may hold a sender's own words."""
    return tuple(
        sorted(
            {
                f"{problem['loc'][0]} ({problem['type']})"
                if problem["loc"] and problem["loc"][0] in record.model_fields
                else problem["type"]
                for problem in problems
            }
        )
    )
