"""What the relay reads of the protocol, and what it holds back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from streamguard.dev.group_relay import GroupRelay, SyncGroup, read_sync_group

HOST = "127.0.0.1"


def text(value: str | None) -> bytes:
    return b"\xff\xff" if value is None else len(value).to_bytes(2, "big") + value.encode()


def frame(member: str, members: int, version: int = 3, api_key: int = 14, generation: int = 7) -> bytes:
    head = api_key.to_bytes(2, "big") + version.to_bytes(2, "big") + (9).to_bytes(4, "big") + text("client")
    body = text("clerks") + generation.to_bytes(4, "big") + text(member)
    instance = text(None) if version >= 3 else b""
    return head + body + instance + members.to_bytes(4, "big")


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_a_sync_group_is_read_in_every_offered_version(version: int) -> None:
    assert read_sync_group(frame("m1", 2, version)) == SyncGroup(b"clerks", 7, b"m1", 2)


def test_other_requests_and_broken_ones_are_not() -> None:
    assert read_sync_group(frame("m1", 2, api_key=11)) is None
    assert read_sync_group(frame("m1", 2, version=4)) is None
    assert read_sync_group(frame("m1", 2)[:-3]) is None
    assert read_sync_group(b"") is None


@asynccontextmanager
async def relayed() -> AsyncGenerator[tuple[int, "asyncio.Queue[bytes]"]]:
    """A relay before a server that puts what it receives into a queue."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                received.put_nowait(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(receive, HOST, 0)
    relay = GroupRelay(HOST, server.sockets[0].getsockname()[1])
    try:
        yield await relay.start(), received
    finally:
        await relay.close()
        server.close()


async def send(port: int, payload: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(len(payload).to_bytes(4, "big") + payload)
    await writer.drain()
    return writer


async def test_a_leader_waits_for_all_its_followers() -> None:
    async with relayed() as (port, received), asyncio.timeout(5):
        writers = [await send(port, frame("leader", 3)), await send(port, frame("one", 0))]
        assert await received.get() == frame("one", 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(received.get(), 0.1)
        writers.append(await send(port, frame("two", 0)))
        assert [await received.get(), await received.get()] == [frame("two", 0), frame("leader", 3)]
        for writer in writers:
            writer.close()


async def test_a_lone_leader_and_other_requests_pass_at_once() -> None:
    async with relayed() as (port, received), asyncio.timeout(0.9):
        heartbeat = frame("m", 5, api_key=12)
        writers = [await send(port, frame("leader", 1)), await send(port, heartbeat)]
        assert {await received.get(), await received.get()} == {frame("leader", 1), heartbeat}
        for writer in writers:
            writer.close()
