"""The one boundary where what httpx and HTTP can say becomes one of our kinds of error."""

import re
from collections.abc import Mapping
from typing import Any, cast

import httpx
import orjson

from streamguard.providers.contract import RateLimit
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    ConnectFailed,
    Disconnected,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ResponseTooLarge,
    ServerFailed,
    StreamBroken,
)
from streamguard.providers.rate_headers import wished_wait

ERROR_BODY_BYTES = 16_384
"""So much of an error's body is read, for the code in it."""
_WORD = re.compile(r"[A-Za-z0-9._:/@+=-]{1,128}")
_MAY_PASS = frozenset({408, 409, 425})
_NO_MONEY = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "enforced_spend_limit_reached"}
)
"""Said with a 429 by some, and yet no waiting helps: the account is empty, or may spend no more this month."""
_STATUS_OF_CODE = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limit_reached": 429,
    "too_many_requests": 429,
    **dict.fromkeys(_NO_MONEY, 402),
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "service_unavailable": 503,
    "timeout": 504,
    "timeout_error": 504,
    "overloaded_error": 529,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
}


def word(value: object) -> str | None:
    """A code of the provider's; what does not look like one is dropped, since it goes into telemetry."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def code_of(error: object) -> str | int | None:
    """The code of an `error` object as vendors write it: its `code`, or else its `type`; never its message.

    Anthropic tells a monthly cap that is reached from a usual 429 by `details` alone.
    """
    if not isinstance(error, dict):
        return None
    told = cast("dict[str, object]", error)
    details = told.get("details")
    finer = cast("dict[str, object]", details).get("error_code") if isinstance(details, dict) else None
    if isinstance(finer, str) and finer in _NO_MONEY:
        return finer
    code = told.get("code")
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return word(code) or word(told.get("type"))


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
        elif size > ERROR_BODY_BYTES:
            break
    return b"".join(chunks)


async def read_error_code(response: httpx.Response) -> str | int | None:
    """The code in an error's body. The rest of the body, which may quote the user, ends here."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        size += len(chunk)
        if size > ERROR_BODY_BYTES:
            return None
        chunks.append(chunk)
    try:
        body: Any = orjson.loads(b"".join(chunks))
        if isinstance(body, list):  # as Google's servers do
            body = body[0]
        return code_of(body.get("error") or body)
    except (ValueError, IndexError, AttributeError):
        return None


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


def error_of_status(
    status: int,
    headers: Mapping[str, str],
    now_us: int,
    *,
    code: str | int | None = None,
    rate: RateLimit | None = None,
) -> CallFailed:
    """The kind of an HTTP status that is not 200. `now_us` serves a `Retry-After` that is a date, `code` is the body's."""
    if status in (401, 402, 403) or code in _NO_MONEY:
        return NotAuthorized(status=status)
    wait = wished_wait(headers, now_us)
    if status == 429:
        return RateLimited(status=status, retry_after=wait, rate=rate)
    if status >= 500 or status in _MAY_PASS:
        return ServerFailed(status=status, retry_after=wait)
    if status >= 400:
        return Refused(status=status)
    return InvalidResponse(status=status)


def error_inside(error: object, *, otherwise: type[CallFailed], begun: bool = False) -> CallFailed:
    """The kind of an `error` object that came with status 200: by its code, else `otherwise`.

    `begun`: pieces of the answer had come before it, and may be charged; then it is a broken stream, whatever its code.
    """
    if begun:
        return StreamBroken(status=200)
    code = code_of(error)
    status = code if isinstance(code, int) else _STATUS_OF_CODE.get(code.lower() if code else "", 0)
    kind = error_of_status(status, {}, 0, code=code) if 400 <= status < 600 else otherwise()
    kind.status = 200
    return kind
