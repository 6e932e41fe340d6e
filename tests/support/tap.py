"""Stands between workers and the simulated models and writes down which call began when."""

import time
from collections import defaultdict
from typing import Self

from aiohttp import ClientSession, web


class Tap:
    """An HTTP server before another one. `begun` maps each idempotency key to the milliseconds at which calls with it came."""

    def __init__(self) -> None:
        self.begun: dict[str, list[int]] = defaultdict(list)
        self.address = ""
        self.target = ""
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession()
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        if self._session:
            await self._session.close()

    async def _pass(self, request: web.Request) -> web.Response:
        assert self._session is not None
        if key := request.headers.get("idempotency-key"):
            self.begun[key].append(time.time_ns() // 1_000_000)
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in ("host", "content-length")
        }
        url = f"http://{self.target}{request.rel_url}"
        async with self._session.request(request.method, url, headers=headers, data=await request.read()) as answer:
            kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
