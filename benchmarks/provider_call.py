"""CPU-milliseconds of one call to a model, by way of sending it: `python -m benchmarks.provider_call [--json]`.

A server in a process of its own answers after a fixed delay; the client keeps a number of calls in flight on uvloop. CPU
is the client process's alone (user and system), so what the server needs does not count. The ways are taken in turns,
several rounds, and the median is told: on a shared machine single rounds differ.

With `--stream` the answers are streams of so many chunks, a token each, evenly over the delay; then "bare" is reading lines and
parsing their JSON, and nothing else.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import httpx
import orjson
import uvloop
from aiohttp import web
from pydantic import SecretStr

from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.request import Message
from streamguard.providers.contract import CallLimits, ChatRequest, Progress
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.transport import AiohttpTransport

_QUESTION = "My parcel has not arrived and the tracking page says nothing new since Monday. " * 12
_MESSAGES = (Message(role="system", content="You help customers."), Message(role="user", content=_QUESTION))
_BODY = orjson.dumps(
    {"model": "m", "messages": [message.model_dump() for message in _MESSAGES], "max_tokens": 256, "temperature": 0.2}
)
_ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "We look into it and come back to you. " * 20},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 230, "completion_tokens": 180, "total_tokens": 410},
    }
)
_CHUNK = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1694268190,"model":"m","service_tier":"default",'
    b'"system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" parcel"},"logprobs":null,'
    b'"finish_reason":null}],"usage":null,"obfuscation":"Xk29sQ"}\n\n'
)
_END = (
    b'data: {"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
    b'data: {"id":"chatcmpl-1","model":"m","choices":[],"usage":{"prompt_tokens":230,"completion_tokens":200}}\n\n'
    b"data: [DONE]\n\n"
)
_STREAM_BODY = orjson.dumps({**orjson.loads(_BODY), "stream": True})
_HEADERS = {"authorization": "Bearer key", "content-type": "application/json", "x-request-id": "a/b/1/1"}
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=200)

Call = Callable[[], Awaitable[object]]


def serve(ready: Connection, delay: float, chunks: int) -> None:
    """Answer completions after `delay` seconds, or with `chunks` chunks over them, until the process is ended."""

    async def completions(request: web.Request) -> web.StreamResponse:
        if b'"stream":true' not in await request.read():
            await asyncio.sleep(delay)
            return web.Response(body=_ANSWER, content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        # as many writes as tokens, so that they arrive apart as they do from a model
        for _ in range(chunks):
            await response.write(_CHUNK)
            await asyncio.sleep(delay / chunks)
        await response.write(_END)
        return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", completions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(run())


async def ways(url: str, stack: AsyncExitStack) -> dict[str, Call]:
    """The ways of sending the same call, by name."""
    path = f"{url}/v1/chat/completions"
    bare_httpx = await stack.enter_async_context(httpx.AsyncClient(limits=_LIMITS))
    via_aiohttp = await stack.enter_async_context(
        httpx.AsyncClient(transport=AiohttpTransport(max_connections=200, connect_timeout=2.0))
    )
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200), cookie_jar=aiohttp.DummyCookieJar())
    )
    provider = OpenAIProvider(
        OpenAISettings(name="openai", base_url=f"{url}/v1", api_key=SecretStr("key"), max_connections=200)
    )
    stack.push_async_callback(provider.aclose)
    ask = ChatRequest("m", _MESSAGES, 256, "a/b/1/1", "a/b/1/1", temperature=0.2)

    def by_httpx(client: httpx.AsyncClient) -> Call:
        async def call() -> object:
            return orjson.loads((await client.post(path, content=_BODY, headers=_HEADERS)).content)

        return call

    async def by_aiohttp() -> object:
        async with session.post(path, data=_BODY, headers=_HEADERS) as response:
            return orjson.loads(await response.read())

    return {
        "httpx": by_httpx(bare_httpx),
        "httpx over aiohttp": by_httpx(via_aiohttp),
        "aiohttp": by_aiohttp,
        "OpenAIProvider": lambda: provider.chat(ask, limits=CallLimits(total=10)),
    }


async def stream_ways(url: str, stack: AsyncExitStack) -> dict[str, Call]:
    """The ways of sending the same streamed call, by name."""
    path = f"{url}/v1/chat/completions"
    bare_httpx = await stack.enter_async_context(httpx.AsyncClient(limits=_LIMITS))
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200), cookie_jar=aiohttp.DummyCookieJar())
    )
    provider = OpenAIProvider(
        OpenAISettings(name="openai", base_url=f"{url}/v1", api_key=SecretStr("key"), max_connections=200)
    )
    stack.push_async_callback(provider.aclose)
    ask = ChatRequest("m", _MESSAGES, 256, "a/b/1/1", "a/b/1/1", temperature=0.2)
    limits = CallLimits(total=30, first_token=30, between_tokens=30)

    def text_of(line: bytes) -> str:
        choices = orjson.loads(line[6:])["choices"]
        return (choices[0]["delta"].get("content") or "") if choices else ""

    async def by_httpx() -> object:
        async with bare_httpx.stream("POST", path, content=_STREAM_BODY, headers=_HEADERS) as response:
            lines = [line async for line in response.aiter_lines()]
        return "".join(text_of(line.encode()) for line in lines if line.startswith("data: {"))

    async def by_aiohttp() -> object:
        async with session.post(path, data=_STREAM_BODY, headers=_HEADERS) as response:
            lines = [line async for line in response.content]
        return "".join(text_of(line) for line in lines if line.startswith(b"data: {"))

    async def hear(_: str) -> None:
        pass

    return {
        "httpx": by_httpx,
        "aiohttp": by_aiohttp,
        "OpenAIProvider": lambda: provider.chat(ask, limits=limits, progress=Progress(time.monotonic, hear)),
    }


async def spend(call: Call, calls: int, in_flight: int) -> float:
    """CPU-milliseconds of this process for each of `calls` calls, `in_flight` at once."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    before = _cpu()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (_cpu() - before) / calls * 1000


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(url: str, calls: int, in_flight: int, rounds: int, *, stream: bool) -> dict[str, float]:
    """The median over `rounds` of CPU-milliseconds a call, by way."""
    async with AsyncExitStack() as stack:
        all_ways = await (stream_ways if stream else ways)(url, stack)
        seen: dict[str, list[float]] = {name: [] for name in all_ways}
        for call in all_ways.values():
            await spend(call, in_flight * 2, in_flight)
        for _ in range(rounds):
            for name, call in all_ways.items():
                seen[name].append(await spend(call, calls, in_flight))
    return {name: round(statistics.median(values), 3) for name, values in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="a way and round")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds until the server answers")
    parser.add_argument("--stream", type=int, default=0, metavar="CHUNKS", help="streams of so many chunks")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(there, given.delay, given.stream), daemon=True)
    server.start()
    try:
        run: Coroutine[Any, Any, dict[str, float]] = measure(
            f"http://127.0.0.1:{here.recv()}", given.calls, given.in_flight, given.rounds, stream=given.stream > 0
        )
        results = uvloop.run(run)
    finally:
        server.terminate()
        server.join()
    if given.json:
        print(orjson.dumps({"in_flight": given.in_flight, "cpu_ms_a_call": results}).decode())
    else:
        for name, value in results.items():
            print(f"{name:20} {value:6.3f} CPU-ms a call")


if __name__ == "__main__":
    main()
