"""The ways of making the same call to a model, from bare HTTP to the whole stage, and the server that they call."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import httpx
import orjson
import uvloop
from aiohttp import web
from pydantic import SecretStr

from streamguard.analytics.prices import GenaiPrices
from streamguard.checks.chain import Chains, OutputChain, content_key
from streamguard.checks.policy import load as load_policy
from streamguard.checks.text.tokens import count_tokens
from streamguard.clock import Clock, SystemClock
from streamguard.config import BatchLane, Breaker, Candidate, Concurrency, RetryBudget, Routing
from streamguard.config import Invoke as InvokeSettings
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.chunk import Chunk
from streamguard.events.request import Message, RequestHead
from streamguard.events.stages import Ask, Invocation, PromptUsed, Reservation
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.contract import CallLimits, ChatProvider, ChatRequest, Progress
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.prices import ConfiguredPrices
from streamguard.providers.question import Question
from streamguard.providers.routing import Router
from streamguard.providers.transport import AiohttpTransport
from streamguard.providers.turns import Turns
from streamguard.stages.cancelling import Cancellations
from streamguard.stages.chunks import Stored
from streamguard.stages.contract import Event
from streamguard.stages.invoke import Invoke
from streamguard.stages.showing import Showing, Showings

Call = Callable[[], Awaitable[object]]

_QUESTION = "My parcel has not arrived and the tracking page says nothing new since Monday. " * 12
_MESSAGES = (Message(role="system", content="You help customers."), Message(role="user", content=_QUESTION))
_TEXT = (
    "Thank you for your message. The parcel has left our warehouse and is with the carrier since Tuesday morning. Deliveries "
    "usually arrive within two working days after that. If it has not come by then, we send a new one without cost, and you "
    "need do nothing. Anything else?"
)
_WORDS = _TEXT.split(" ")
"""Each a token, about."""
_USAGE = {"prompt_tokens": 230, "completion_tokens": 60, "total_tokens": 290}
_ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
)
_PLAIN = {
    "model": "gpt-4o",
    "messages": [{"role": one.role, "content": one.content} for one in _MESSAGES],
    "max_tokens": 256,
    "temperature": 0.2,
}
_BODY = orjson.dumps(_PLAIN)
_STREAM_BODY = orjson.dumps({**_PLAIN, "stream": True, "stream_options": {"include_usage": True}})
_HEADERS = {"authorization": "Bearer key", "content-type": "application/json", "x-request-id": "a/b/1/1"}
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=200)
_RESERVATION = Reservation(input_tokens=8_000, output_tokens=256, calls=6)
_END = (
    b'data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
    b'data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[],"usage":%b}\n\n'
    b"data: [DONE]\n\n"
) % orjson.dumps(_USAGE)


def _chunk(number: int) -> bytes:
    """As OpenAI writes one, with all that nobody reads."""
    word = _WORDS[number % len(_WORDS)]
    return (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o",'
        b'"service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":%b},'
        b'"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"Xk29sQ"}\n\n'
    ) % orjson.dumps(f" {word}" if number else word)


def serve(ready: Connection, chunks: int) -> None:
    """Answer completions below `/N` after N milliseconds, or with `chunks` chunks over them, until the process is ended."""
    written = [_chunk(number) for number in range(chunks)]

    async def completions(request: web.Request) -> web.StreamResponse:
        delay = int(request.match_info["delay"]) / 1000
        if b'"stream":true' not in await request.read():
            await asyncio.sleep(delay)
            return web.Response(body=_ANSWER, content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        # as many writes as tokens, so that they arrive apart as they do from a model
        for chunk in written:
            await response.write(chunk)
            await asyncio.sleep(delay / chunks)
        await response.write(_END)
        return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/{delay}/v1/chat/completions", completions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(run())


async def ways(url: str, stack: AsyncExitStack, *, stream: bool) -> dict[str, Call]:
    """The ways by name, from the least to the most that is done."""
    bare = await _bare(f"{url}/v1/chat/completions", stack, stream=stream)
    clock = SystemClock()
    provider = OpenAIProvider(
        OpenAISettings(name="openai", base_url=f"{url}/v1", api_key=SecretStr("key"), max_connections=200), clock=clock
    )
    stack.push_async_callback(provider.aclose)
    request = ChatRequest("gpt-4o", _MESSAGES, 256, "a/b/1/1", "a/b/1/1", temperature=0.2)
    limits = CallLimits(total=30, first_token=30, between_tokens=30) if stream else CallLimits(total=30)

    async def hear(_: str) -> None:
        pass

    def by_provider() -> Awaitable[object]:
        return provider.chat(request, limits=limits, progress=Progress(time.monotonic, hear) if stream else None)

    invoker = _invoker(provider, clock)
    ask = Ask(messages=_MESSAGES, route="default", max_output_tokens=256, temperature=0.2)

    def by_invoker() -> Awaitable[object]:
        return invoker.ask(
            Question(
                ask,
                call_id_base="a/b/1",
                reservation=_RESERVATION,
                input_tokens=230,
                audience=_Nobody() if stream else None,
                stop=asyncio.Event(),
            )
        )

    chains = Chains(OutputChain, load_policy(None), content_key(b"benchmark"))
    numbers = count()

    def by_stage(showings: Showings) -> Call:
        stage = Invoke(invoker, showings, Cancellations(clock), clock)
        return lambda: stage.run(_event(ask, next(numbers), stream=stream), None)

    unseen = {"stage": by_stage(_Unseen(chains, _Writer(), clock) if stream else Showings(chains, _Writer(), clock))}
    shown = {"stage, shown": by_stage(Showings(chains, _Writer(), clock))} if stream else {}
    return {**bare, "provider": by_provider, "invoker": by_invoker, **unseen, **shown}


async def _bare(path: str, stack: AsyncExitStack, *, stream: bool) -> dict[str, Call]:
    clients = {"httpx": await stack.enter_async_context(httpx.AsyncClient(limits=_LIMITS, trust_env=False))}
    over = AiohttpTransport(max_connections=200, connect_timeout=2.0)
    clients["httpx over aiohttp"] = await stack.enter_async_context(httpx.AsyncClient(transport=over, trust_env=False))
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200), cookie_jar=aiohttp.DummyCookieJar())
    )

    def by_httpx(client: httpx.AsyncClient) -> Call:
        async def whole() -> object:
            return orjson.loads((await client.post(path, content=_BODY, headers=_HEADERS)).content)

        async def streamed() -> object:
            async with client.stream("POST", path, content=_STREAM_BODY, headers=_HEADERS) as response:
                lines = [line async for line in response.aiter_lines()]
            return "".join(_text_of(line.encode()) for line in lines if line.startswith("data: {"))

        return streamed if stream else whole

    async def whole() -> object:
        async with session.post(path, data=_BODY, headers=_HEADERS) as response:
            return orjson.loads(await response.read())

    async def streamed() -> object:
        async with session.post(path, data=_STREAM_BODY, headers=_HEADERS) as response:
            lines = [line async for line in response.content]
        return "".join(_text_of(line) for line in lines if line.startswith(b"data: {"))

    made = {name: by_httpx(client) for name, client in clients.items()}
    return {**made, "aiohttp": streamed if stream else whole}


def _text_of(line: bytes) -> str:
    choices = orjson.loads(line[6:])["choices"]
    return (choices[0]["delta"].get("content") or "") if choices else ""


def _invoker(provider: ChatProvider, clock: Clock) -> Invoker:
    """As the worker builds it."""
    routes = {"default": (Candidate(provider="openai", model="gpt-4o", timeout=20.0),)}
    return Invoker(
        router=Router(routes, Routing()),
        providers={"openai": provider},
        prices=ConfiguredPrices(GenaiPrices(), routes["default"]),
        fleet=Fleet(
            Breakers(Breaker(), clock),
            RetryBudgets(RetryBudget(), clock),
            Turns(Concurrency(), BatchLane(), clock, lambda _: 200),
        ),
        clock=clock,
        rng=random.Random(1),
        settings=InvokeSettings(),
        count=count_tokens,
    )


def _event(ask: Ask, number: int, *, stream: bool) -> Event[Invocation]:
    head = RequestHead(request_id=f"r{number}", tenant_id="acme", user_id="ann", stream=stream)
    invocation = Invocation(
        head=head,
        received_at=1_800_000_000_000_000,
        prompt=PromptUsed(name="chat", version=1),
        ask=ask,
        input_tokens=230,
        fingerprint="f" * 64,
        reservation=_RESERVATION,
        policy_version="1",
    )
    return Event(invocation, head.conversation_key, f"invocations/0/{number}", 0, number, 1_800_000_000_000_000)


class _Writer:
    """Takes every chunk, and has stored it at once."""

    async def write(self, event: Event[Any], chunk: Chunk) -> Stored:
        stored: Stored = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


class _Nobody:
    async def begin(self) -> None: ...

    async def text(self, piece: str) -> None: ...

    async def end(self) -> None: ...


class _Unshown(Showing):
    """Hears the answer as it comes, and shows nothing of it."""

    async def begin(self) -> None: ...

    async def text(self, piece: str) -> None: ...

    async def end(self) -> None: ...


class _Unseen(Showings):
    def of(self, event: Event[Invocation]) -> Showing | None:
        return _Unshown(event, lambda: self._chains.of("chat").stream(), self._writer, self._clock)
