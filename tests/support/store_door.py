"""A door before a store: inserts can be held back and let through later, or arrive without an answer coming back."""

import asyncio
import re
from collections.abc import Collection
from typing import Self

_CHUNK = re.compile(rb"insert_deduplication_token=[^&\s]*%3A")
"""In the address of a chunk's insert; the token of a migration has no colon."""


class StoreDoor:
    """A TCP relay on a port of its own; use as an async context manager. `inserts` counts those that have come to it.

    While `held`, inserts wait in the door, and go to the store after `release` whether or not who sent them still waits.
    `lost` are the numbers (from 0) of inserts whose answers do not come back, though the store has given them.
    """

    def __init__(self, store: str, *, held: bool = False, lost: Collection[int] = ()) -> None:
        host, _, port = store.rpartition(":")
        self._store = (host, int(port))
        self._lost = frozenset(lost)
        self._open = asyncio.Event()
        if not held:
            self._open.set()
        self._tasks = set[asyncio.Task[None]]()
        self.inserts = 0
        self.late = 0
        """Inserts that went to the store after they had been held."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        """Let everything through from now on, what was held first."""
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            upstream, store = await asyncio.open_connection(*self._store)
            losing = asyncio.Event()
            answers = asyncio.ensure_future(self._answers(upstream, writer, losing))
            self._tasks.add(answers)
            try:
                await self._requests(reader, store, losing)
                await asyncio.wait([answers], timeout=5)
            finally:
                store.close()
        except (OSError, asyncio.CancelledError):
            pass  # one side has gone, or the door closes
        finally:
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader, store: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await reader.read(1 << 16):
            if _CHUNK.search(data):
                if self.inserts in self._lost:
                    losing.set()
                self.inserts += 1
                if not self._open.is_set():
                    await self._open.wait()
                    self.late += 1
            store.write(data)
            await store.drain()

    async def _answers(
        self, upstream: asyncio.StreamReader, client: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await upstream.read(1 << 16):
            if not losing.is_set():  # else whoever waits for it waits in vain
                client.write(data)
                await client.drain()
