"""The simulator for tests of itself: both APIs asked the same things, and what came read without any provider of ours."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from streamguard.clock import Clock
from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings

SYSTEM = "You are the support desk."
QUESTION = "My order 77 did not arrive. Write to [EMAIL_1], please."


@dataclass(frozen=True)
class Api:
    """How one API is asked, and what its pieces look like."""

    path: str
    model: str
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def body(self, question: str = QUESTION, **more: Any) -> dict[str, Any]:
        """The question, with the API's own fields in `more`."""
        if self is OPENAI:
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
            return {"model": self.model, "messages": messages, "stream_options": {"include_usage": True}, **more}
        messages = [{"role": "user", "content": question}]
        return {"model": self.model, "system": SYSTEM, "messages": messages, "max_tokens": 500, **more}

    def text(self, events: list[dict[str, Any]]) -> str:
        """All that a stream brought and is charged for: text, and arguments of tools."""
        return "".join(_openai_piece(event) if self is OPENAI else _anthropic_piece(event) for event in events)


OPENAI = Api("/openai/v1/chat/completions", "gpt-4o-mini")
ANTHROPIC = Api("/anthropic/v1/messages", "claude-3-5-haiku-latest", {"anthropic-version": "2023-06-01"})


@dataclass
class Heard:
    """What came of a call: `ended` tells whether it ended as HTTP wants it."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The data of the events that can be read."""
        read: list[dict[str, Any]] = []
        for block in self.body.decode().split("\n\n"):
            data = next((line[6:] for line in block.split("\n") if line.startswith("data: ")), "")
            with suppress(orjson.JSONDecodeError):
                read.append(orjson.loads(data))
        return read


class Client:
    """Asks a simulator, and reads its books."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    async def ask(
        self, api: Api, body: dict[str, Any], *, key: str | None = None, most: int = 1 << 30, seconds: float = 5.0
    ) -> Heard:
        """What came until the end, or until `most` bytes, or until `seconds` were over."""
        heard = Heard()
        headers = api.headers | ({"Idempotency-Key": key} if key is not None else {})
        with suppress(httpx.TransportError, TimeoutError):
            async with (
                asyncio.timeout(seconds),
                self.http.stream("POST", api.path, json=body, headers=headers) as response,
            ):
                heard.status, heard.headers = response.status_code, response.headers
                async for chunk in response.aiter_raw():
                    heard.body += chunk
                    if len(heard.body) >= most:
                        return heard
                heard.ended = True
        return heard

    async def under_way(self, calls: int, *, ended: int = 0) -> None:
        """Return once so many calls are, and at least `ended` are over."""
        async with asyncio.timeout(5):
            while True:
                report = self.simulator.ledger.report(detail=False)
                if report["in_flight"] == calls and report["calls"] >= ended:
                    return
                await asyncio.sleep(0.005)

    async def last_call(self) -> dict[str, Any]:
        """The last call's entry, once no call is under way."""
        await self.under_way(0)
        return self.simulator.ledger.report(detail=True)["detail"][-1]


@asynccontextmanager
async def simulated(
    *faults: Fault, times: int | None = None, clock: Clock | None = None, **settings: Any
) -> AsyncGenerator[Client]:
    """A simulator without latency whose calls all (or the first `times`) meet the fault, if one is given."""
    rules = tuple(FaultRule(rates={fault: 1.0}, times=times) for fault in faults)
    given: dict[str, Any] = {"latency": Latency(0.0), "faults": rules} | settings
    async with (
        Simulator(SimulatorSettings(**given), clock=clock) as simulator,
        httpx.AsyncClient(base_url=simulator.url, timeout=5.0, trust_env=False) as http,
    ):
        yield Client(simulator, http)


def _openai_piece(event: dict[str, Any]) -> str:
    if not event.get("choices"):
        return ""
    delta = event["choices"][0]["delta"]
    calls = delta.get("tool_calls") or []
    return (delta.get("content") or "") + "".join(call["function"]["arguments"] for call in calls)


def _anthropic_piece(event: dict[str, Any]) -> str:
    delta = event.get("delta", {})
    return delta.get("text", "") + delta.get("partial_json", "")
