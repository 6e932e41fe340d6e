"""A relay in front of the mock broker that coordinates groups, and what it holds back.

The mock ends a rebalance as soon as the leader's SyncGroup is in and answers a follower that comes later with
INVALID_REQUEST, which clients rightly take for fatal. A real broker just answers it. So a leader's SyncGroup waits here
until every follower of its generation has sent its own. Only coordination passes through; records never do.
"""

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass

SYNC_GROUP = 14
SYNC_GROUP_HIGHEST = 3
"""The last version whose bytes are read here; later ones are encoded compactly."""

_FOLLOWERS_SECONDS = 3.0
_SETTLE_SECONDS = 0.02
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """What counts of a SyncGroup request. `members` is how many the leader assigns to; 0 for a follower."""

    group: bytes
    generation: int
    member: bytes
    members: int


class _Reader:
    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    def integer(self, size: int) -> int:
        value = int.from_bytes(self._take(size), "big", signed=True)
        return value

    def text(self) -> bytes:
        length = self.integer(2)
        return self._take(length) if length > 0 else b""

    def _take(self, size: int) -> bytes:
        if self._at + size > len(self._frame):
            raise ValueError("the frame is shorter than it says")
        taken = self._frame[self._at : self._at + size]
        self._at += size
        return taken


def read_sync_group(frame: bytes) -> SyncGroup | None:
    """A request's frame (without its length) as a SyncGroup; None when it is another request or cannot be read."""
    reader = _Reader(frame)
    try:
        api_key, version = reader.integer(2), reader.integer(2)
        if api_key != SYNC_GROUP or version > SYNC_GROUP_HIGHEST:
            return None
        reader.integer(4)  # the correlation id
        reader.text()  # the client id
        group, generation, member = reader.text(), reader.integer(4), reader.text()
        if version >= 3:
            reader.text()  # the static instance id
        return SyncGroup(group, generation, member, reader.integer(4))
    except ValueError:
        return None


class _Followers:
    """Who of which generation of which group has synced."""

    def __init__(self) -> None:
        self._synced: defaultdict[tuple[bytes, int], set[bytes]] = defaultdict(set)
        self._changed = asyncio.Condition()

    async def came(self, sync: SyncGroup) -> None:
        async with self._changed:
            for key in [key for key in self._synced if key[0] == sync.group and key[1] < sync.generation]:
                del self._synced[key]
            self._synced[sync.group, sync.generation].add(sync.member)
            self._changed.notify_all()

    async def all_came(self, leader: SyncGroup) -> None:
        key = (leader.group, leader.generation)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._synced[key] - {leader.member}) >= leader.members - 1)


class GroupRelay:
    """Listens on a free port of `host` and passes bytes to and from `(host, upstream)`. Lives on one event loop."""

    def __init__(self, host: str, upstream: int) -> None:
        self._host = host
        self._upstream = upstream
        self._followers = _Followers()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen. Returns the port."""
        self._server = await asyncio.start_server(self._accept, self._host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        forth: asyncio.StreamWriter | None = None
        try:
            broker, forth = await asyncio.open_connection(self._host, self._upstream)
            requests = asyncio.ensure_future(self._pass_requests(client, forth))
            answers = asyncio.ensure_future(_pass_bytes(broker, back))
            try:
                await asyncio.wait((requests, answers), return_when=asyncio.FIRST_COMPLETED)
            finally:
                requests.cancel()
                answers.cancel()
                await asyncio.gather(requests, answers, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # a peer that is gone is the end of its connection; closing the relay is the end of all
        finally:
            self._open.discard(task)
            for writer in (back, forth):
                if writer is not None:
                    writer.close()

    async def _pass_requests(self, client: asyncio.StreamReader, broker: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = await client.readexactly(4)
                frame = await client.readexactly(int.from_bytes(length, "big"))
                sync = read_sync_group(frame)
                if sync is not None and sync.members > 1:
                    with contextlib.suppress(TimeoutError):
                        # After this long the mock may answer as it does: a follower that is gone delays, no more.
                        await asyncio.wait_for(self._followers.all_came(sync), _FOLLOWERS_SECONDS)
                    await asyncio.sleep(_SETTLE_SECONDS)
                broker.write(length + frame)
                await broker.drain()
                if sync is not None and sync.members == 0:
                    await self._followers.came(sync)


async def _pass_bytes(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
