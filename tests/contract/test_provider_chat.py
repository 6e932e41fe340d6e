"""What every `ChatProvider` owes, over the fake and over the real one against a server on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.events.usage import Usage
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatProvider, ChatRequest
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
from streamguard.providers.fake import FakeProvider
from streamguard.providers.openai import OpenAIProvider

ASK = ChatRequest(
    model="m",
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="Grüße")),
    max_output_tokens=50,
    idempotency_key="t/r/1/1",
    request_id="t/r/1/1.1",
    temperature=0.0,
)
USAGE = Usage(input_tokens=7, output_tokens=3)
ANSWER = ChatAnswer("hello", USAGE, "stop", "id-1", "m-1")


def completion(text: str = "hello") -> bytes:
    return orjson.dumps(
        {
            "id": "id-1",
            "model": "m-1",
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
    )


class Server:
    """Answers with what it is told to; keeps what it was asked, and notices callers that leave."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = completion()
        self.behaviour = "answer"
        self.asked: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.left = asyncio.Event()
        self.queries: list[dict[str, str]] = []
        self.connections: set[int] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(id(request.transport))
        self.queries.append(dict(request.query))
        self.asked.append((orjson.loads(await request.read()), {k.lower(): v for k, v in request.headers.items()}))
        if self.behaviour == "hang":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.left.set()
                raise
        if self.behaviour == "close":
            request.transport.close()
        if self.behaviour in ("cut", "stall"):
            response = web.StreamResponse(status=self.status, headers={"Content-Length": str(len(self.body))})
            await response.prepare(request)
            await response.write(self.body[:10])
            if self.behaviour == "stall":
                await asyncio.sleep(30)
            request.transport.close()
            return response
        return web.Response(status=self.status, body=self.body, headers=self.headers, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}/v1/"
    await runner.cleanup()


def real(url: str, **how: Any) -> OpenAIProvider:
    how = {"name": "openai", "api_key": SecretStr("sk-1"), **how}
    bounds = {"max_body_bytes": how.pop("max_body_bytes")} if "max_body_bytes" in how else {}
    return OpenAIProvider(OpenAISettings(base_url=url, **how), **bounds)


class Prepared(Protocol):
    """Makes a provider whose next call behaves in a way: `answer`, `hang`, or an error."""

    def __call__(self, behaviour: ChatAnswer | CallFailed | float) -> ChatProvider: ...


@pytest.fixture(params=["fake", "real"])
async def prepared(request: pytest.FixtureRequest, server: tuple[Server, str]) -> AsyncIterator[Prepared]:
    told, url = server
    async with AsyncExitStack() as stack:

        def prepare(behaviour: ChatAnswer | CallFailed | float) -> ChatProvider:
            if request.param == "fake":
                return FakeProvider(behaviour)
            if isinstance(behaviour, float):
                told.behaviour = "hang"
            elif isinstance(behaviour, EmptyAnswer):
                told.body = completion("")
            elif isinstance(behaviour, CallFailed):
                told.status = behaviour.status or 500
                told.headers = {} if behaviour.retry_after is None else {"Retry-After": str(behaviour.retry_after)}
            provider = real(url)
            stack.push_async_callback(provider.aclose)
            return provider

        yield prepare


async def test_an_answer_comes_whole(prepared: Prepared) -> None:
    assert await prepared(ANSWER).chat(ASK, limits=CallLimits(5)) == ANSWER


@pytest.mark.parametrize(
    "error",
    [
        RateLimited(status=429, retry_after=2.0),
        RateLimited(status=429),
        ServerFailed(status=503),
        Refused(status=400),
        NotAuthorized(status=401),
        EmptyAnswer(status=200, usage=USAGE),
    ],
)
async def test_a_failure_is_one_of_the_kinds(prepared: Prepared, error: CallFailed) -> None:
    with pytest.raises(type(error)) as caught:
        await prepared(error).chat(ASK, limits=CallLimits(5))
    assert (caught.value.status, caught.value.retry_after) == (error.status, error.retry_after)
    if isinstance(caught.value, EmptyAnswer):
        assert caught.value.usage == USAGE


async def test_a_slow_answer_is_a_timeout(prepared: Prepared) -> None:
    with pytest.raises(CallTimeout):
        await prepared(60.0).chat(ASK, limits=CallLimits(0.05))


async def test_closing_twice_is_closing_once(prepared: Prepared) -> None:
    provider = prepared(ANSWER)
    await provider.chat(ASK, limits=CallLimits(5))
    await provider.aclose()
    await provider.aclose()


async def test_what_goes_over_the_wire(server: tuple[Server, str]) -> None:
    told, url = server
    provider = real(url)
    form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(name="ticket", schema={"type": "object"}))
    asks = [
        ASK,
        ChatRequest("m", ASK.messages, 50, "k", "r", response_format=form),
        ChatRequest("m", ASK.messages, 50, "k", "r", response_format=ResponseFormat(type="json_object")),
        ChatRequest("m", ASK.messages, 50, "k", "r", response_format=ResponseFormat()),
    ]
    for ask in asks:
        await provider.chat(ask, limits=CallLimits(5))
    await provider.aclose()
    body, headers = told.asked[0]
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße"}],
        "max_completion_tokens": 50,
        "temperature": 0.0,
    }
    assert headers["authorization"] == "Bearer sk-1"
    assert headers["content-type"] == "application/json"
    assert (headers["idempotency-key"], headers["x-request-id"]) == ("t/r/1/1", "t/r/1/1.1")
    assert told.asked[1][0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "ticket", "schema": {"type": "object"}, "strict": False},
    }
    assert told.asked[2][0]["response_format"] == {"type": "json_object"}
    assert "response_format" not in told.asked[3][0]
    assert len(told.connections) == 1


