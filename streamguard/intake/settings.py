"""What can be set of an intake."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamguard.config import Cluster
from streamguard.intake.errors import SettingsInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times are seconds unless the name ends in `_ms`. The defaults suit steps that call a model.

    Raises SettingsInvalid for values that cannot work together.
    """

    cluster: Cluster
    group: str
    instance: str | None = None
    """Static member id, unique among running workers; None: a dynamic member."""
    lock_dir: Path | None = None
    """Where a host's processes see each other's static member ids; None: in its directory for temporary files."""
    host: str = field(default_factory=socket.gethostname)
    """How another host's operator finds this process."""
    partitions: int | None = None
    """The count that all topics were made with; None: whatever the sources have at the start, and each re-keyed topic."""
    grown: bool = False
    """Topics may have more than `partitions`: what lies there is read, nothing is written there."""
    session: float = 10.0
    """After this silence the group gives a member's partitions away; the lease lasts 0.8 of it."""
    cap: int = 256
    """Inputs delivered and not done, of all partitions together."""
    span: int = 2000
    """Inputs of one partition between what the broker has committed and what is delivered."""
    key_queue: int = 64
    """Inputs of one key that may wait; a full queue pauses its partition."""
    deadline: float = 45.0
    """A step that takes longer is cancelled and its input buried. A stage's own deadline ends before."""
    grace: float = 5.0
    """After a stop: how long steps under way may finish."""
    stop_limit: float = 15.0
    """After the grace: how long closing may take."""
    commit_every: float = 0.5
    stall: float = 30.0
    """Watchdog: no commit accepted, or records waiting and none delivered, for this long."""
    buried_limit: int = 100
    buried_window: float = 60.0
    """More than `buried_limit` buried inputs within `buried_window` stop the worker."""
    open_sources: bool = False
    """Anybody may write to the sources: inputs that are themselves at fault, such as invalid or too large ones, are buried and
    not counted against the limit."""
    topics_wait: float = 30.0
    """How long to wait at start for topics that do not exist yet."""
    fetch_wait_ms: int = 500
    """Long poll of a fetch: without records a stage asks the broker this seldom."""
    metadata_age_ms: int = 30_000
    """How old a client's knowledge of leaders and partition counts may be."""
    max_request_size: int = 2 << 20
    """Bytes; a larger output is refused and its input buried. More than brokers take of a record by default, so that the
    topic of dead letters can take one that just fitted elsewhere, and more headers."""
    client_id: str | None = None
    """What all clients are called, for quotas and for whoever describes the group; None leaves that to aiokafka."""

    def __post_init__(self) -> None:
        numbers = {
            "session": self.session,
            "cap": self.cap,
            "span": self.span,
            "key_queue": self.key_queue,
            "deadline": self.deadline,
            "commit_every": self.commit_every,
            "stall": self.stall,
            "buried_window": self.buried_window,
        }
        for name, value in numbers.items():
            if value <= 0:
                raise SettingsInvalid(f"{name} is {value}; it must be above 0")

    @property
    def client(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        return self.cluster.arguments | ({} if self.client_id is None else {"client_id": self.client_id})

    @property
    def lease(self) -> float:
        """Seconds for which an accepted commit lets outputs out."""
        return self.session * 0.8

    @property
    def patience(self) -> float:
        """Seconds for which a connection may try to bring bytes to a broker: what it holds must not arrive after the group gave
        the partitions away."""
        return self.session - self.lease

    @property
    def calm(self) -> float:
        """Seconds for which the group's word that it is not rebalancing lets outputs out."""
        return self.rebalance * 0.8

    @property
    def commit_period(self) -> float:
        """Seconds between commits: an accepted one must come several times within a lease."""
        return min(self.commit_every, self.lease / 4)

    @property
    def rebalance(self) -> float:
        """Seconds the group waits in a rebalance for a member that flushes its outputs."""
        return max(self.session, 10.0)
