"""A provider that speaks OpenAI's chat completions over HTTP."""

import asyncio
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx
import orjson

from streamguard.clock import Clock, SystemClock
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.request import ResponseFormat
from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer, ChatRequest
from streamguard.providers.endpoint import call_headers, endpoint
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    ConnectFailed,
    Disconnected,
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ResponseTooLarge,
    ServerFailed,
)
from streamguard.providers.transport import AiohttpTransport

MAX_BODY_BYTES = 4 << 20
"""An answer's body may be so long. The longest answers of today's models have about half a megabyte."""
_NEW_NAMES = frozenset({"openai", "azure.ai.openai"})
"""Their newer models take `max_completion_tokens` only; many compatible servers still know `max_tokens` only."""
_WORD = re.compile(r"[A-Za-z0-9._:/@+=-]{1,128}")
_ERROR_BODY_BYTES = 16_384
_MAY_PASS = frozenset({408, 409, 425})


class OpenAIProvider:
    """Chat completions of one server, over one pool of connections.

    `transport` stands in for the network in tests. `max_body_bytes` bounds what is read of an answer. Raises `ConfigError`
    for an address or a key that cannot be used.
    """

    def __init__(
        self,
        settings: OpenAISettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.name = settings.name
        self._clock = clock or SystemClock()
        self._max_body_bytes = max_body_bytes
        self._url = endpoint(
            "providers", settings.name, settings.base_url, "/chat/completions", "https://api.openai.com/v1"
        )
        self._tokens_field = "max_completion_tokens" if settings.name in _NEW_NAMES else "max_tokens"
        self._headers = call_headers("providers", settings.name, self._url, settings.api_key.get_secret_value())
        self._transport = transport or AiohttpTransport(
            max_connections=settings.max_connections, connect_timeout=settings.connect_timeout
        )

    async def chat(self, ask: ChatRequest, *, timeout: float) -> ChatAnswer:
        """See `ChatProvider.chat`."""
        body = orjson.dumps(_body(ask, self._tokens_field))
        try:
            async with asyncio.timeout(timeout):
                status, headers, content = await self._post(ask, body)
        except TimeoutError:
            raise CallTimeout from None
        except httpx.HTTPError as error:
            raise error_of_exception(error) from None
        if status != 200:
            raise error_of_status(status, headers, self._clock.now_us())
        return read_answer(content)

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        await self._transport.aclose()

    async def _post(self, ask: ChatRequest, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        # The transport is spoken to directly: httpx's client adds cookies, redirects, proxies and event hooks, which are not
        # wanted here, and more CPU than the transport itself needs.
        request = httpx.Request(
            "POST",
            self._url,
            headers={
                **self._headers,
                "content-length": str(len(body)),
                "idempotency-key": ask.idempotency_key,
                "x-request-id": ask.request_id,
            },
            content=body,
        )
        response = await self._transport.handle_async_request(request)
        try:
            return response.status_code, response.headers, await read_body(response, self._max_body_bytes)
        finally:
            await response.aclose()


async def read_body(response: httpx.Response, most: int) -> bytes:
    """The body of a good answer, nothing of another one. Raises `ResponseTooLarge` beyond `most` bytes."""
    good = response.status_code == 200
    chunks: list[bytes] = []
    size = 0
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        size += len(chunk)
        if good and size > most:
            raise ResponseTooLarge(status=200)
        if good:
            chunks.append(chunk)
        # an error's body may quote the user and is not kept; a short one is read so that the connection can be kept
        elif size > _ERROR_BODY_BYTES:
            break
    return b"".join(chunks)


def error_of_exception(error: httpx.HTTPError) -> CallFailed:
    """The kind of an exception of httpx. Every one has a kind: what is not known in detail is a broken connection."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ConnectError() | httpx.ProxyError():
            return ConnectFailed()
        case httpx.UnsupportedProtocol():
            return ConnectFailed()
        case httpx.TimeoutException():
            return CallTimeout()
        case httpx.DecodingError() | httpx.TooManyRedirects():
            return InvalidResponse()
        case httpx.HTTPStatusError():
            return error_of_status(error.response.status_code, error.response.headers, 0)
        case _:
            return Disconnected()


def error_of_status(status: int, headers: Mapping[str, str], now_us: int) -> CallFailed:
    """The kind of an HTTP status that is not 200. `now_us` serves a `Retry-After` that is a date."""
    wish = retry_after(headers.get("retry-after"), now_us)
    if status == 429:
        return RateLimited(status=status, retry_after=wish)
    if status >= 500 or status in _MAY_PASS:
        return ServerFailed(status=status, retry_after=wish)
    if status in (401, 403):
        return NotAuthorized(status=status)
    if status >= 400:
        return Refused(status=status)
    return InvalidResponse(status=status)


def retry_after(value: str | None, now_us: int) -> float | None:
    """A `Retry-After` in seconds from now: given in seconds or as an HTTP date; None where it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now_us / 1e6
        except ValueError:
            return None
    # NaN compares false with everything
    return max(0.0, seconds) if seconds < float("inf") else None


def read_answer(content: bytes) -> ChatAnswer:
    """The first choice of a chat completion. Raises `InvalidResponse` or `EmptyAnswer`."""
    try:
        body = cast("dict[str, Any]", orjson.loads(content))
        choice = body["choices"][0]
        message = choice["message"]
        text: object = message.get("content") or message.get("refusal") or ""
        finish_reason = _word(choice.get("finish_reason"))
        usage = _usage(body.get("usage"))
        response_id, response_model = _word(body.get("id")), _word(body.get("model"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        # from None: orjson's error carries the document
        raise InvalidResponse(status=200) from None
    if not isinstance(text, str):
        raise InvalidResponse(status=200)
    if not text.strip():
        raise EmptyAnswer(
            status=200,
            usage=usage,
            finish_reason=finish_reason,
            response_id=response_id,
            response_model=response_model,
        )
    return ChatAnswer(text, usage, finish_reason, response_id, response_model)


def _word(value: object) -> str | None:
    """A code of the provider's; what does not look like one is dropped, since it goes into telemetry."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _usage(value: Any) -> Usage | None:
    """Tokens as reported; None, never zero, where the report is missing or makes no sense: the answer is good all the same."""
    try:
        return Usage(
            input_tokens=value["prompt_tokens"],
            output_tokens=value["completion_tokens"],
            cache_read_tokens=(value.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            reasoning_tokens=(value.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _body(ask: ChatRequest, tokens_field: str) -> dict[str, object]:
    body: dict[str, object] = {
        "model": ask.model,
        "messages": [{"role": message.role, "content": message.content} for message in ask.messages],
        tokens_field: ask.max_output_tokens,
    }
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    if ask.response_format is not None and ask.response_format.type != "text":
        body["response_format"] = _form(ask.response_format)
    return body


def _form(form: ResponseFormat) -> dict[str, object]:
    if form.json_schema is None:
        return {"type": form.type}
    inner = form.json_schema
    return {
        "type": form.type,
        "json_schema": {"name": inner.name, "schema": inner.schema_, "strict": inner.strict},
    }
