"""An answer while it is written."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.events.base import OPEN, Record
from streamguard.events.request import Id, TenantId

Mark = Literal["final", "restart", "retracted"]
LAST_STREAM = 2**53 - 1
"""The stream of verify's last word in a run, above all others, which clocks number: the highest whole number that every reader
of JSON can hold."""


class Chunk(Record):
    """Topic `response-chunks`: a piece of an answer that passed the checks of streams, with the asker's own data in it.

    The pieces of one `stream` in the order of `seq`, from 0 on, make the text. Of a request the highest `(run, stream)` counts: a
    higher one begins anew, and what was shown of lower ones is void. `mark`: `final` stands on the last chunk of a complete
    answer, `restart` on the first of a stream that takes the place of one that broke off, `retracted` says that there is no
    answer and nothing shown may be kept. `streamguard.events.reading` has these rules as code. What holds in the end is the
    record in `responses`.
    """

    request_id: Id
    """Of the request that is being answered."""
    tenant_id: TenantId
    """Of the request that is being answered."""
    run: int = Field(default=1, ge=1)
    """Which pass of the request this is: 1, or more after a dead letter was replayed."""
    stream: int = Field(ge=0)
    """Which try at the answer: with a higher one the text begins anew."""
    seq: int = Field(ge=0)
    """Its place in the stream, from 0 on."""
    text: str = ""
    """What is said next. May be empty beside a `mark`."""
    mark: Annotated[Mark, OPEN] | None = None
    """`final`: the answer is whole; `restart`: this stream takes the place of one that broke off; `retracted`: there is no
    answer, forget what was shown."""
