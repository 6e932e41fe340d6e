"""Answers as vendors write them on the wire, fed to a provider through httpx's seam in any pieces."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from pydantic import TypeAdapter

from streamguard.clock import FakeClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.config import ProviderSettings
from streamguard.config import StaticProvider as StaticSettings
from streamguard.events.request import Message
from streamguard.events.usage import Usage
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatProvider, ChatRequest, Progress
from streamguard.providers.errors import CallFailed
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.static import StaticProvider

ASK = ChatRequest(
    model="m",
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="Grüße")),
    max_output_tokens=50,
    idempotency_key="t/r/1/1",
    request_id="t/r/1/1.1",
)
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
LIMITS = CallLimits(total=5)
_SETTINGS: TypeAdapter[OpenAISettings | AnthropicSettings | StaticSettings] = TypeAdapter(ProviderSettings)


@dataclass(frozen=True)
class Shape:
    """What a vendor sends, and what it must become.

    `expected` is the answer, or the error with its status. `text` and `unseen` are what the progress of a stream is told of what
    was generated (of a good one `text` is the answer's); `usage` is what it has in the end. `settings` are the provider's.
    """

    name: str
    body: bytes
    expected: ChatAnswer | CallFailed
    streamed: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    unseen: str = ""
    usage: Usage | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: {"kind": "openai", "base_url": "http://models/v1"})
    ask: ChatRequest = ASK
    breaks: bool = False
    """The connection breaks after the body, in place of ending."""


@dataclass
class Told:
    """What came of feeding a shape."""

    answer: ChatAnswer | None
    error: CallFailed | None
    shown: list[str]
    progress: Progress
    asked: httpx.Request | None
    """What went out, if anything did."""
    closed: bool


class WireTransport(httpx.AsyncBaseTransport):
    """Answers everything with one shape, in the pieces given."""

    def __init__(self, shape: Shape, pieces: Sequence[bytes]) -> None:
        self._shape = shape
        self._pieces = pieces
        self.asked: httpx.Request | None = None
        self.body: _Pieces | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked = request
        headers = {**(EVENTS if self._shape.streamed else JSON), **self._shape.headers}
        self.body = _Pieces(self._pieces, self._shape.breaks)
        return httpx.Response(self._shape.status, headers=headers, stream=self.body)


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes], breaks: bool) -> None:
        self._left: Iterator[bytes] = iter(pieces)
        self._breaks = breaks
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._left:
            return piece
        if self._breaks:
            raise httpx.RemoteProtocolError("")
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


def provider_of(settings: Mapping[str, Any], transport: httpx.AsyncBaseTransport) -> ChatProvider:
    """A provider of any kind over `transport`."""
    match _SETTINGS.validate_python({"name": "vendor", **settings}):
        case OpenAISettings() as given:
            return OpenAIProvider(given, transport=transport, clock=FakeClock())
        case AnthropicSettings() as given:
            return AnthropicProvider(given, transport=transport, clock=FakeClock())
        case given:
            return StaticProvider(given)


async def feed(shape: Shape, pieces: Sequence[bytes], *, streamed: bool | None = None) -> Told:
    """Ask a provider that gets `shape` as `pieces`."""
    transport = WireTransport(shape, pieces)
    provider = provider_of(shape.settings, transport)
    shown: list[str] = []
    progress = Progress(now=FakeClock().monotonic, on_text=_append(shown))
    answer, error = None, None
    try:
        wanted = shape.streamed if streamed is None else streamed
        answer = await provider.chat(shape.ask, limits=LIMITS, progress=progress if wanted else None)
    except CallFailed as failed:
        error = failed
    await provider.aclose()
    return Told(answer, error, shown, progress, transport.asked, transport.body is None or transport.body.closed)


def _append(shown: list[str]) -> Callable[[str], Any]:
    async def take(piece: str) -> None:
        shown.append(piece)

    return take


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    """`body` cut at `places`."""
    bounds = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[one:two] for one, two in itertools.pairwise(bounds) if two > one]


def events(*data: object, end: str = "\n", done: bool = True) -> bytes:
    """A stream of JSON values (a `str` or `bytes` goes as it is), with `[DONE]` as OpenAI ends it."""
    lines = [f"data: {_plain(one)}{end}{end}" for one in (*data, *(["[DONE]"] if done else []))]
    return "".join(lines).encode()


def named_events(*data: Mapping[str, Any]) -> bytes:
    """A stream of JSON values, each under its `type` as its name, as Anthropic writes it."""
    return "".join(f"event: {one['type']}\ndata: {_plain(one)}\n\n" for one in data).encode()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
