"""One call over HTTP within its limits, whole or streamed: the same for every vendor."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Protocol, cast

import httpx
import orjson

from streamguard.clock import Clock
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress, RateLimit
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    Disconnected,
    FirstTokenLate,
    Refused,
    ResponseTooLarge,
    StreamBroken,
    StreamStalled,
    Withheld,
)
from streamguard.providers.events import Event, EventReader
from streamguard.providers.failures import error_of_exception, error_of_status, read_body, read_error_code
from streamguard.providers.patience import Patience
from streamguard.providers.transport import LEAVE, SendingWithheld

MAX_BODY_BYTES = 4 << 20
"""An answer's body may be so long. The longest answers of today's models have about half a megabyte."""
BYTES_A_TOKEN = 2048
"""So much may surround each token of a stream; OpenAI and Azure use two to six hundred."""
_ERROR_WAIT = 0.5
"""Seconds that the body of an error may take: its status is known, and the code in it not worth more."""
_END_WAIT = 0.05
"""Seconds that the end of a stream may take after its last event: a connection that is read to its end can be used again."""

Read = Callable[[bytes], ChatAnswer]
"""Makes an answer of a whole body. Raises `CallFailed`."""
RateOf = Callable[[Mapping[str, str], int], RateLimit | None]
"""What headers tell, at a time in microseconds since the epoch."""


def encoded(body: Mapping[str, object]) -> bytes:
    """The body of a request. Raises `Refused` where JSON cannot say it: half a surrogate pair, a schema too deep."""
    try:
        return orjson.dumps(body)
    except TypeError:
        # from None: the error may quote the text
        raise Refused from None


class StreamReading(Protocol):
    """Puts the events of one streamed call together, as one vendor writes them."""

    complete: bool
    """The answer is whole, even if nothing more comes (its usage may still)."""
    finished: bool
    """This was the last event."""

    def take(self, event: Event) -> None:
        """The next event. Raises `CallFailed`: `StreamBroken` for what cannot be read."""
        ...

    def gathered(self) -> tuple[str, str]:
        """Text, and what is charged for and not shown, that came since it was last asked for."""
        ...

    def answer(self) -> ChatAnswer:
        """The whole, once `complete`. Raises `EmptyAnswer` or `InvalidResponse`."""
        ...


class HttpCalls:
    """Sends calls to one address over one transport, and reads what comes.

    Raises kinds of `CallFailed`, and what `progress.on_text` raises. Whatever ends a call before its end closes its socket.
    """

    def __init__(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        *,
        transport: httpx.AsyncBaseTransport,
        clock: Clock,
        rate_of: RateOf,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._url = url
        # encoded once, and not for each request
        self._headers = {
            accept: httpx.Headers({**headers, "accept": accept}).raw
            for accept in ("application/json", "text/event-stream")
        }
        self._transport = transport
        self._clock = clock
        self._rate_of = rate_of
        self._max_body_bytes = max_body_bytes

    async def whole(self, ask: ChatRequest, body: bytes, *, limits: CallLimits, read: Read) -> ChatAnswer:
        """The answer to `body` as `read` makes it of the whole."""
        try:
            async with asyncio.timeout(limits.total):
                response = await self._send(ask, body, "application/json", limits)
                try:
                    return await self._read(response, read)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise CallTimeout from None

    async def streamed(
        self,
        ask: ChatRequest,
        body: bytes,
        *,
        limits: CallLimits,
        progress: Progress,
        read: Read,
        reading: StreamReading,
    ) -> ChatAnswer:
        """The answer to `body` as `reading` puts it together, told to `progress` meanwhile.

        A server that answers as a whole all the same is read by `read`. A complete answer stands, however its stream ends.
        """
        patience = Patience(limits)
        rate = None
        try:
            async with patience:
                patience.wait(limits.first_token, FirstTokenLate)
                response = await self._send(ask, body, "text/event-stream", limits)
                try:
                    progress.opened = response.status_code == 200
                    if not progress.opened or not _is_stream(response.headers):
                        patience.wait(None, CallTimeout)
                        answer = await self._read(response, read)
                        await _tell_whole(answer, progress)
                        return answer
                    rate = self._rate_of(response.headers, self._clock.now_us())
                    most = self._max_body_bytes + ask.max_output_tokens * BYTES_A_TOKEN
                    await self._stream(response, reading, progress, patience, limits, most)
                finally:
                    await response.aclose()
        except TimeoutError:
            # a limit of the listener's own is none of ours
            if not patience.expired:
                raise
            if not reading.complete:
                raise patience.late from None
        answer = reading.answer()
        return answer if rate is None else replace(answer, rate=rate)

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._transport.aclose()

    async def _send(self, ask: ChatRequest, body: bytes, accept: str, limits: CallLimits) -> httpx.Response:
        # The transport is spoken to directly: httpx's client adds cookies, redirects, proxies and event hooks, which are not
        # wanted here, and more CPU than the transport itself needs.
        # With `stream` in place of `content` its request does not look for headers that may be missing.
        request = httpx.Request(
            "POST",
            self._url,
            headers=[
                *self._headers[accept],
                (b"content-length", b"%d" % len(body)),
                (b"idempotency-key", ask.idempotency_key.encode("ascii")),
                (b"x-request-id", ask.request_id.encode("ascii")),
            ],
            stream=httpx.ByteStream(body),
            extensions={LEAVE: limits.leave},
        )
        request.read()
        try:
            return await self._transport.handle_async_request(request)
        except SendingWithheld:
            raise Withheld from None
        except httpx.HTTPError as error:
            raise error_of_exception(error) from None

    async def _read(self, response: httpx.Response, read: Read) -> ChatAnswer:
        now_us = self._clock.now_us()
        rate = self._rate_of(response.headers, now_us)
        if response.status_code != 200:
            code = None
            try:
                async with asyncio.timeout(_ERROR_WAIT):
                    code = await read_error_code(response)
            except (TimeoutError, httpx.HTTPError):
                pass
            raise error_of_status(response.status_code, response.headers, now_us, code=code, rate=rate)
        try:
            content = await read_body(response, self._max_body_bytes)
        except httpx.HTTPError as error:
            raise error_of_exception(error) from None
        answer = read(content)
        return answer if rate is None else replace(answer, rate=rate)

    async def _stream(
        self,
        response: httpx.Response,
        reading: StreamReading,
        progress: Progress,
        patience: Patience,
        limits: CallLimits,
        most: int,
    ) -> None:
        events = EventReader()
        chunks = aiter(cast("httpx.AsyncByteStream", response.stream))
        size = 0
        while not reading.finished:
            chunk = await _next(chunks, reading)
            size += len(chunk or b"")
            if size > most:
                raise ResponseTooLarge(status=200)
            failed = None
            try:
                for event in events.end() if chunk is None else events.feed(chunk):
                    reading.take(event)
                    if reading.finished:
                        break
            except CallFailed as error:
                failed = error
            # what came before the failure was generated all the same
            text, unseen = reading.gathered()
            if unseen:
                progress.unseen(unseen)
            if text:
                # the listener's time is not the server's
                patience.wait(None, CallTimeout)
                await progress.text(text)
            if failed is not None:
                if reading.complete:
                    return
                raise failed
            if chunk is None:
                if not reading.complete:
                    raise StreamBroken(status=200)
                return
            if text or unseen:
                patience.wait(limits.between_tokens, StreamStalled)
        await _to_the_end(chunks)


async def _next(chunks: AsyncIterator[bytes], reading: StreamReading) -> bytes | None:
    """The next bytes; None at the end, or where a complete answer's stream breaks. Raises `StreamBroken`."""
    try:
        return await anext(chunks, None)
    except httpx.HTTPError as error:
        if reading.complete:
            return None
        kind = error_of_exception(error)
        raise (StreamBroken(status=200) if isinstance(kind, Disconnected) else kind) from None


async def _to_the_end(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(_END_WAIT):
            while await anext(chunks, None) is not None:
                pass
    except (TimeoutError, httpx.HTTPError):
        pass


async def _tell_whole(answer: ChatAnswer, progress: Progress) -> None:
    progress.usage, progress.response_id = answer.usage, answer.response_id
    progress.response_model = answer.response_model
    arguments = "".join(call.function.name + call.function.arguments for call in answer.tool_calls)
    if arguments:
        progress.unseen(arguments)
    if answer.text:
        await progress.text(answer.text)


def _is_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lstrip().lower().startswith("text/event-stream")
