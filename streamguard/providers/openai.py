"""A provider that speaks OpenAI's chat completions over HTTP."""

import re

import httpx

from streamguard.clock import Clock, SystemClock
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.providers.calling import MAX_BODY_BYTES, HttpCalls, encoded
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.endpoint import call_headers, endpoint
from streamguard.providers.openai_answer import read_answer
from streamguard.providers.openai_body import nine_letters, request_body, usual_id
from streamguard.providers.openai_forms import askable
from streamguard.providers.openai_stream import OpenAIStream
from streamguard.providers.rate_headers import rate_limit
from streamguard.providers.transport import AiohttpTransport

_NEW_NAMES = frozenset({"openai", "azure.ai.openai"})
"""Their newer models take `max_completion_tokens` only; many compatible servers still know `max_tokens` only."""
_NEW_HOSTS = re.compile(r"(?:.+\.)?api\.openai\.com|.+\.openai\.azure\.(?:com|us|cn)")
"""The same under any name: a second resource or project must have one of its own."""
_MISTRAL = re.compile(r"(?:.+\.)?api\.mistral\.ai")


class OpenAIProvider:
    """Chat completions of one server, over one pool of connections.

    `transport` stands in for the network in tests. `max_body_bytes` bounds what is read of an answer. Raises `ConfigError`
    for an address, a key or headers that cannot be used.
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
        url = endpoint(
            "providers",
            settings.name,
            settings.base_url,
            "/chat/completions",
            "https://api.openai.com/v1",
            query=settings.query,
        )
        headers = call_headers(
            "providers",
            settings.name,
            url,
            settings.key().get_secret_value(),
            key_header=settings.key_header,
            extra=settings.plain_headers,
        )
        self._of_openai = settings.name in _NEW_NAMES or _NEW_HOSTS.fullmatch(url.host) is not None
        self._tokens_field = "max_completion_tokens" if self._of_openai else "max_tokens"
        mistral = settings.name == "mistral_ai" or _MISTRAL.fullmatch(url.host) is not None
        self._spell = nine_letters if mistral else usual_id
        # Mistral refuses the option (422), and tells the usage without
        self._stream_usage = settings.stream_usage and not mistral
        self._calls = HttpCalls(
            url,
            headers,
            transport=transport
            or AiohttpTransport(max_connections=settings.max_connections, connect_timeout=settings.connect_timeout),
            clock=clock or SystemClock(),
            rate_of=lambda headers, _: rate_limit(headers),
            max_body_bytes=max_body_bytes,
        )

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        """See `ChatProvider.chat`."""
        ask = askable(ask, needs_object=self._of_openai)
        streams, usage = progress is not None, self._stream_usage
        body = encoded(request_body(ask, self._tokens_field, stream=streams, usage=usage, spell=self._spell))
        if progress is None:
            return await self._calls.whole(ask, body, limits=limits, read=read_answer)
        return await self._calls.streamed(
            ask, body, limits=limits, progress=progress, read=read_answer, reading=OpenAIStream(progress)
        )

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        await self._calls.aclose()
