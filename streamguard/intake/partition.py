"""One assigned input partition, and the load of all of them."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field

from streamguard.intake.contract import Received
from streamguard.intake.keys import KeyQueues
from streamguard.intake.marks import Place
from streamguard.intake.offsets import Offsets
from streamguard.intake.statistics import Statistics


class InputPartition:
    """One assignment: its offsets, key queues and running tasks. It dies with the assignment (`live` is False).

    What a dead one's tasks still acknowledge changes nothing that can be committed.
    """

    def __init__(self, place: Place, committed: int, outputs: Sequence[Place], key_bound: int, load: "Load") -> None:
        self.place, self.live = place, True
        self.offsets = Offsets(place, committed, outputs)
        self.keys = KeyQueues(key_bound)
        self._load = load
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def entered(self, count: int) -> None:
        """So many inputs were delivered."""
        self._in_flight += count
        self._load.add(count)

    def done(self, record: Received) -> None:
        """All outputs of this input are acknowledged, or existed."""
        if self.live:
            self.offsets.ack(record.offset)
            self._in_flight -= 1
            self._load.statistics.done += 1
            self._load.add(-1)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run work that ends with this assignment."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self) -> None:
        """The partition moved away or begins anew: cancel what runs and forget the rest."""
        self.live = False
        self._load.add(-self._in_flight)
        self._in_flight = 0
        for task in self._tasks:
            task.cancel()


@dataclass(slots=True)
class Load:
    """Inputs delivered and not done, and whom to wake when that changes."""

    statistics: Statistics
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever there is room again, or may be; whoever waits clears it first."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing is in flight."""

    def __post_init__(self) -> None:
        self.idle.set()

    def add(self, count: int) -> None:
        """So many more, or fewer."""
        total = self.statistics.in_flight = self.statistics.in_flight + count
        if total == 0:
            self.idle.set()
        elif count > 0:
            self.idle.clear()
        if count < 0:
            self.changed.set()
