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
    model: str
    state: Literal["closed", "open", "half_open"]
    version: int = Field(ge=1)
    worker: str
    until: Micros | None = None
    cause: Annotated[Literal["in_a_row", "failure_rate", "slow", "probe_failed", "probes_passed", "claim"], OPEN]


class Cancellation(Record):
    """Topic `cancellations`, keyed `tenant/request`: stop this request wherever it is."""

    tenant_id: TenantId
    request_id: Id
