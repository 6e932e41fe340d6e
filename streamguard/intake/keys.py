"""Key queues: the records of one key run one after another, those of different keys side by side."""

from collections import deque
from collections.abc import Iterable

from streamguard.intake.contract import Received


class KeyQueues:
    """The key queues of one input partition. Each holds at most `bound` waiting records beside the running one.

    Records without a key have no order to keep: each is a key of its own.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[bytes | int, deque[Received] | None] = {}
        self._held: deque[Received] = deque()

    @property
    def held(self) -> int:
        """Fetched records that found a full queue, or came after one that did. While there are any, fetch no more."""
        return len(self._held)

    @property
    def busy(self) -> int:
        """Keys of which a record runs."""
        return len(self._waiting)

    def hold(self, records: Iterable[Received]) -> None:
        """Keep fetched records, in order, until `release` lets them go."""
        self._held.extend(records)

    def forget(self) -> None:
        """Let go of what is held: it will be fetched again."""
        self._held.clear()

    def release(self, room: int) -> list[Received]:
        """Up to `room` held records that may be delivered now: as many, from the first on, as their queues can take."""
        out: list[Received] = []
        taken: dict[bytes | int, int] = {}
        while self._held and len(out) < room:
            key = self._key(self._held[0])
            coming = taken.get(key, 0)
            if key in self._waiting:
                coming += 1 + len(self._waiting[key] or ())
            if coming > self._bound:  # one runs, `bound` wait
                break
            taken[key] = taken.get(key, 0) + 1
            out.append(self._held.popleft())
        return out

    def enter(self, record: Received) -> bool:
        """True when nobody runs this key: the caller runs the record now. Else it waits in the key's queue."""
        key = self._key(record)
        if key not in self._waiting:
            self._waiting[key] = None
            return True
        queue = self._waiting[key]
        if queue is None:
            queue = self._waiting[key] = deque()
        queue.append(record)
        return False

    def next(self, record: Received) -> Received | None:
        """The record of the same key to run after `record`; None when no one waits, and then the key is free."""
        key = self._key(record)
        if queue := self._waiting[key]:
            return queue.popleft()
        del self._waiting[key]
        return None

    @staticmethod
    def _key(record: Received) -> bytes | int:
        return record.offset if record.key is None else record.key
