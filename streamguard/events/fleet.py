"""What invoke workers tell each other, and what services tell them."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.events.base import OPEN, Micros, Record
from streamguard.events.request import Id, TenantId


class BreakerChange(Record):
    """Topic `breakers`, keyed `provider/model`: the breaker of a model has changed its state.

    `version` counts the states of one breaker. A change holds only where it is newer than all before it in the log: of two
    with one number the first in log order stands, so that of several claims to probe one wins. `worker` is who wrote it, unique
    for each start of a process. `until` is when an open one may be tried again, or when a half-open one's claim lapses.
    """

    provider: str
    """Of the model."""
    model: str
    """Whose breaker it is."""
    state: Literal["closed", "open", "half_open"]
    """`closed`: it is asked; `open`: it is not; `half_open`: one worker tries."""
    version: int = Field(ge=1)
    """Counts the states of one breaker."""
    worker: str
    """Who wrote it, unique for each start of a process."""
    until: Micros | None = None
    """When an open one may be tried again, or when a half-open one's claim lapses."""
    cause: Annotated[Literal["in_a_row", "failure_rate", "slow", "probe_failed", "probes_passed", "claim"], OPEN]
    """Why it changed."""


class Cancellation(Record):
    """Topic `cancellations`, keyed `tenant/request`: stop this request wherever it is."""

    tenant_id: TenantId
    """Of the request to stop."""
    request_id: Id
    """The request to stop."""
