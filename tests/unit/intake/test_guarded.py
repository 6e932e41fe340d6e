"""The last yard: a request leaves whole while that is allowed, or is never completed."""

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from streamguard.intake.guarded import SMALL, GuardedWriter, guard_connections
from tests.unit.intake.fakes import FakeClient, FakeConnection, FakeWriter, turn

LARGE = bytes(range(256)) * 40


class Lapsed(Exception):
    pass


class Asked:
    """Says yes as many times as it is told to, then no."""

    def __init__(self, yes: int = 100) -> None:
        self.yes, self.asked = yes, 0

    def __call__(self) -> None:
        self.asked += 1
        if self.asked > self.yes:
            raise Lapsed


class End:
    def __init__(self, room: int = 1 << 30) -> None:
        self.connection = FakeConnection(lambda: None)
        self.end = FakeWriter(self.connection)
        self.end.room = room
        writer: Any = self.end
        self.writer = GuardedWriter(writer, 1.0)

    def write(self, data: bytes, ask: Asked | None = None) -> None:
        self.writer.ask = ask
        self.writer.write(data)

    @property
    def sent(self) -> bytes:
        return b"".join(self.connection.written)


def test_a_small_request_is_asked_for_once_and_written_at_once() -> None:
    end, ask = End(), Asked()
    end.write(b"x" * SMALL, ask)
    assert (end.connection.written, ask.asked) == ([b"x" * SMALL], 1)


def test_a_request_that_is_refused_leaves_nothing() -> None:
    end = End()
    with pytest.raises(Lapsed):
        end.write(LARGE, Asked(0))
    assert end.sent == b""
    assert not end.end.aborted


def test_the_last_byte_of_a_large_one_is_asked_for_again() -> None:
    end, ask = End(), Asked()
    end.write(LARGE, ask)
    assert (end.sent, ask.asked) == (LARGE, 2)
    frozen = End()
    with pytest.raises(ConnectionAbortedError):
        frozen.write(LARGE, Asked(1))
    assert frozen.sent == LARGE[:-1]
    assert frozen.end.aborted


async def test_what_the_kernel_does_not_take_is_completed_only_with_leave_and_others_wait_behind_it() -> None:
    end, ask = End(room=5000), Asked()
    end.write(LARGE, ask)
    end.write(b"metadata")
    end.write(b"more", other := Asked())
    await turn()
    assert (end.sent, ask.asked, other.asked) == (LARGE[:5000], 1, 0)
    end.end.make_room()
    await turn()
    assert end.sent == LARGE + b"metadata" + b"more"
    assert (ask.asked, other.asked) == (2, 1)


async def test_a_thawed_process_does_not_complete_what_it_had_begun() -> None:
    end = End(room=5000)
    end.write(LARGE, Asked(1))
    end.write(b"metadata")
    end.end.make_room()
    await turn()
    assert end.sent == LARGE[:-1]
    assert end.end.aborted


def test_a_small_one_that_the_kernel_does_not_take_ends_the_connection() -> None:
    end = End(room=10)
    with pytest.raises(ConnectionAbortedError):
        end.write(b"x" * 100, Asked())
    assert end.end.aborted


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_connection_that_has_just_ended_is_an_error_of_the_network(loop: Any) -> None:
    async def check() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            _, plain = await asyncio.open_connection(*server.getsockname())
            writer = GuardedWriter(plain, 1.5)
            plain.transport.abort()
            with pytest.raises(ConnectionAbortedError):
                writer.write(b"metadata")
            await asyncio.sleep(0.01)  # the loop closes the socket in its next turns

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(check())


async def test_every_connection_of_a_client_is_guarded_once() -> None:
    client = FakeClient()
    guard_connections(client, 1.0)
    guard_connections(client, 1.0)
    assert await client.ready(0)
    connection = client.connect(lambda: None)
    await client.ready(0)
    writer = connection._writer  # pyright: ignore[reportPrivateUsage] -- what aiokafka writes to
    assert isinstance(writer, GuardedWriter)
    await client.ready(0)
    assert connection._writer is writer  # pyright: ignore[reportPrivateUsage] -- the same


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_real_connection_has_sent_all_before_the_turn_of_the_loop_ends(loop: Any) -> None:
    async def check() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            _, plain = await asyncio.open_connection(*server.getsockname())
            writer, ask = GuardedWriter(plain, 1.5), Asked()
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(2)
                writer.ask = ask
                writer.write(LARGE)
                got = b""
                while len(got) < len(LARGE):
                    got += accepted.recv(1 << 16)
                assert (got, ask.asked) == (LARGE, 2)
            assert plain.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
            plain.close()
            await plain.wait_closed()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(check())
