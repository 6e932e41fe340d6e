"""What the sink keeps in hand: its partitions, how its stores are, what it has counted."""

import logging
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from streamguard.analytics.batches import Chunk, Chunks, Plan
from streamguard.analytics.errors import StoreError, StoreRefuses, StoreTurnedAway
from streamguard.stream.sink_records import Item, Source

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between attempts at a store that is down."""


@dataclass(slots=True)
class SinkStatistics:
    """Counters only grow, except the last two."""

    records: int = 0
    chunks: int = 0
    resent: int = 0
    """Chunks planned by an earlier run or owner, written again under their token."""
    rows: int = 0
    """Rows sent and confirmed; the store drops those that it has."""
    buried: int = 0
    commits: int = 0
    refused_commits: int = 0
    failed_inserts: int = 0
    assignments: int = 0
    waiting: int = 0
    """Records read and not yet written."""
    down: int = 0
    """Stores that do not take rows at the moment."""


@dataclass(slots=True)
class Part:
    """A partition in hand. `stored_as` is what stores call its topic; offsets are unique there. `saved` is what the
    broker has: start and plan; `since` is when its oldest waiting record came.

    `letters` is where the dead letters of the next chunk stand from, None as long as it has none; `doubtful` that some of
    them may exist already.
    """

    tp: TopicPartition
    source: Source[Any]
    stored_as: str
    chunks: Chunks[Item]
    saved: tuple[int, Plan | None]
    taken_over: bool
    since: float | None = None
    letters: int | None = None
    doubtful: bool = False

    @property
    def state(self) -> tuple[int, Plan | None]:
        """What the broker should have."""
        planned = self.chunks.planned
        return self.chunks.committed, None if planned is None else Plan(planned, self.letters)

    def done(self, chunk: Chunk[Item], now: float) -> None:
        """All of the chunk is where it belongs."""
        self.chunks.done(chunk)
        self.since = now if len(self.chunks) else None
        self.taken_over, self.letters, self.doubtful = False, None, False


@dataclass(slots=True)
class StoreState:
    """Whether a store has its tables; after a failure, when to try again, and how long to wait after that."""

    ready: bool = False
    until: float = 0.0
    pause: float = FIRST_PAUSE
    refused: bool = False
    """The last answer was a refusal."""

    def failed(self, error: StoreError, now: float) -> None:
        """Wait before the next attempt, longer each time.

        Raises the error when waiting does not help; of a refusal only the second one in a row, for users and grants may be on
        the move, and as `StoreTurnedAway` where the store had taken us before.
        """
        if isinstance(error, StoreRefuses):
            if self.refused:
                raise StoreTurnedAway(error) if self.ready else error
        elif not error.retriable:
            raise error
        self.refused = isinstance(error, StoreRefuses)
        self.until = now + self.pause
        level = logging.INFO if self.refused else logging.WARNING  # what ends it is told in one line
        log.log(level, "a store takes no rows: %s, next attempt in %.1f s", error.code, self.pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def worked(self) -> None:
        """It answered: its tables are there, and a new outage begins with a short wait."""
        self.ready, self.until, self.pause, self.refused = True, 0.0, FIRST_PAUSE, False
