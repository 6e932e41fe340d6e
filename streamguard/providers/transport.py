"""httpx over aiohttp's connections, which cost a fraction of the CPU of httpx's own (docs/decisions/0003-http-transport.md)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter

_CHUNK = 65_536
LEAVE = "leave"
"""The extension of a request that holds what is asked before its first byte goes out, `Callable[[], bool]`."""


class SendingWithheld(httpx.WriteError):
    """The request's `leave` was false when it could have gone out: nothing of it was sent."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests through one pooled aiohttp session, opened by the first request. Asks a request's `LEAVE` last.

    Raises httpx's exceptions only, so nobody above knows what is below. Knows HTTP/1.1, follows no redirects, keeps no
    cookies, decodes nothing, and never repeats a request. Waiting for a free connection and connecting together may take
    `connect_timeout` seconds; further limits are the caller's (`asyncio.timeout`): a cancelled request closes its socket.
    """

    def __init__(self, *, max_connections: int, connect_timeout: float, keepalive: float = 30.0) -> None:
        self._max_connections = max_connections
        self._keepalive = keepalive
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        session = self._session or self._open()
        content = await request.aread()
        body = _Body(content, request.extensions.get(LEAVE)) if content else None
        try:
            response = await session.request(
                request.method,
                str(request.url),
                data=body,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
                allow_redirects=False,
            )
        except Exception as error:
            if body is not None and body.withheld:
                raise SendingWithheld("", request=request) from None
            raise _translated(error, request) from error
        return httpx.Response(
            response.status,
            headers=[(name, value) for name, value in response.raw_headers],
            stream=_Answer(response, request),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        # opened late: aiohttp's connector binds to the running loop
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=self._keepalive),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            # httpx has set every header there must be
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self._session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


class _Body(aiohttp.BytesPayload):
    """What is sent, and with it the headers: aiohttp holds them back until the body's first bytes.

    A process that is frozen while it connects wakes up with a request that may be another one's by now. So its leave is asked
    here, where nothing is left to wait for but the system call.
    """

    def __init__(self, content: bytes, leave: Callable[[], bool] | None) -> None:
        super().__init__(content)
        self._leave = leave
        self.withheld = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._leave is not None:
            # uvloop would keep the bytes until the others whose turn it is have run
            if isinstance(writer, StreamWriter) and writer.transport is not None:
                writer.transport.set_write_buffer_limits(high=0)
            if not self._leave():
                self.withheld = True
                raise ConnectionAbortedError
        await super().write_with_length(writer, content_length)


class _Answer(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # all that has arrived comes as one: events of a stream that came together are handled together
        try:
            chunk = await self._response.content.read(_CHUNK)
        except Exception as error:
            raise _translated(error, self._request) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # gives the connection back when the body was read to its end, and closes it otherwise
        self._response.close() if not self._response.content.at_eof() else self._response.release()


def _translated(error: Exception, request: httpx.Request) -> Exception:
    """httpx's name for one of aiohttp's errors; what is none of aiohttp's comes back as it is."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            kind: type[httpx.RequestError] = httpx.ConnectTimeout
        case aiohttp.ServerTimeoutError() | asyncio.TimeoutError():
            kind = httpx.ReadTimeout
        case aiohttp.ClientConnectorError():
            kind = httpx.ConnectError
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            kind = httpx.RemoteProtocolError
        case aiohttp.InvalidURL():
            kind = httpx.UnsupportedProtocol
        case aiohttp.ClientError() | OSError():
            kind = httpx.ReadError
        case _:
            return error
    # the message stays empty: aiohttp's may quote what the server sent
    return kind("", request=request)
