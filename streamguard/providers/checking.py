"""One small call to a model, to learn whether key, address and model are right."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import httpx

from streamguard.clock import Clock
from streamguard.config import AnthropicProvider, HttpProvider, OpenAIProvider, ProviderSettings
from streamguard.errors import ConfigError, ProviderError
from streamguard.events.request import Message
from streamguard.events.usage import Usage
from streamguard.providers.building import build_provider
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest
from streamguard.providers.diagnosis import Place, Seen, Verdict, diagnose, error_body
from streamguard.providers.errors import EmptyAnswer
from streamguard.providers.failures import ERROR_BODY_BYTES
from streamguard.providers.transport import AiohttpTransport

QUESTION = "Answer with OK."
MAX_TOKENS = 16
"""The fewest that all models take."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check. `seconds` is how long the answer took; `model` and `usage` are as the provider tells."""

    verdict: Verdict
    told: str
    seconds: float | None = None
    model: str | None = None
    usage: Usage | None = None
    status: int | None = None


async def check_model(
    settings: ProviderSettings,
    model: str,
    clock: Clock,
    *,
    name: str,
    temperature: float | None = None,
    seconds: float = 10.0,
    over: Callable[[HttpProvider], httpx.AsyncBaseTransport] | None = None,
) -> Checked:
    """Ask `model` once, for at most `seconds`, with a `temperature` where requests have one: models that think refuse it.

    `name` becomes the call's id; `over` stands in for the network. Raises nothing.
    """
    watch = None
    if isinstance(settings, HttpProvider):
        watch = Watch((over or _transport)(settings))
    try:
        provider = build_provider(settings, clock, transport=watch)
    except ConfigError as error:
        return Checked("wrong_key" if "api_key" in str(error) else "wrong_address", str(error))
    ask = ChatRequest(model, (Message(role="user", content=QUESTION),), MAX_TOKENS, name, name, temperature=temperature)
    began = clock.monotonic()
    try:
        answer = await provider.chat(ask, limits=CallLimits(seconds))
    except ProviderError as error:
        assert isinstance(settings, HttpProvider), "a static text does not fail"
        assert watch is not None
        verdict, told = diagnose(error, watch.seen, place_of(settings, model), seconds)
        checked = Checked(verdict, told, clock.monotonic() - began, status=watch.seen.status)
        if isinstance(error, EmptyAnswer):
            return replace(checked, model=error.response_model, usage=error.usage)
        return checked
    finally:
        await provider.aclose()
    return _answered(answer, clock.monotonic() - began)


def _answered(answer: ChatAnswer, seconds: float) -> Checked:
    return Checked("ok", "answered", seconds, answer.response_model, answer.usage, 200)


def place_of(settings: HttpProvider, model: str) -> Place:
    """Where its calls go, without anything secret."""
    url = httpx.URL(settings.base_url)
    host = f"{url.host}:{url.port}" if url.port else url.host
    key = "the configuration" if settings.api_key.get_secret_value() else ""
    if settings.api_key_env:
        key = f"the variable {settings.api_key_env}"
    elif settings.api_key_file:
        key = f"the file {settings.api_key_file}"
    match settings:
        case OpenAIProvider(key_header="api-key"):  # Azure's addresses end in other ways
            return Place(host, settings.base_url, model, key, ending="")
        case AnthropicProvider():
            return Place(host, settings.base_url, model, key, path="/messages")
        case _:
            return Place(host, settings.base_url, model, key)


class Watch(httpx.AsyncBaseTransport):
    """Sends over another transport, and keeps of what came what an error of the provider's does not tell."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seen = Seen()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.HTTPError as error:
            self.seen = Seen(cause=error.__cause__)
            raise
        self.seen = Seen(status=response.status_code)
        if response.status_code == 200:
            return response
        return httpx.Response(response.status_code, headers=response.headers.raw, stream=_Told(self, response))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Told(httpx.AsyncByteStream):
    """The body of an error as it comes; what was read of it is looked at in the end."""

    def __init__(self, watch: Watch, response: httpx.Response) -> None:
        self._watch, self._response, self._read = watch, response, bytearray()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            self._read += chunk[: ERROR_BODY_BYTES - len(self._read)]
            yield chunk

    async def aclose(self) -> None:
        self._watch.seen = Seen(status=self._response.status_code, error=error_body(bytes(self._read)))
        await self._response.aclose()


def _transport(settings: HttpProvider) -> httpx.AsyncBaseTransport:
    return AiohttpTransport(max_connections=1, connect_timeout=settings.connect_timeout)