async def test_azure_is_asked_by_its_own_header_and_query(server: tuple[Server, str]) -> None:
    told, url = server
    provider = real(
        url,
        name="azure.ai.openai",
        key_header="api-key",
        query={"api-version": "2024-10-21", "other": "a b&c"},
        headers={"X-Team": "support"},
    )
    await provider.chat(ASK, limits=CallLimits(5))
    await provider.aclose()
    _, headers = told.asked[0]
    assert headers["api-key"] == "sk-1"
    assert "authorization" not in headers
    assert headers["x-team"] == "support"
    assert told.queries == [{"api-version": "2024-10-21", "other": "a b&c"}]


async def test_an_error_whose_body_never_ends_is_that_error_soon(server: tuple[Server, str]) -> None:
    told, url = server
    told.behaviour, told.status = "stall", 503
    provider = real(url)
    with pytest.raises(ServerFailed) as caught:
        await asyncio.wait_for(provider.chat(ASK, limits=CallLimits(20)), 5)
    await provider.aclose()
    assert caught.value.status == 503


async def test_a_call_that_is_given_up_ends_on_the_wire(server: tuple[Server, str]) -> None:
    told, url = server
    told.behaviour = "hang"
    provider = real(url)
    with pytest.raises(CallTimeout):
        await provider.chat(ASK, limits=CallLimits(0.05))
    await asyncio.wait_for(told.left.wait(), 5)
    told.left.clear()
    task = asyncio.create_task(provider.chat(ASK, limits=CallLimits(30)))
    while len(told.asked) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(told.left.wait(), 5)
    await provider.aclose()


@pytest.mark.parametrize(
    ("behaviour", "kind"), [("close", Disconnected), ("cut", Disconnected), ("stall", CallTimeout)]
)
async def test_a_connection_that_breaks_is_told_as_such(
    server: tuple[Server, str], behaviour: str, kind: type[CallFailed]
) -> None:
    told, url = server
    told.behaviour = behaviour
    provider = real(url)
    with pytest.raises(kind):
        await provider.chat(ASK, limits=CallLimits(0.3))
    # nobody asks twice behind our back: a second call would be a second bill
    assert len(told.asked) == 1
    told.behaviour = "answer"
    assert (await provider.chat(ASK, limits=CallLimits(5))).text == "hello"
    await provider.aclose()


async def test_where_nobody_listens_nothing_is_sent(unused_port: int) -> None:
    provider = real(f"http://127.0.0.1:{unused_port}/v1")
    with pytest.raises(ConnectFailed) as caught:
        await provider.chat(ASK, limits=CallLimits(5))
    assert caught.value.charge == "none"
    await provider.aclose()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_waiting_for_a_free_connection_is_bounded_too(server: tuple[Server, str]) -> None:
    told, url = server
    told.behaviour = "hang"
    provider = real(url, max_connections=1, connect_timeout=0.1)
    first = asyncio.create_task(provider.chat(ASK, limits=CallLimits(0.5)))
    while not told.asked:
        await asyncio.sleep(0.01)
    with pytest.raises(ConnectFailed):
        await provider.chat(ASK, limits=CallLimits(5))
    with pytest.raises(CallTimeout):
        await first
    await provider.aclose()


async def test_a_body_beyond_the_bound_is_not_read_to_its_end(server: tuple[Server, str]) -> None:
    told, url = server
    told.body = completion("x" * 3_000_000)
    provider = real(url, max_body_bytes=1_000_000)
    with pytest.raises(ResponseTooLarge):
        await provider.chat(ASK, limits=CallLimits(5))
    told.body = completion()
    assert (await provider.chat(ASK, limits=CallLimits(5))).text == "hello"
    await provider.aclose()


async def test_an_errors_body_is_neither_kept_nor_quoted(server: tuple[Server, str]) -> None:
    told, url = server
    told.status, told.body = 400, b"the user said Alice" * 100_000
    provider = real(url)
    with pytest.raises(Refused) as caught:
        await provider.chat(ASK, limits=CallLimits(5))
    assert "Alice" not in repr(caught.value)
    told.status, told.body = 200, b"<html>Alice</html>"
    with pytest.raises(InvalidResponse):
        await provider.chat(ASK, limits=CallLimits(5))
    await provider.aclose()


async def test_redirects_are_not_followed(server: tuple[Server, str]) -> None:
    told, url = server
    told.status, told.headers = 307, {"Location": "/v1/chat/completions"}
    provider = real(url)
    with pytest.raises(InvalidResponse):
        await provider.chat(ASK, limits=CallLimits(5))
    assert len(told.asked) == 1
    await provider.aclose()


async def test_servers_other_than_openais_are_asked_by_the_older_name_of_the_cap(server: tuple[Server, str]) -> None:
    told, url = server
    provider = real(url, name="local", api_key=SecretStr(""))
    await provider.chat(ASK, limits=CallLimits(5))
    await provider.aclose()
    body, headers = told.asked[0]
    assert body["max_tokens"] == 50
    assert "authorization" not in headers
