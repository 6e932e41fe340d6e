"""Requests through the whole line, answered by a mock of both vendors' APIs that others wrote: what it says comes back, what it
reports is what is booked, and what it breaks ends as documented."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode
from streamguard.events.reading import ChunkReader
from tests.support.aimock import Aimock
from tests.support.line import SECONDS, Line, broker_with_lines
from tests.support.lying import lying
from tests.support.unavailable import or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

PREFIX = "aimock."
KEY = "sk-1"
MODELS = {"openai": "m-openai", "anthropic": "m-anthropic"}
OTHER = {"openai": "anthropic", "anthropic": "openai"}
PRICES = {"openai": (2500, 10_000), "anthropic": (3000, 15_000)}
"""Nano-dollars for a token asked, and for one answered."""
USAGE = {"prompt_tokens": 31, "completion_tokens": 12, "input_tokens": 31, "output_tokens": 12}
COSTS = {vendor: 31 * asked + 12 * answered for vendor, (asked, answered) in PRICES.items()}
TEXT = "Grüße from a mock that somebody else wrote: 👋 your parcel is in Graz."
INSTEAD = "The other model answers: your parcel is in Linz."
SORTED = '{"category":"delivery","urgency":"low","summary":"A parcel is late."}'
QUOTED = "Nepomuk said so"
LOOK_UP = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def says(words: str, response: dict[str, Any], *, when: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    return {"match": {"userMessage": words, **(when or {})}, "response": response, **how}


def _error(status: int) -> dict[str, Any]:
    return {"response": {"error": {"message": QUOTED, "type": "some_error"}, "status": status}}


def _text(**how: Any) -> dict[str, Any]:
    return {"response": {"content": TEXT, "usage": USAGE}, **how}


@dataclass(frozen=True, slots=True)
class Fault:
    """How a model fails, which error its calls are booked with, how often it is asked, and what a whole call costs then."""

    how: dict[str, Any]
    error: str
    calls: int = 2
    cost: int | None = 0


FAULTS = {
    "ill": Fault(_error(503), "server_error"),
    "dropped": Fault(_text(chaos={"dropRate": 1}), "server_error"),
    "locked": Fault(_error(401), "auth", calls=1),
    "wrong": Fault(_error(400), "bad_request", calls=1),
    # it may have been charged, and nobody said so
    "malformed": Fault(_text(chaos={"malformedRate": 1}), "invalid_response", cost=None),
    "disconnected": Fault(_text(chaos={"disconnectRate": 1}), "disconnected", cost=None),
}
CUT = _text(truncateAfterChunks=3, latency=20)
LIMITED = {vendor: f"m-limited-{vendor}" for vendor in MODELS}
"""Models apart, which nobody asks for a while once they have said 429."""

FIXTURES = [
    says("sort first", when={"model": LIMITED["openai"]}, **_error(429)),
    says("sort first", {"content": SORTED, "usage": USAGE}),
    says("sort second", {"content": SORTED, "usage": USAGE}),
    says("sort third", when={"model": LIMITED["anthropic"]}, **_text(chaos={"rateLimitRate": 1})),
    says("say hello", {"content": TEXT, "usage": USAGE}),
    says("look it up", {"content": "It is in Graz.", "usage": USAGE}, when={"hasToolResult": True}),
    says("look it up", {"toolCalls": [{"name": "look_up", "arguments": '{"city":"Graz"}'}], "usage": USAGE}),
    *(
        fixture
        for vendor, model in MODELS.items()
        for name, how in [("cut", CUT), *((name, fault.how) for name, fault in FAULTS.items())]
        for fixture in (
            says(f"{name} at {vendor}", when={"model": model}, **how),
            says(f"{name} at {vendor}", {"content": INSTEAD, "usage": USAGE}),
        )
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, which prefers a vendor."""

    vendor: str
    words: str
    stream: bool

    @property
    def name(self) -> str:
        return f"{self.words.replace(' ', '-')}-{self.vendor}-{'streamed' if self.stream else 'whole'}"

    def request(self, *more: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """OpenAI's model is the first of the route of messages, Anthropic's of those of the prompt `help`."""
        fields: dict[str, Any] = {
            "request_id": self.name,
            "tenant_id": "acme",
            "user_id": self.name,
            "cache": "off",
            "stream": self.stream,
        }
        if self.vendor == "openai":
            fields["messages"] = [{"role": "user", "content": self.words}, *more]
        else:
            fields["prompt"] = {"name": "help", "variables": {"question": self.words}}
        return {**fields, **changes}


@dataclass(frozen=True, slots=True)
class Running:
    line: Line
    brokers: str

    async def ask(self, *requests: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The responses and outcomes of some at once."""
        return list(await asyncio.gather(*(self.line.ask(request) for request in requests)))

    async def shown(self, names: Iterable[str]) -> dict[str, list[Chunk]]:
        """The chunks of each, once the last word was said about all."""
        wanted = set(names)
        async with asyncio.timeout(SECONDS):
            while True:
                chunks: defaultdict[str, list[Chunk]] = defaultdict(list)
                for record in await lying(self.brokers, self.line.topics.full("response-chunks")):
                    chunk = decode(Chunk, record.value, dict(record.headers)["schema"].decode())
                    chunks[chunk.request_id].append(chunk)
                if all(read(chunks[name]).state in ("final", "retracted") for name in wanted):
                    return {name: chunks[name] for name in wanted}


def read(chunks: list[Chunk]) -> ChunkReader:
    reader = ChunkReader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def candidates(models: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"provider": vendor, "model": model, "price": {"input": str(asked / 1000), "output": str(answered / 1000)}}
        for (vendor, model), (asked, answered) in zip(models.items(), PRICES.values(), strict=True)
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running]:
    mock = or_skip(lambda: Aimock(tmp_path_factory.mktemp("aimock"), FIXTURES, KEY))
    settings = {
        "providers": [
            {"kind": vendor, "name": vendor, "base_url": f"{mock.url}/v1", "api_key": KEY} for vendor in MODELS
        ],
        "routes": {
            "default": candidates(MODELS),
            "standard": candidates(MODELS)[::-1],
            "economy": candidates(LIMITED),
        },
        "routing": {"tiers": ["standard"]},
        "invoke": {
            "retries": 1,
            "backoff": 0.05,
            # here most calls fail by intent, and each is to be made
            "breaker": {"failures": 1000, "minimum_calls": 1000},
            "budget": {"per_second": 1000.0},
        },
    }
    try:
        with broker_with_lines(PREFIX) as broker:
            folder = tmp_path_factory.mktemp("line")
            async with Line(broker.address, folder, prefix=PREFIX, embedded=True, settings=settings) as line:
                yield Running(line, broker.address)
    finally:
        mock.stop()


def each(words: str) -> list[Asked]:
    """Both vendors, whole and streamed; `{}` in the words is the vendor."""
    return [Asked(vendor, words.format(vendor), stream) for vendor in MODELS for stream in (False, True)]


async def test_answers_come_back_and_cost_what_was_reported(running: Running) -> None:
    asked = each("say hello")
    ended = await running.ask(*(one.request() for one in asked))
    for one, (response, outcome) in zip(asked, ended, strict=True):
        assert (response["status"], response["output"]) == ("answered", TEXT), one
        assert (response["provider"], response["model"]) == (one.vendor, MODELS[one.vendor])
        assert response["usage"]["input_tokens"] == USAGE["input_tokens"]
        assert response["usage"]["output_tokens"] == USAGE["output_tokens"]
        assert response["cost_nusd"] == outcome["cost_nusd"] == COSTS[one.vendor]
        [call] = outcome["calls"]
        assert (call["status"], call["cost_nusd"], call.get("estimated", False)) == ("ok", COSTS[one.vendor], False)
        assert call.get("streamed", False) is one.stream
    shown = await running.shown(one.name for one in asked if one.stream)
    assert {read(chunks).text for chunks in shown.values()} == {TEXT}


async def test_a_tool_is_called_and_its_result_answered(running: Running) -> None:
    asked = each("look it up")
    ended = await running.ask(*(one.request(tools=[LOOK_UP]) for one in asked))
    for one, (response, outcome) in zip(asked, ended, strict=True):
        [call] = response["tool_calls"]
        assert call["function"] == {"name": "look_up", "arguments": '{"city":"Graz"}'}, one
        assert (outcome["finish_reason"], outcome["cost_nusd"]) == ("tool_calls", COSTS[one.vendor])
    one, (response, _) = next((one, end) for one, end in zip(asked, ended, strict=True) if one.vendor == "openai")
    [call] = response["tool_calls"]
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    found = {"role": "tool", "tool_call_id": call["id"], "content": "Graz"}
    [(answer, _)] = await running.ask(one.request(said, found, tools=[LOOK_UP], request_id="found"))
    assert (answer["status"], answer["output"]) == ("answered", "It is in Graz.")


async def test_what_one_model_fails_at_another_answers(running: Running) -> None:
    asked = [(fault, one) for name, fault in FAULTS.items() for one in each(name + " at {}")]
    ended = await running.ask(*(one.request() for _, one in asked))
    for (fault, one), (response, outcome) in zip(asked, ended, strict=True):
        assert (response["status"], response["degraded"], response["output"]) == ("answered", "fallback", INSTEAD), one
        *failed, last = outcome["calls"]
        assert [(call["provider"], call.get("error")) for call in failed] == [(one.vendor, fault.error)] * fault.calls
        assert (last["provider"], last["kind"], last["status"]) == (OTHER[one.vendor], "fallback", "ok")
        if fault.error == "invalid_response" and one.stream:  # a body with status 200 is booked at its input
            assert all(call["estimated"] and call["cost_nusd"] > 0 for call in failed)
        else:
            assert {call.get("cost_nusd") for call in failed} == {fault.cost}
        assert response["cost_nusd"] == sum(call.get("cost_nusd") or 0 for call in outcome["calls"])
        assert last["cost_nusd"] == COSTS[OTHER[one.vendor]]
        assert QUOTED not in str((response, outcome))
    shown = await running.shown(one.name for _, one in asked if one.stream)
    assert {read(chunks).text for chunks in shown.values()} == {INSTEAD}


async def test_a_stream_that_breaks_off_begins_anew(running: Running) -> None:
    asked = each("cut at {}")
    ended = await running.ask(*(one.request() for one in asked))
    for one, (response, outcome) in zip(asked, ended, strict=True):
        errors = [call.get("error") for call in outcome["calls"]]
        if one.stream:
            assert (response["output"], errors[0], errors[-1]) == (INSTEAD, "stream_broken", None), one
            assert outcome["calls"][0]["estimated"]
        else:
            assert (response["output"], errors) == (TEXT, [None]), one
    shown = await running.shown(one.name for one in asked if one.stream)
    assert {read(chunks).text for chunks in shown.values()} == {INSTEAD}


async def test_a_model_that_says_429_is_left_alone_for_as_long_as_it_says(running: Running) -> None:
    async def sort(words: str) -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
        question = {"name": "classify", "variables": {"question": f"sort {words}"}}
        request = {"request_id": words, "tenant_id": "acme", "user_id": "sorter", "cache": "off", "prompt": question}
        [(response, outcome)] = await running.ask(request)
        return response, [(call["provider"], call.get("error")) for call in outcome["calls"]]

    response, calls = await sort("first")
    assert (response["output"], response["cost_nusd"]) == (SORTED, COSTS["anthropic"])
    assert (calls[0], calls[-1]) == (("openai", "rate_limited"), ("anthropic", None))
    response, calls = await sort("second")  # its headers have said: no tokens for six minutes
    assert (response["output"], calls) == (SORTED, [("openai", "saturated"), ("anthropic", None)])
    response, calls = await sort("third")  # and a prompt without a static text
    assert (response["status"], response["reason"], response["cost_nusd"]) == ("failed", "providers_exhausted", 0)
    assert ("anthropic", "rate_limited") in calls
