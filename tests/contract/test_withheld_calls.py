"""A call whose leave ends while its connection is made sends nothing: who was frozen meanwhile may not be the one to call."""

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest

from streamguard.clock import SystemClock
from streamguard.config import OpenAIProvider as Settings
from streamguard.events.request import Message
from streamguard.providers.contract import CallLimits, ChatRequest, Progress
from streamguard.providers.errors import Withheld
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.transport import LEAVE, AiohttpTransport, SendingWithheld

ASK = ChatRequest("m", (Message(role="user", content="hello"),), 5, "key", "call")
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}'


class Server:
    """Counts connections, and the bytes that came over them."""

    def __init__(self) -> None:
        self.connections = self.taken = 0
        self.connected = asyncio.Event()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected.set()
        try:
            while data := await reader.read(65536):
                self.taken += len(data)
                if data.endswith(b"}"):
                    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    writer.write(head % len(ANSWER) + ANSWER)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    counting = Server()
    listening = await asyncio.start_server(counting.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    counting.address = f"http://{host}:{port}/v1"
    async with listening:
        yield counting
        listening.close()


def provider(server: Server) -> OpenAIProvider:
    return OpenAIProvider(Settings(name="x", base_url=server.address), clock=SystemClock())


@pytest.mark.parametrize("streams", [False, True])
async def test_nothing_goes_out_without_leave(server: Server, streams: bool) -> None:
    models = provider(server)
    progress = Progress(SystemClock().monotonic) if streams else None
    with pytest.raises(Withheld):
        await models.chat(ASK, limits=CallLimits(5.0, leave=lambda: False), progress=progress)
    await asyncio.wait_for(server.connected.wait(), 5)
    await models.aclose()
    assert (server.connections, server.taken) == (1, 0)


async def test_leave_is_asked_when_the_connection_is_there_and_once_a_call(server: Server) -> None:
    asked: list[int] = []
    models = provider(server)
    leave = lambda: asked.append(server.connections) is None  # noqa: E731 -- what it notes is all that it does
    for _ in range(3):
        assert (await models.chat(ASK, limits=CallLimits(5.0, leave=leave))).text == "ok"
    await models.aclose()
    assert len(asked) == 3
    assert asked[1:] == [1, 1]


async def test_after_a_withheld_call_the_next_one_goes_out_whole(server: Server) -> None:
    models = provider(server)
    with pytest.raises(Withheld):
        await models.chat(ASK, limits=CallLimits(5.0, leave=lambda: False))
    assert (await models.chat(ASK, limits=CallLimits(5.0, leave=lambda: True))).text == "ok"
    await models.aclose()


async def test_headers_do_not_go_out_before_leave_was_asked(server: Server) -> None:
    """A body of any size: aiohttp would send the headers of a large one by themselves."""
    async with AiohttpTransport(max_connections=1, connect_timeout=1.0) as transport:
        for size in (1, 100_000, 1_000_000):
            request = httpx.Request("POST", server.address, content=b"x" * size, extensions={LEAVE: lambda: False})
            with pytest.raises(SendingWithheld):
                await transport.handle_async_request(request)
    assert server.taken == 0
