"""A door before an embedded store that lets nobody in without a user and a password, over TLS if it has a certificate. It says no
as ClickHouse does: status 403 with the code of the exception in a header, and words that nobody should have to read."""

import base64
import ssl
from collections.abc import Mapping
from typing import Self

import httpx
from aiohttp import web

_WIRE = {"transfer-encoding", "content-length", "connection", "host"}
"""Headers of one connection, or of how a body came."""


class SecuredStore:
    """Use as an async context manager. `users` are their passwords; `denied` are users who may log in and do nothing."""

    def __init__(
        self,
        store: str,
        users: Mapping[str, str],
        *,
        tls: ssl.SSLContext | None = None,
        denied: frozenset[str] = frozenset(),
    ) -> None:
        self._store, self._users, self._tls, self._denied = store, dict(users), tls, denied
        self.answered = 0
        """Statements that went through."""

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(base_url=f"http://{self._store}", trust_env=False, timeout=30)
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://localhost:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._client.aclose()

    def revoke(self, user: str) -> None:
        """From now on it does not get in any more."""
        del self._users[user]

    async def _pass(self, request: web.Request) -> web.Response:
        user, password = _login(request)
        if self._users.get(user) != password:
            words = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
            return _no(516, "AUTHENTICATION_FAILED", words)
        if user in self._denied:
            words = f"{user}: Not enough privileges. To execute this query, it's necessary to have the grant CREATE DATABASE"
            return _no(497, "ACCESS_DENIED", words)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _WIRE}
        answer = await self._client.request(
            request.method, request.path_qs, content=await request.read(), headers=headers
        )
        self.answered += answer.is_success
        kept = {
            name: value for name, value in answer.headers.items() if name.lower() not in _WIRE | {"content-encoding"}
        }
        return web.Response(body=answer.content, status=answer.status_code, headers=kept)


def _login(request: web.Request) -> tuple[str, str]:
    if (user := request.headers.get("X-ClickHouse-User")) is not None:
        return user, request.headers.get("X-ClickHouse-Key", "")
    kind, _, told = request.headers.get("Authorization", "").partition(" ")
    user, _, password = base64.b64decode(told if kind == "Basic" else "").decode().partition(":")
    return user or "default", password


def _no(code: int, name: str, words: str) -> web.Response:
    text = f"Code: {code}. DB::Exception: {words}. ({name}) (version 25.8.1.5101 (official build))\n"
    return web.Response(text=text, status=403, headers={"X-ClickHouse-Exception-Code": str(code)})
