"""What is wrong with a provider's key, address or model, told from how one small call failed. Pure.

Error bodies as vendors write them: OpenAI and Groq `{"error": {"message", "type", "param", "code"}}`, Azure the same with codes
like `DeploymentNotFound`, Anthropic `{"error": {"type", "message"}}`, vLLM and Mistral without the `error` around it, Google in a
list. A message is looked at for what it is about (a model, money, the key), and goes no further: it may quote the key.
"""

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Literal, cast

import aiohttp
import orjson

from streamguard.errors import ProviderError
from streamguard.providers.errors import (
    CallTimeout,
    ConnectFailed,
    Disconnected,
    EmptyAnswer,
    InvalidResponse,
    ResponseTooLarge,
)
from streamguard.providers.failures import code_of

Verdict = Literal[
    "ok",
    "rate_limited",
    "wrong_key",
    "not_allowed",
    "no_money",
    "wrong_address",
    "wrong_model",
    "refused",
    "timeout",
    "failing",
]
"""Of these `ok` and `rate_limited` work."""
WORKS: frozenset[Verdict] = frozenset({"ok", "rate_limited"})

_MODEL_CODES = frozenset(
    {
        "model_not_found",
        "deploymentnotfound",
        "invalid_model",
        "model_decommissioned",
        "unknown_model",
        "model_not_available",
    }
)
_MONEY_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "insufficient_balance",
        "enforced_spend_limit_reached",
        "billing_not_active",
        "billing_error",
    }
)
_SHOWN = re.compile(r"[A-Za-z_.-]{1,64}|[0-9]{1,6}")
"""A code as people give names. Whatever else stands there might be the key."""
_OF_A_MODEL = re.compile(r"\b(model|deployment)s?\b", re.IGNORECASE)
_MISSING = re.compile(
    r"not found|not exist|not a valid|invalid model|unknown model|no such model|not supported|no access", re.IGNORECASE
)
_OF_A_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_BAD = re.compile(r"not valid|invalid|incorrect|expired|missing", re.IGNORECASE)
_OF_MONEY = re.compile(r"credit balance|quota|billing|insufficient balance", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error's body tells: its code, whether it is an error as such APIs write it, and what its message is about."""

    code: str | int | None = None
    as_api: bool = False
    about_model: bool = False
    about_key: bool = False
    about_money: bool = False
    about_temperature: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a call below the provider: why there was no answer, or its status and the body of an error."""

    cause: BaseException | None = None
    status: int | None = None
    error: ErrorBody = ErrorBody()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call went, for the advice: no secrets. `ending` is what a `base_url` of this kind mostly ends in."""

    host: str
    base_url: str
    model: str
    key: str
    """Where the key comes from, in words; empty without one."""
    ending: str = "/v1"
    path: str = "/chat/completions"


def error_body(content: bytes) -> ErrorBody:
    """What the body of an error tells; whatever it is."""
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ErrorBody()
    if isinstance(body, list) and body:
        body = cast("list[Any]", body)[0]
    if not isinstance(body, dict):
        return ErrorBody()
    whole = cast("dict[str, Any]", body)
    error: Any = whole.get("error", whole)
    if isinstance(error, str):  # older servers of Ollama
        error = {"message": error}
    if not isinstance(error, dict):
        return ErrorBody()
    told = cast("dict[str, Any]", error)
    message, param = told.get("message"), told.get("param")
    said = message if isinstance(message, str) else ""
    return ErrorBody(
        code=code_of(told),
        as_api="error" in whole or "message" in whole,
        about_model=param == "model"
        or bool(_OF_A_MODEL.search(said) and (_MISSING.search(said) or said.startswith("model:"))),
        about_key=bool(_OF_A_KEY.search(said) and _BAD.search(said)),
        about_money=bool(_OF_MONEY.search(said)),
        about_temperature=param == "temperature" or "temperature" in said,
    )


def diagnose(error: ProviderError, seen: Seen, place: Place, seconds: float) -> tuple[Verdict, str]:
    """What is wrong, and a sentence about it for people. `seconds` is how long the call might have taken."""
    status = seen.status or error.status
    shown = seen.error.code not in (None, status) and _SHOWN.fullmatch(str(seen.error.code))
    told = f" (HTTP {status}{f', {seen.error.code}' if shown else ''})" if status else ""
    match error:
        case EmptyAnswer():
            return "ok", "answered without text"  # a model that thinks spends so few tokens on that alone
        case ConnectFailed():
            return "wrong_address", _unreachable(seen.cause, place)
        case CallTimeout():
            return "timeout", f"{place.host} gave no answer within {seconds:g} s"
        case InvalidResponse() | ResponseTooLarge():
            return "wrong_address", f"{place.host} answers, but not as this API does{told}; {_path(place)}"
        case Disconnected():
            return (
                "wrong_address",
                f"{place.host} closes the connection; is it HTTPS where base_url says http, or no such API?",
            )
        case _:
            pass
    code = seen.error.code.lower() if isinstance(seen.error.code, str) else seen.error.code
    if code in _MONEY_CODES or status == 402 or (seen.error.about_money and status in (400, 403, 429)):
        return "no_money", f"the account has no quota or money left{told}"
    if status == 429:
        return "rate_limited", f"works, but is asked too much just now{told}"
    if status == 401 or (status in (400, 403) and seen.error.about_key):
        return "wrong_key", f"the key is not accepted{told}; {_key(place)}"
    if status in (400, 422) and seen.error.about_temperature:
        return "refused", f'{place.model} takes no temperature{told}; give its candidates without = ["temperature"]'
    if code in _MODEL_CODES or (status in (400, 403, 404, 422) and seen.error.about_model):
        return "wrong_model", f"there is no chat model {place.model!r}, or not for this key{told}"
    if status == 403:
        return "not_allowed", f"the key may not do this{told}: its rights, the network, or the country"
    if status in (404, 405) or (status is not None and 400 <= status < 500 and not seen.error.as_api):
        return "wrong_address", f"{place.host} knows no such address{told}; {_path(place)}"
    if status is not None and status < 500:
        return "refused", f"the request is refused{told}"
    return "failing", f"{place.host} fails at the moment{told}"


def _unreachable(cause: BaseException | None, place: Place) -> str:
    match cause:
        case aiohttp.ClientConnectorDNSError():
            return f"the name of {place.host} is not known (DNS)"
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {place.host} is not trusted (TLS)"
        case aiohttp.ClientConnectorSSLError():
            return f"{place.host} does not speak TLS; should base_url begin with http://?"
        case aiohttp.ClientConnectorError() if isinstance(cause.os_error, ConnectionRefusedError):
            return f"nobody listens at {place.host}"
        case aiohttp.ClientConnectorError() if isinstance(cause.os_error, socket.gaierror):
            return f"the name of {place.host} is not known (DNS)"
        case aiohttp.ClientConnectorError() if isinstance(cause.os_error, ssl.SSLError):
            return f"{place.host} does not speak TLS as it should"
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return f"no connection to {place.host} in time"
        case _:
            return f"{place.host} cannot be reached"


def _path(place: Place) -> str:
    base = place.base_url.rstrip("/")
    if base.endswith(place.path):
        return f"base_url should end before {place.path}"
    if place.ending and not base.endswith(place.ending):
        return f"base_url mostly ends in {place.ending}"
    return "look at base_url"


def _key(place: Place) -> str:
    return f"it comes from {place.key}" if place.key else "none is configured"
