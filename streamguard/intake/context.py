"""What the parts of one running intake share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streamguard.clock import Clock
from streamguard.intake.gate import Gate
from streamguard.intake.layout import Layout
from streamguard.intake.marks import Place
from streamguard.intake.partition import InputPartition, Load
from streamguard.intake.settings import Settings
from streamguard.intake.statistics import Statistics
from streamguard.intake.watchdog import Watchdog


class Ends(dict[Place, int]):
    """How far each output partition is known to reach: from acknowledgements and scans. It never claims too much."""

    def __missing__(self, place: Place) -> int:
        return 0

    def reached(self, place: Place, offset: int) -> None:
        """A record lies at `offset`."""
        if offset >= self[place]:
            self[place] = offset + 1


@dataclass(slots=True)
class Context:
    """One running intake. Made anew by each run."""

    settings: Settings
    layout: Layout
    clock: Clock
    load: Load
    gate: Gate
    watchdog: Watchdog
    fail: Callable[[BaseException], None]
    """Ends the worker with this error."""
    partitions: dict[Place, InputPartition] = field(default_factory=dict[Place, InputPartition])
    ends: Ends = field(default_factory=Ends)

    @property
    def statistics(self) -> Statistics:
        """The counters."""
        return self.load.statistics
