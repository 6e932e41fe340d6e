"""Streams over real sockets: told as they come, within their limits, and ended on the wire by whoever ends them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web

from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.request import Message
from streamguard.events.usage import Usage
from streamguard.providers.calling import MAX_BODY_BYTES
from streamguard.providers.contract import CallLimits, ChatRequest, Progress
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    Disconnected,
    FirstTokenLate,
    ResponseTooLarge,
    StreamBroken,
    StreamStalled,
)
from streamguard.providers.openai import OpenAIProvider
from tests.unit.providers.openai_writing import HELLO, STOP, TEXT, USAGE, chunk
from tests.unit.providers.wire import events

pytestmark = pytest.mark.slow

ASK = ChatRequest("m", (Message(role="user", content="Grüße"),), 50, "t/r/1/1", "t/r/1/1.1")
LONG = CallLimits(total=10, first_token=10, between_tokens=10)
PIECE = events(chunk({"content": "a"}), done=False)
COMMENT = b": keep-alive\n\n"

Write = Callable[[bytes], Awaitable[None]]
Script = Callable[[Write, web.Request], Awaitable[None]]


@dataclass
class Server:
    """Streams what the script writes; notices callers that leave."""

    script: Script
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    connections: list[int] = field(default_factory=list[int])
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.append(id(request.transport))
        self.asked.append(orjson.loads(await request.read()))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})

        async def write(data: bytes) -> None:
            if not response.prepared:
                await response.prepare(request)
            await response.write(data)

        try:
            await self.script(write, request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[tuple[Server, OpenAIProvider]]]]:
    runners: list[web.AppRunner] = []
    providers: list[OpenAIProvider] = []

    async def start(script: Script, **settings: Any) -> tuple[Server, OpenAIProvider]:
        server = Server(script)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        bound = settings.pop("max_body_bytes", MAX_BODY_BYTES)
        provider = OpenAIProvider(OpenAISettings(name="openai", base_url=url, **settings), max_body_bytes=bound)
        providers.append(provider)
        return server, provider

    yield start
    for provider in providers:
        await provider.aclose()
    for runner in runners:
        await runner.cleanup()


Serve = Callable[..., Awaitable[tuple[Server, OpenAIProvider]]]


def progress_of(shown: list[str]) -> Progress:
    async def take(piece: str) -> None:
        shown.append(piece)

    return Progress(time.monotonic, take)


async def hang() -> None:
    await asyncio.Event().wait()


async def whole(write: Write, _: web.Request) -> None:
    await write(events(*HELLO, STOP, chunk(usage=USAGE)))


async def test_a_piece_is_told_before_the_next_is_written(serve: Serve) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def script(write: Write, _: web.Request) -> None:
        for one in HELLO[1:]:
            await write(events(one, done=False))
            await asyncio.wait_for(heard.get(), 5)
        await write(events(STOP, chunk(usage=USAGE)))

    _, provider = await serve(script)
    progress = Progress(time.monotonic, heard.put)
    answer = await provider.chat(ASK, limits=LONG, progress=progress)
    assert answer.text == TEXT
    assert answer.usage == progress.usage == Usage(input_tokens=19, output_tokens=10)
    assert (progress.arrivals, progress.pieces) == (2, ["Grüße, ", "Welt 👋"])
    assert progress.first_at is not None
    assert progress.last_at is not None
    assert progress.first_at <= progress.last_at


@pytest.mark.parametrize("usage", [True, False])
async def test_what_a_stream_is_asked_with(serve: Serve, usage: bool) -> None:
    server, provider = await serve(whole, stream_usage=usage)
    await provider.chat(ASK, limits=LONG, progress=progress_of([]))
    assert server.asked[0]["stream"] is True
    assert server.asked[0].get("stream_options") == ({"include_usage": True} if usage else None)
    assert server.headers[0]["accept"] == "text/event-stream"
    assert (server.headers[0]["idempotency-key"], server.headers[0]["x-request-id"]) == ("t/r/1/1", "t/r/1/1.1")


@pytest.mark.parametrize("pause", [False, True])
async def test_a_stream_that_ended_leaves_its_connection_for_the_next(serve: Serve, pause: bool) -> None:
    async def script(write: Write, _: web.Request) -> None:
        await write(events(*HELLO, STOP))
        if pause:  # the end of the body comes in a packet of its own
            await asyncio.sleep(0.01)

    server, provider = await serve(script)
    for _ in range(3):
        assert (await provider.chat(ASK, limits=LONG, progress=progress_of([]))).text == TEXT
    assert len(set(server.connections)) == 1


async def test_a_server_that_keeps_talking_after_the_end_is_left(serve: Serve) -> None:
    async def script(write: Write, _: web.Request) -> None:
        await write(events(*HELLO, STOP))
        while True:
            await write(COMMENT)
            await asyncio.sleep(0.01)

    server, provider = await serve(script)
    answer = await asyncio.wait_for(provider.chat(ASK, limits=LONG, progress=progress_of([])), 2)
    assert answer.text == TEXT
    await asyncio.wait_for(server.left.wait(), 5)


async def stalls_at_once(write: Write, _: web.Request) -> None:
    await hang()


async def only_comments(write: Write, _: web.Request) -> None:
    while True:
        await write(COMMENT)
        await asyncio.sleep(0.01)


async def only_a_role(write: Write, _: web.Request) -> None:
    await write(events(HELLO[0], done=False))
    await hang()


async def stalls_after_a_piece(write: Write, _: web.Request) -> None:
    await write(PIECE)
    await hang()


async def comments_after_a_piece(write: Write, request: web.Request) -> None:
    await write(PIECE)
    await only_comments(write, request)


async def drips(write: Write, _: web.Request) -> None:
    while True:
        await write(PIECE)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "limits", "kind", "heard"),
    [
        (stalls_at_once, CallLimits(10, first_token=0.1), FirstTokenLate, False),
        (only_comments, CallLimits(10, first_token=0.1), FirstTokenLate, False),
        (only_a_role, CallLimits(10, first_token=0.1, between_tokens=9), FirstTokenLate, False),
        (stalls_after_a_piece, CallLimits(10, first_token=5, between_tokens=0.1), StreamStalled, True),
        (comments_after_a_piece, CallLimits(10, first_token=5, between_tokens=0.1), StreamStalled, True),
        (drips, CallLimits(0.6, first_token=5, between_tokens=5), CallTimeout, True),
        (drips, CallLimits(0.6), CallTimeout, True),
        (stalls_at_once, CallLimits(0.1, first_token=5), CallTimeout, False),
        (stalls_after_a_piece, CallLimits(0.6, first_token=5, between_tokens=5), CallTimeout, True),
    ],
)
async def test_each_limit_ends_the_call_on_the_wire(
    serve: Serve, script: Script, limits: CallLimits, kind: type[CallFailed], heard: bool
) -> None:
    server, provider = await serve(script)
    shown: list[str] = []
    progress = progress_of(shown)
    begun = time.monotonic()
    with pytest.raises(CallFailed) as caught:
        await provider.chat(ASK, limits=limits, progress=progress)
    assert type(caught.value) is kind
    assert time.monotonic() - begun < 3
    assert bool(shown) == heard
    if script is stalls_at_once or heard:
        assert progress.opened == heard
    await asyncio.wait_for(server.left.wait(), 5)


async def test_a_call_that_is_cancelled_ends_on_the_wire(serve: Serve) -> None:
    server, provider = await serve(drips)
    shown: list[str] = []
    task = asyncio.create_task(provider.chat(ASK, limits=LONG, progress=progress_of(shown)))
    while len(shown) < 3:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize("kind", [RuntimeError, TimeoutError, ConnectionError])
async def test_what_the_listener_raises_ends_the_call_and_comes_through(serve: Serve, kind: type[Exception]) -> None:
    server, provider = await serve(drips)

    async def refuse(_: str) -> None:
        raise kind("enough")

    with pytest.raises(kind, match="enough"):
        await provider.chat(ASK, limits=LONG, progress=Progress(time.monotonic, refuse))
    await asyncio.wait_for(server.left.wait(), 5)


async def test_a_slow_listener_is_no_stalled_server(serve: Serve) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def script(write: Write, _: web.Request) -> None:
        for one in HELLO[1:]:
            await write(events(one, done=False))
            await heard.get()
        await write(events(STOP))

    _, provider = await serve(script)

    async def slow(piece: str) -> None:
        await asyncio.sleep(0.5)
        heard.put_nowait(piece)

    limits = CallLimits(10, first_token=5, between_tokens=0.4)
    answer = await provider.chat(ASK, limits=limits, progress=Progress(time.monotonic, slow))
    assert answer.text == TEXT


async def test_each_piece_begins_the_wait_anew(serve: Serve) -> None:
    async def script(write: Write, _: web.Request) -> None:
        for _number in range(40):
            await write(PIECE)
            await asyncio.sleep(0.03)
        await write(events(STOP))

    _, provider = await serve(script)
    limits = CallLimits(10, first_token=5, between_tokens=0.4)
    answer = await provider.chat(ASK, limits=limits, progress=progress_of([]))
    assert answer.text == "a" * 40


async def test_a_complete_answer_stands_though_its_usage_never_comes(serve: Serve) -> None:
    async def script(write: Write, _: web.Request) -> None:
        await write(events(*HELLO, STOP, done=False))
        await hang()

    server, provider = await serve(script)
    limits = CallLimits(10, first_token=5, between_tokens=0.1)
    answer = await provider.chat(ASK, limits=limits, progress=progress_of([]))
    assert (answer.text, answer.usage, answer.finish_reason) == (TEXT, None, "stop")
    await asyncio.wait_for(server.left.wait(), 5)


async def test_a_stream_without_end_is_not_read_for_ever(serve: Serve) -> None:
    async def script(write: Write, _: web.Request) -> None:
        while True:
            await write(PIECE * 200)

    server, provider = await serve(script, max_body_bytes=100_000)
    progress = Progress(time.monotonic)
    with pytest.raises(ResponseTooLarge):
        await provider.chat(ASK, limits=LONG, progress=progress)
    assert 0 < sum(map(len, progress.pieces)) < 5_000
    await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize(("before", "kind"), [(b"", Disconnected), (COMMENT, StreamBroken), (PIECE, StreamBroken)])
async def test_a_connection_that_breaks_is_told_as_such(serve: Serve, before: bytes, kind: type[CallFailed]) -> None:
    async def script(write: Write, request: web.Request) -> None:
        if before:
            await write(before)
        assert request.transport is not None
        request.transport.close()

    server, provider = await serve(script)
    with pytest.raises(CallFailed) as caught:
        await provider.chat(ASK, limits=LONG, progress=progress_of([]))
    assert type(caught.value) is kind
    assert len(server.asked) == 1
