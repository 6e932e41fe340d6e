"""What the client needs of Kafka, as an interface: `KafkaWire` is the real one, `FakeWire` the one for tests."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

REQUESTS, CANCELLATIONS, RESPONSES, CHUNKS = "requests", "cancellations", "responses", "response-chunks"


class Received(NamedTuple):
    """A record of `responses` or `response-chunks`."""

    topic: str
    """Without prefix."""
    key: bytes
    """`tenant/conversation`."""
    value: bytes


Take = Callable[[Received], None]
"""Is given each record that comes. Must not raise or block."""
Failed = Callable[[Exception], None]
"""Is told once when nothing will come any more, and why."""


class Wire(Protocol):
    """Sends to the line and reads what it says. Everything may raise `Unreachable`."""

    async def open(self, take: Take, failed: Failed) -> None:
        """Connect. When this returns, no response to what is sent later can be missed."""
        ...

    async def close(self) -> None:
        """Disconnect, within seconds. Closing twice, or what was never opened, does nothing."""
        ...

    async def send(self, topic: str, key: str, value: bytes, headers: Mapping[str, str]) -> None:
        """Returns once Kafka has it on all replicas. Called off, it may be sent all the same.

        Raises `Refused` when Kafka will not take it.
        """
        ...

    async def follow_chunks(self) -> None:
        """From now on `take` is given chunks too. Each call is paired with one of `leave_chunks`."""
        ...

    def leave_chunks(self) -> None:
        """Chunks are not needed for this caller any more; without any left they are not read."""
        ...

    def place(self, key: str) -> int:
        """The partition of `responses` where those with this key lie."""
        ...

    @property
    def places(self) -> int:
        """How many partitions `responses` has."""
        ...

    def backwards(self, place: int, since_us: int) -> AsyncIterator[Sequence[Received]]:
        """What lies in one partition of `responses` by now, in blocks, the newest first; each block in order.

        Ends with the block whose first record is older than `since_us` (microseconds since the epoch), or with the oldest.
        """
        ...


class Refused(Exception):
    """Kafka will not take this record: `cause` is the kind of its error."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause
