"""A provider that speaks Anthropic's messages over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import httpx

from streamguard.clock import Clock, SystemClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import Feature
from streamguard.providers.anthropic_answer import read_answer
from streamguard.providers.anthropic_body import body_of
from streamguard.providers.anthropic_form import form_of
from streamguard.providers.anthropic_stream import AnthropicStream
from streamguard.providers.calling import MAX_BODY_BYTES, HttpCalls, encoded
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress, RateLimit
from streamguard.providers.endpoint import call_headers, endpoint
from streamguard.providers.rate_headers import count
from streamguard.providers.structured import adapt
from streamguard.providers.transport import AiohttpTransport

_NO_FORMS: frozenset[Feature] = frozenset({"json_schema", "json_object"})
_TOKENS = ("tokens", "input-tokens")


class AnthropicProvider:
    """Messages of one server, over one pool of connections.

    An answer in the form of a JSON Schema is the input of a tool that the model must call (`anthropic_form`); where the asker has
    tools of its own, or wants any JSON object, the instructions say so instead.

    `transport` stands in for the network in tests. `max_body_bytes` bounds what is read of an answer. Raises `ConfigError`
    for an address, a key or headers that cannot be used.
    """

    def __init__(
        self,
        settings: AnthropicSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.name = settings.name
        self._cache_prompts = settings.cache_prompts
        url = endpoint("providers", settings.name, settings.base_url, "/messages", "https://api.anthropic.com/v1")
        headers = call_headers(
            "providers",
            settings.name,
            url,
            settings.key().get_secret_value(),
            key_header="x-api-key",
            extra={"anthropic-version": settings.version, **settings.plain_headers},
        )
        self._calls = HttpCalls(
            url,
            headers,
            transport=transport
            or AiohttpTransport(max_connections=settings.max_connections, connect_timeout=settings.connect_timeout),
            clock=clock or SystemClock(),
            rate_of=rate_limit,
            max_body_bytes=max_body_bytes,
        )

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        """See `ChatProvider.chat`."""
        asked = ask.response_format
        form = form_of(asked.json_schema) if asked and asked.json_schema and not ask.tools else None
        if form is None:
            ask = adapt(ask, _NO_FORMS)
        body = encoded(body_of(ask, form, cache_prompts=self._cache_prompts, stream=progress is not None))
        read = partial(read_answer, form=form)
        if progress is None:
            return await self._calls.whole(ask, body, limits=limits, read=read)
        return await self._calls.streamed(
            ask, body, limits=limits, progress=progress, read=read, reading=AnthropicStream(form, progress)
        )

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        await self._calls.aclose()


def rate_limit(headers: Mapping[str, str], now_us: int) -> RateLimit | None:
    """What the `anthropic-ratelimit-…` headers tell at a time in microseconds since the epoch; None without them.

    Tokens are limited in several ways at once: of all of them and of the input, the one with fewer left is told. What is left of
    the output alone is not comparable: it may be a fifth of a prompt's tokens, which then would wait for it at every call.
    """
    requests, requests_reset = _left(headers, "requests", now_us)
    tokens, tokens_reset = min(
        (found for name in _TOKENS if (found := _left(headers, name, now_us))[0] is not None),
        key=lambda found: found[0] or 0,
        default=(None, None),
    )
    if requests is None and tokens is None:
        return None
    return RateLimit(requests, requests_reset, tokens, tokens_reset)


def _left(headers: Mapping[str, str], what: str, now_us: int) -> tuple[int | None, float | None]:
    left = count(headers.get(f"anthropic-ratelimit-{what}-remaining"))
    try:
        reset = datetime.fromisoformat(headers.get(f"anthropic-ratelimit-{what}-reset", ""))
    except ValueError:
        return left, None
    return left, max(0.0, (reset if reset.tzinfo else reset.replace(tzinfo=UTC)).timestamp() - now_us / 1e6)
