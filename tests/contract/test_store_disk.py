"""The store on a disk that is full, and on one that is slow: it says so, and nothing is lost or double afterwards."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streamguard.config import plain_environment
from tests.support.disk import SmallDisk, slow
from tests.support.unavailable import or_skip

pytestmark = pytest.mark.slow

ROWS = 500
TABLE = (
    "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n "
    "SETTINGS non_replicated_deduplication_window = 1000"
)
SECONDS = 20.0


class Store:
    """A store as a process of its own on a small disk; started again it has the same address."""

    def __init__(self, disk: SmallDisk, directory: Path) -> None:
        self._disk, self._log, self._port = disk, directory / "store.log", "0"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        arguments = ["store", "--path", str(self._disk.path / "store"), "--port", self._port]
        before = self._log.read_text().count("listening on") if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._disk.command([sys.executable, "-m", "streamguard", *arguments]),
                env=plain_environment(),
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + SECONDS
        while self._log.read_text().count("listening on") == before:
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self._port = re.findall(r"listening on \S+:(\d+)", self._log.read_text())[-1]
        return self.process

    def client(self) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=int(self._port), autogenerate_session_id=False)


@pytest.fixture
def disk(tmp_path: Path) -> Generator[SmallDisk]:
    with or_skip(lambda: SmallDisk(tmp_path / "disk", megabytes=128)) as disk:
        yield disk


@pytest.fixture
def store(disk: SmallDisk, tmp_path: Path) -> Generator[Store]:
    store = Store(disk, tmp_path)
    yield store
    store.process.kill()
    store.process.wait()


def insert(client: Client, chunk: int) -> None:
    rows = [[chunk * ROWS + row, "x" * 200] for row in range(ROWS)]
    client.insert("t", rows, column_names=["n", "s"], settings={"insert_deduplication_token": f"chunk:{chunk}"})


def rows(client: Client) -> tuple[int, int]:
    """How many rows there are, and how many different ones; reads every column."""
    total, different, length = client.query("SELECT count(), uniqExact(n), sum(length(s)) FROM t").result_rows[0]
    assert length == total * 200
    return int(total), int(different)


def test_a_disk_that_cannot_be_filled_says_so(disk: SmallDisk) -> None:
    disk.fill(leave=1 << 20)
    assert disk.free <= 1 << 20
    disk.close()
    with pytest.raises(FileNotFoundError):
        disk.fill()


@pytest.mark.parametrize("leave", [0, 4 << 20, 24 << 20])
def test_while_the_disk_is_full_inserts_fail_and_afterwards_none_is_missing_or_double(
    store: Store, disk: SmallDisk, leave: int
) -> None:
    client = store.client()
    client.command(TABLE)
    for chunk in range(5):
        insert(client, chunk)

    disk.fill(leave=leave)
    for chunk in range(5, 10):
        with pytest.raises(DatabaseError, match="243"):
            insert(client, chunk)
    assert rows(client) == (5 * ROWS, 5 * ROWS)

    disk.relieve()
    for chunk in range(10):
        insert(client, chunk)
    assert rows(client) == (10 * ROWS, 10 * ROWS)


def test_a_store_that_is_killed_while_the_disk_is_full_comes_back_with_all_it_acknowledged(
    store: Store, disk: SmallDisk
) -> None:
    client = store.client()
    client.command(TABLE)
    for chunk in range(5):
        insert(client, chunk)
    disk.fill()
    with pytest.raises(DatabaseError):
        insert(client, 5)
    store.process.send_signal(signal.SIGKILL)
    store.process.wait()
    disk.relieve()
    store.start()
    client = store.client()
    assert rows(client) == (5 * ROWS, 5 * ROWS)
    for chunk in range(8):
        insert(client, chunk)
    assert rows(client) == (8 * ROWS, 8 * ROWS)


async def test_a_slow_store_takes_longer_and_loses_nothing(store: Store) -> None:
    client = store.client()
    client.command(TABLE)

    def all_of(chunks: range) -> float:
        began = time.monotonic()
        for chunk in chunks:
            insert(client, chunk)
        return time.monotonic() - began

    await asyncio.to_thread(all_of, range(10))
    usual = await asyncio.to_thread(all_of, range(10, 40))
    pulses = asyncio.create_task(slow(store.process.pid, SECONDS))
    slowed = await asyncio.to_thread(all_of, range(40, 70))
    pulses.cancel()
    await asyncio.gather(pulses, return_exceptions=True)
    assert slowed > 2 * usual
    assert await asyncio.to_thread(rows, client) == (70 * ROWS, 70 * ROWS)
    assert store.process.poll() is None


async def test_a_slowed_process_goes_on_whatever_becomes_of_the_one_that_slows_it() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        pulses = asyncio.create_task(slow(process.pid, 60, share=0.99))
        await asyncio.sleep(0.25)
        pulses.cancel()
        await asyncio.gather(pulses, return_exceptions=True)
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        assert state in "RS"  # not stopped
    finally:
        process.kill()
        process.wait()
