"""What a driver of traffic sends, and how each record must end."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from streamguard.events.reason import Reason

REQUEST_SCHEMA = "streamguard.request/1"

End = Literal["outcome", "dead_letter", "nothing"]
"""`outcome`: one response and one outcome. `dead_letter`: the same bytes in `dead-letters`. `nothing`: its id was sent before."""


class Identity(NamedTuple):
    """What a request is known by, everywhere."""

    tenant_id: str
    request_id: str
    run: int = 1


@dataclass(frozen=True, slots=True)
class Planned:
    """One record to send to `requests`.

    `kind` names what it is for, for reports. `identity` is None for bytes that carry none. `reason` is what it must be
    refused with, where that is certain. `misplaced` sends it to another partition than its key's. `streamed`: it asks for its
    answer in pieces. `cancel_after`: so many seconds after it was sent nobody wants its answer any more; it may be too late.
    """

    kind: str
    key: bytes
    value: bytes
    end: End
    identity: Identity | None = None
    reason: Reason | None = None
    schema: str = REQUEST_SCHEMA
    misplaced: bool = False
    streamed: bool = False
    cancel_after: float | None = None
