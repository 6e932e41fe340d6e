"""Who waits for which answer: gives each record that comes to those who asked for it. Pure."""

import asyncio
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from streamguard.client.wire import CHUNKS, Received
from streamguard.errors import InvalidRecord
from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode
from streamguard.events.outcome import Response

log = logging.getLogger(__name__)


class Name(NamedTuple):
    """What a request is known by."""

    tenant_id: str
    request_id: str


class Waiter:
    """One who waits. `next` gives what came for it: chunks, if it follows them, and in the end the response."""

    def __init__(self, *, chunks: bool) -> None:
        self.chunks = chunks
        self._came: asyncio.Queue[Chunk | Response | Exception] = asyncio.Queue()

    async def next(self) -> Chunk | Response:
        """Waits for it. Raises what the wire failed with."""
        came = await self._came.get()
        if isinstance(came, Exception):
            raise came.with_traceback(None)
        return came

    def give(self, came: Chunk | Response | Exception) -> None:
        self._came.put_nowait(came)


class Waiting:
    """All who wait.

    Of each record only its key is looked at, unless somebody waits for something under that key: other clients' responses cost
    next to nothing.
    """

    def __init__(self) -> None:
        self._waiters: dict[Name, list[Waiter]] = {}
        self._keys: Counter[bytes] = Counter()
        self._failure: Exception | None = None

    def __len__(self) -> int:
        return sum(map(len, self._waiters.values()))

    @contextmanager
    def expect(self, name: Name, key: str | None, *, chunks: bool = False) -> Generator[Waiter]:
        """A waiter for this request until the block is left. `key` is its conversation's key, None where that is not known.

        Raises what the wire has failed with.
        """
        if self._failure is not None:
            raise self._failure.with_traceback(
                None
            )  # it is the same one each time, and would hold all frames of the past
        looked_at = (key or name.tenant_id).encode()  # a tenant's id alone is no key: keys have a slash
        waiter = Waiter(chunks=chunks)
        self._waiters.setdefault(name, []).append(waiter)
        self._keys[looked_at] += 1
        try:
            yield waiter
        finally:
            waiters = self._waiters[name]
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[name]
            self._keys[looked_at] -= 1
            if not self._keys[looked_at]:
                del self._keys[looked_at]

    def several(self, name: Name) -> bool:
        """Whether more than one waits for this request."""
        return len(self._waiters.get(name, ())) > 1

    def take(self, record: Received) -> None:
        """Give a record to those who wait for it. One that comes again, or that nobody waits for, is passed over."""
        if record.key not in self._keys and record.key.partition(b"/")[0] not in self._keys:
            return
        try:
            came = decode(Chunk if record.topic == CHUNKS else Response, record.value)
        except InvalidRecord as error:
            log.warning("a record of %s cannot be read: %s", record.topic, error.code)
            return
        self.give(came)

    def give(self, came: Chunk | Response) -> None:
        """Give it to those who wait for it."""
        for waiter in self._waiters.get(Name(came.tenant_id, came.request_id), ()):
            if waiter.chunks or isinstance(came, Response):
                waiter.give(came)

    def fail(self, error: Exception) -> None:
        """Nothing will come any more: told to all who wait, and to all who come later."""
        self._failure = self._failure or error
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.give(self._failure)
