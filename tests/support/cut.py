"""A door between clients and brokers that a test can cut: a TCP proxy of ours before each broker.

What a cut does is what a network does that loses every packet: nothing arrives, neither bytes nor the end of a connection,
and nobody is told. TCP keeps what was sent and sends it again, so after `heal` it arrives late, also from a process that
has died since.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress

_CHUNK = 1 << 18
_READY_SECONDS = 10.0
_RST = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s: closing a socket resets its connection."""


class Door:
    """The proxies of one door, one a broker: `ways` are pairs of our port and the broker's, by the order of the nodes.

    They run in a thread of their own, so that a busy test does not slow them. Each method returns when what it does is in
    force, and may be called from any thread. Nodes are counted from 1; None means all of them.
    """

    def __init__(self, ways: Sequence[tuple[int, int]]) -> None:
        self._ways = {number: _Way(*ports) for number, ports in enumerate(ways, 1)}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def brokers(self) -> str:
        """The address for clients: all brokers, through this door."""
        return ",".join(f"127.0.0.1:{way.port}" for way in self._ways.values())

    @property
    def connections(self) -> int:
        """How many clients' connections there are now, those that hang included."""
        return sum(len(way.links) for way in self._ways.values())

    def start(self) -> None:
        """Listen. Does nothing when it does. Raises `OSError` when a port is taken."""
        if self._loop is not None:
            return
        loop = self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=loop.run_forever, name="door", daemon=True)
        self._thread.start()
        for way in self._ways.values():
            self._do(way.listen())

    def stop(self) -> None:
        """Reset every connection and listen no more. Does nothing when it does not run."""
        if self._loop is None or self._thread is None:
            return
        for way in self._ways.values():
            self._do(way.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    def cut(self, nodes: Collection[int] | None = None) -> None:
        """From now on no byte passes, either way. Connections stay open, new ones are accepted and hear nothing."""
        for way in self._chosen(nodes):
            self._do(way.shut())

    def heal(self, nodes: Collection[int] | None = None, *, late: bool = True) -> None:
        """Let everything pass again, and without delay. What was sent during the cut arrives `late`, or else every
        connection is reset first, as by a firewall that forgot them."""
        for way in self._chosen(nodes):
            self._do(way.open_again(late=late))

    def reset(self, nodes: Collection[int] | None = None) -> None:
        """Reset all connections, on both sides. New ones work, unless the door is cut."""
        for way in self._chosen(nodes):
            self._do(way.reset())

    def delay(self, seconds: float, nodes: Collection[int] | None = None) -> None:
        """What passes from now on takes so long, each way; at most 256 KiB a connection and way are under way at once."""
        for way in self._chosen(nodes):
            way.delay = seconds

    def _chosen(self, nodes: Collection[int] | None) -> list["_Way"]:
        return [way for number, way in self._ways.items() if nodes is None or number in nodes]

    def _do(self, work: Coroutine[object, object, None]) -> None:
        if self._loop is None:
            work.close()
            raise RuntimeError("the door does not run: its cluster starts it")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_READY_SECONDS)


class _Way:
    """One broker through the door. Its coroutines run in the door's loop."""

    def __init__(self, port: int, broker: int) -> None:
        self.port, self._broker = port, broker
        self.delay = 0.0
        self.links: dict[asyncio.Task[None], list[socket.socket]] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._accepting: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(listener))

    async def close(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        await self.reset()
        self._open.set()
        self.delay = 0.0

    async def shut(self) -> None:
        self._open.clear()

    async def open_again(self, *, late: bool) -> None:
        self.delay = 0.0
        if not late:
            await self.reset()
        self._open.set()

    async def reset(self) -> None:
        links = dict(self.links)
        for task, ends in links.items():
            for end in ends:
                _reset(end)
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                client, _ = await loop.sock_accept(listener)
                ends = [client]
                task = asyncio.create_task(self._carry(ends))
                self.links[task] = ends
                task.add_done_callback(lambda task: self.links.pop(task, None))

    async def _carry(self, ends: list[socket.socket]) -> None:
        """One connection, to its end. An end that is reset, or never there, resets the other."""
        client, broker = ends[0], socket.socket()
        with client, broker:
            client.setblocking(False)
            broker.setblocking(False)
            try:
                await self._open.wait()
                await asyncio.get_running_loop().sock_connect(broker, ("127.0.0.1", self._broker))
                ends.append(broker)
                for end in ends:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(client, broker))
                    both.create_task(self._pump(broker, client))
            except* OSError:
                await self._open.wait()
                for end in ends:
                    _reset(end)

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            taken = await loop.sock_recv(source, _CHUNK)
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._open.wait()  # also the end of a connection waits until a cut is healed
            if not taken:
                with suppress(OSError):
                    target.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(target, taken)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
