"""The simulator's listening socket, which can be shut for a while: clients are refused then, as by a host that is down."""

import asyncio
from contextlib import suppress

from aiohttp import web

from streamguard.clock import Clock

_PAUSE = 0.1
_ANSWERED = 0.05


class Door:
    """Listens for an app on one address. `open` it, `close` it."""

    def __init__(self, runner: web.AppRunner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._site: web.TCPSite | None = None
        self._host, self._port = "", 0
        self._shut: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> str:
        """Listen. Returns `host:port`. Raises `OSError` when the port is taken."""
        self._site = web.TCPSite(self._runner, host, port)
        await self._site.start()
        self._host, self._port = self._runner.addresses[0][:2]
        return f"{self._host}:{self._port}"

    def shut(self, seconds: float) -> None:
        """From now on, but for the answer to whoever asks for it, connections are cut and new ones refused for `seconds`."""
        if self._shut is not None:
            self._shut.cancel()
        self._shut = asyncio.create_task(self._stay_shut(seconds))

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._shut is not None:
            self._shut.cancel()
            await asyncio.gather(self._shut, return_exceptions=True)
        await self._runner.cleanup()

    async def _stay_shut(self, seconds: float) -> None:
        await self._clock.sleep(_ANSWERED)
        if self._site is not None:
            site, self._site = self._site, None
            await site.stop()
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await self._clock.sleep(seconds)
        while self._site is None:
            with suppress(OSError):  # another program may hold the port for a moment
                await self.open(self._host, self._port)
                return
            await self._clock.sleep(_PAUSE)
