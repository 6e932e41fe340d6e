"""An embedded store for tests that block: it runs in a thread of its own, with an analysts' port and the line's tables."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.migrations import Target, migrate, read_migrations
from streamguard.config import ClickHouse
from streamguard.dev.store import EmbeddedStore, StoreSettings


@dataclass(frozen=True, slots=True)
class Stored:
    """Addresses as `http://HOST:PORT`."""

    owner: str
    analyst: str

    def connection(self) -> Connection:
        """The owner's, to the database `streamguard`."""
        return Connection(ClickHouse(), self.owner)


@contextmanager
def stored(path: Path, targets: tuple[Target, ...] = ("outcomes", "payloads")) -> Generator[Stored]:
    """Until the block is left."""
    begun, told = threading.Event(), list[Stored]()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with EmbeddedStore(StoreSettings(path=path, read_only_port=0)) as store:
            told.append(Stored(f"http://{store.address}", f"http://{store.read_only_address}"))
            begun.set()
            await stop.wait()

    def main() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            begun.set()
            loop.close()

    thread = threading.Thread(target=main, name="a test's store")
    thread.start()
    try:
        assert begun.wait(60), "the store did not start"
        assert told, "the store did not start"
        connection = told[0].connection()
        try:
            connection.create_database()
            migrate(connection, read_migrations(), targets)
        finally:
            connection.close()
        yield told[0]
    finally:
        if told:
            loop.call_soon_threadsafe(stop.set)
        thread.join(60)
