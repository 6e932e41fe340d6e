"""Which entries of the admission journal count: the rules of epochs, without any I/O.

A new owner of a partition writes a marker; the marker's own offset is its epoch. Every decision names the epoch of its
owner. A marker says in `based_on` how far the journal reached before the group confirmed its writer's membership:
whoever owned the partition later wrote its marker behind that point. So a marker with another one between `based_on` and
itself is void: its writer had been replaced, or (it cannot tell) a replaced one wrote late, and it begins anew. A decision
counts when its epoch is that of the last marker that counts. So what a late writer still sends changes nothing.
"""

from streamguard.config import Limits
from streamguard.events.booked import JournalEntry
from streamguard.limits.admission import Admission


class JournalReplay:
    """Reads one partition's journal from its beginning, in order, and builds the state it stands for."""

    def __init__(self, limits: Limits) -> None:
        self.admission = Admission(limits)
        self.epoch: int | None = None
        self.void: set[int] = set()
        """Offsets of entries that do not count."""

    def read(self, offset: int, entry: JournalEntry) -> None:
        """Take the next entry."""
        if entry.kind == "marker":
            if self.epoch is not None and self.epoch >= (entry.based_on or 0):
                self.void.add(offset)
            else:
                self.epoch = offset
        elif entry.decision is None or (self.epoch is not None and entry.decision.epoch != self.epoch):
            self.void.add(offset)
        else:
            self.admission.apply(entry)
