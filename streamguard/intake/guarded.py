"""The last yard of an output: the question whether it may leave, asked again at the system call, and nothing left lying after it.

A process that is frozen, or cut off, between the question and the broker wakes up with what it may not send any more. So:
- the question is asked just before the write, and once more before the last byte of a request that is not small: a broker
  does nothing with a request that is not whole, and everything but that byte has left the process by then;
- what the kernel could not take at once waits here or ends with the connection, never in a buffer that nobody asks;
- what the kernel holds and the broker does not acknowledge is given up soon, so that a network that heals after the group
  gave the partitions away brings nothing back.
What remains are the microseconds between question and system call, and bytes that something on the way keeps.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from aiokafka.client import ConnectionGroup

SMALL = 4096
"""Bytes that a kernel takes at once when nothing waits before them."""

Ask = Callable[[], None]


class GuardedWriter:
    """In the place of a connection's writer. `patience` is how long the kernel may try to bring bytes to the broker, seconds."""

    def __init__(self, writer: asyncio.StreamWriter, patience: float) -> None:
        self._writer, self._transport = writer, writer.transport
        self._waiting: deque[tuple[Ask | None, bytes]] = deque()
        self._draining: asyncio.Task[None] | None = None
        self.ask: Ask | None = None
        """Of the next write: may raise, and then that is not written."""
        self._transport.set_write_buffer_limits(high=0)  # so that `drain` waits for all of it
        end = writer.get_extra_info("socket")
        if end is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, round(patience * 1000)))

    def write(self, data: bytes) -> None:
        """Ask, then write; in order, behind what waits. Raises what the question raises, ConnectionAbortedError when the
        connection has ended or an answer comes too late."""
        ask, self.ask = self.ask, None
        if self._transport.is_closing():
            # uvloop raises a RuntimeError, which nobody would take for an error of the network
            raise ConnectionAbortedError("the connection has ended")
        if self._waiting or self._transport.get_write_buffer_size():
            self._waiting.append((ask, data))
            self._drain_later()
            return
        if ask is not None:
            ask()
        self._begin(ask, data)

    def _begin(self, ask: Ask | None, data: bytes) -> None:
        if ask is None:
            self._writer.write(data)
            return
        if len(data) > SMALL:
            self._writer.write(data[:-1])
            if self._transport.get_write_buffer_size():
                self._waiting.appendleft((ask, data[-1:]))
                self._drain_later()
                return
            try:
                ask()
            except Exception as exc:
                raise self._abort() from exc
            data = data[-1:]
        self._writer.write(data)
        if self._transport.get_write_buffer_size():
            raise self._abort()

    def _abort(self) -> ConnectionAbortedError:
        """The broker discards half a request."""
        self._waiting.clear()
        self._transport.abort()
        return ConnectionAbortedError("a request was not written to its end while that was allowed")

    def _drain_later(self) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        """Write what waits as the kernel takes it. Where that fails the connection ends, and aiokafka begins another."""
        try:
            while self._waiting:
                await self._writer.drain()
                if self._transport.is_closing():
                    self._waiting.clear()
                elif self._waiting:
                    ask, data = self._waiting.popleft()
                    if ask is not None:
                        ask()
                    self._begin(ask, data)
        except Exception:  # noqa: BLE001 -- what was asked says no, or the connection broke: either way it is over
            self._abort()
        finally:
            self._draining = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._writer, name)


def guard_connections(client: object, patience: float) -> None:
    """Give every connection that an aiokafka client uses from now on a guarded writer."""
    inside: Any = client  # no public face
    through = inside._get_conn

    async def connection(*args: object, **kwargs: object) -> object:
        found = await through(*args, **kwargs)
        if found is not None and found._writer is not None and not isinstance(found._writer, GuardedWriter):
            found._writer = GuardedWriter(found._writer, patience)
        return found

    inside._get_conn = connection


def ask_before_write(client: object, node_id: int, ask: Ask) -> None:
    """Let the next write to a node that is connected begin, and end, with a question. Its connections must be guarded."""
    connections = cast("dict[object, Any]", getattr(client, "_conns", {}))  # no public face
    connection = connections.get((node_id, ConnectionGroup.DEFAULT))
    if connection is not None:
        connection._writer.ask = ask
