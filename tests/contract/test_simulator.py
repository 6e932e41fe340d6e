"""The simulator as HTTP clients of language models see it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest

from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.dev.simulator.tokens import count, count_messages

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"enum": ["billing", "delivery", "account"]},
        "urgency": {"type": "integer", "minimum": 1, "maximum": 5},
        "reply": {"type": "string", "minLength": 10, "maxLength": 400},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 1, "maxItems": 3},
    },
    "required": ["category", "urgency", "reply", "tags"],
    "additionalProperties": False,
}
QUESTION = "My order 77 did not arrive. Write to [EMAIL_1] or <PHONE_2>, please."


def chat(question: str = QUESTION, model: str = "gpt-4o-mini", **more: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "You are the support desk. The secret word is heron."},
        {"role": "user", "content": question},
    ]
    return {"model": model, "messages": messages, **more}


def as_json(schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "ticket", "schema": schema}}}


@asynccontextmanager
async def running(*rules: FaultRule, seed: int = 0) -> AsyncGenerator[tuple[Simulator, httpx.AsyncClient]]:
    settings = SimulatorSettings(faults=rules, latency=Latency(0.0), seed=seed)
    async with Simulator(settings) as simulator, httpx.AsyncClient(base_url=simulator.url, timeout=5) as client:
        yield simulator, client


def always(fault: Fault, times: int | None = None) -> FaultRule:
    return FaultRule(rates={fault: 1.0}, times=times)


def content(response: httpx.Response) -> str:
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


async def calls(client: httpx.AsyncClient, *, settled: int | None = None) -> dict[str, Any]:
    """The detailed log, once `settled` calls are over."""
    async with asyncio.timeout(5):
        while True:
            report: dict[str, Any] = (await client.get("/_sim/calls?detail=1")).json()
            if settled is None or report["calls"] >= settled:
                return report
            await asyncio.sleep(0.01)


async def test_an_answer_has_openais_form_and_counts_its_tokens() -> None:
    async with running() as (_, client):
        response = await client.post("/v1/chat/completions", json=chat())
    answer = response.json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "gpt-4o-mini"
    assert answer["choices"][0]["finish_reason"] == "stop"
    system = "You are the support desk. The secret word is heron."
    prompt_tokens = count_messages([("system", system), ("user", QUESTION)])
    assert answer["usage"]["prompt_tokens"] == prompt_tokens
    assert answer["usage"]["completion_tokens"] == count(content(response))
    assert answer["usage"]["total_tokens"] == prompt_tokens + count(content(response))
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


async def test_placeholders_of_the_question_come_back_in_the_answer() -> None:
    async with running() as (_, client):
        said = content(await client.post("/v1/chat/completions", json=chat()))
    assert "[EMAIL_1]" in said
    assert "<PHONE_2>" in said


async def test_the_same_seed_says_the_same_and_another_seed_does_not() -> None:
    async def said(seed: int) -> list[str]:
        async with running(seed=seed) as (_, client):
            questions = [f"question {number}" for number in range(10)]
            return [content(await client.post("/v1/chat/completions", json=chat(text))) for text in questions]

    assert await said(1) == await said(1)
    assert await said(1) != await said(2)


async def test_a_stream_joins_to_an_answer_and_ends_with_its_usage() -> None:
    asked = chat(stream=True, stream_options={"include_usage": True})
    async with running() as (_, client):
        response = await client.post("/v1/chat/completions", json=asked)
        report = await calls(client, settled=1)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [orjson.loads(event) for event in events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert "[EMAIL_1]" in text
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == count(text) == report["detail"][0]["output_tokens"]


async def test_an_answer_is_cut_at_the_most_tokens() -> None:
    async with running() as (_, client):
        response = await client.post("/v1/chat/completions", json=chat(max_completion_tokens=7))
    assert response.json()["choices"][0]["finish_reason"] == "length"
    assert response.json()["usage"]["completion_tokens"] == 7


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/anthropic/v1", "/local/v1"])
async def test_each_provider_has_its_path_and_its_own_faults(prefix: str) -> None:
    rule = FaultRule(provider="anthropic", rates={Fault.UNAVAILABLE: 1.0})
    async with running(rule) as (_, client):
        response = await client.post(f"{prefix}/chat/completions", json=chat(model="claude-3-5-haiku-latest"))
    assert response.status_code == (503 if "anthropic" in prefix else 200)


async def test_json_mode_gives_an_instance_of_the_schema() -> None:
    async with running() as (_, client):
        for number in range(20):
            response = await client.post("/v1/chat/completions", json=chat(f"{number} [EMAIL_1]", **as_json()))
            made = orjson.loads(content(response))
            jsonschema_rs.validate(SCHEMA, made)
            assert "[EMAIL_1]" in made["reply"]
        anything = await client.post("/v1/chat/completions", json=chat(response_format={"type": "json_object"}))
    assert isinstance(orjson.loads(content(anything)), dict)


async def test_faults_of_the_form_break_the_form() -> None:
    async with running() as (simulator, client):

        async def said(fault: Fault) -> str:
            simulator.faults.replace([always(fault)])
            return content(await client.post("/v1/chat/completions", json=chat(**as_json())))

        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(await said(Fault.BROKEN_JSON))
        fenced = re.search(r"```json\n(.*)\n```", await said(Fault.FENCED_JSON), re.DOTALL)
        assert fenced is not None
        jsonschema_rs.validate(SCHEMA, orjson.loads(fenced.group(1)))
        assert not jsonschema_rs.is_valid(SCHEMA, orjson.loads(await said(Fault.WRONG_SCHEMA)))
        assert await said(Fault.EMPTY_ANSWER) == ""


async def test_unsafe_answers_on_request() -> None:
    async with running() as (simulator, client):
        simulator.faults.replace([always(Fault.LEAKED_PROMPT)])
        assert "heron" in content(await client.post("/v1/chat/completions", json=chat()))
        simulator.faults.replace([always(Fault.ECHOED_PERSONAL_DATA)])
        assert re.search(r"\w+@mailbox\.example", content(await client.post("/v1/chat/completions", json=chat())))
        simulator.faults.replace([])
        said = content(await client.post("/v1/chat/completions", json=chat()))
    assert "heron" not in said
    assert "@" not in said


async def test_refusals_have_their_status_and_only_one_says_when_to_come_back() -> None:
    async with running() as (simulator, client):

        async def refusal(fault: Fault) -> httpx.Response:
            simulator.faults.replace([always(fault)])
            return await client.post("/v1/chat/completions", json=chat())

        limited = await refusal(Fault.RATE_LIMITED)
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
        assert limited.json()["error"]["code"] == "rate_limit_exceeded"
        silent = await refusal(Fault.RATE_LIMITED_SILENT)
        assert (silent.status_code, silent.headers.get("Retry-After")) == (429, None)
        assert (await refusal(Fault.SERVER_ERROR)).status_code == 500
        assert (await refusal(Fault.UNAVAILABLE)).status_code == 503
        report = await calls(client, settled=4)
    assert report["cost_nusd"] == 0
    assert report["models"][0]["by_status"] == {"429": 2, "500": 1, "503": 1}


async def test_a_reset_and_a_cut_stream_are_unfinished_and_only_the_stream_costs() -> None:
    async with running(always(Fault.RESET, times=1), always(Fault.CUT_STREAM)) as (_, client):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.post("/v1/chat/completions", json=chat())
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/chat/completions", json=chat(stream=True))
        report = await calls(client, settled=2)
    reset, cut = report["detail"]
    assert (reset["finished"], reset["partial"], reset["cost_nusd"]) == (False, False, 0)
    assert (cut["finished"], cut["partial"], cut["cost_nusd"]) == (False, True, report["cost_nusd"])
    assert report["cost_nusd"] > 0


async def test_a_hang_lasts_until_the_caller_leaves_and_is_in_the_books() -> None:
    async with running(always(Fault.HANG)) as (_, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=chat(), timeout=0.1)
        report = await calls(client, settled=1)
    assert (report["detail"][0]["status"], report["detail"][0]["fault"]) == (499, "hang")
    assert report["in_flight"] == 0


async def test_the_books_name_every_call_and_its_exact_cost() -> None:
    headers = {"Idempotency-Key": "key-1", "X-Request-Id": "request-1"}
    async with running() as (_, client):
        mini = await client.post("/openai/v1/chat/completions", json=chat(), headers=headers)
        haiku = await client.post("/anthropic/v1/chat/completions", json=chat(model="claude-3-5-haiku-latest"))
        report = await calls(client, settled=2)
    used, other = mini.json()["usage"], haiku.json()["usage"]
    first, second = report["detail"]
    assert 0 < first.pop("begun_at") <= first.pop("ended_at") <= second["begun_at"] <= second["ended_at"]
    assert first == {
        "seq": 1,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "idempotency_key": "key-1",
        "request_id": "request-1",
        "status": 200,
        "fault": None,
        "input_tokens": used["prompt_tokens"],
        "output_tokens": used["completion_tokens"],
        "cost_nusd": 150 * used["prompt_tokens"] + 600 * used["completion_tokens"],
        "finished": True,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "streamed": False,
        "partial": False,
        "repeated": False,
    }
    assert second["cost_nusd"] == 800 * other["prompt_tokens"] + 4000 * other["completion_tokens"]
    assert report["cost_nusd"] == first["cost_nusd"] + second["cost_nusd"]
    assert [(of["provider"], of["model"], of["finished"]) for of in report["models"]] == [
        ("anthropic", "claude-3-5-haiku-latest", 1),
        ("openai", "gpt-4o-mini", 1),
    ]


async def test_faults_are_set_at_run_time_and_befall_their_share_the_same_way_each_time() -> None:
    async def statuses() -> list[int]:
        async with running(seed=5) as (_, client):
            rules = {"rules": [{"model": "gpt-4o-mini", "rates": {"server_error": 0.3}}]}
            assert (await client.post("/_sim/faults", json=rules)).status_code == 200
            assert (await client.get("/_sim/faults")).json()["rules"][0]["rates"] == {"server_error": 0.3}
            answers = [await client.post("/v1/chat/completions", json=chat(f"question {n}")) for n in range(120)]
            other = await client.post("/v1/chat/completions", json=chat(model="gpt-4o"))
            assert other.status_code == 200
            return [answer.status_code for answer in answers]

    first = await statuses()
    assert first == await statuses()
    assert 18 <= first.count(500) <= 55


async def test_a_retry_rolls_anew() -> None:
    async with running(FaultRule(rates={Fault.UNAVAILABLE: 0.5})) as (_, client):
        statuses = {(await client.post("/v1/chat/completions", json=chat())).status_code for _ in range(20)}
    assert statuses == {200, 503}


async def test_an_outage_takes_a_provider_away_for_a_while() -> None:
    async with running() as (_, client):
        await client.post("/_sim/outage", json={"provider": "openai", "seconds": 0.2})
        down = await client.post("/openai/v1/chat/completions", json=chat())
        up = await client.post("/anthropic/v1/chat/completions", json=chat(model="claude-3-5-haiku-latest"))
        async with asyncio.timeout(5):
            while (await client.get("/_sim/faults")).json()["outages"]:
                await asyncio.sleep(0.02)
        again = await client.post("/openai/v1/chat/completions", json=chat())
    assert (down.status_code, up.status_code, again.status_code) == (503, 200, 200)


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("/_sim/faults", {"rules": [{"rates": {"meteor": 1}}]}, "rate_limited"),
        ("/_sim/faults", {"rules": [{"rates": {"hang": 2}}]}, "between 0 and 1"),
        ("/_sim/faults", {"rules": [{"chance": 1}]}, "'chance'"),
        ("/_sim/outage", {"provider": "openai"}, "seconds"),
        ("/v1/chat/completions", {"model": "gpt-4o"}, "messages"),
        ("/v1/chat/completions", {"messages": []}, "model"),
        ("/v1/chat/completions", chat(response_format={"type": "xml"}), "response_format"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(path: str, body: dict[str, object], names: str) -> None:
    async with running() as (_, client):
        response = await client.post(path, json=body)
    assert response.status_code == 400
    assert names in response.json()["error"]["message"]


async def test_an_unknown_model_is_not_found() -> None:
    async with running() as (_, client):
        response = await client.post("/v1/chat/completions", json=chat(model="gpt-99"))
        listed = await client.get("/openai/v1/models")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert "gpt-4o" in {model["id"] for model in listed.json()["data"]}


async def test_alike_texts_have_alike_embeddings() -> None:
    texts = ["my parcel did not arrive", "my parcel has not arrived", "reset the password now"]
    async with running() as (_, client):
        response = await client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": texts})
        report = await calls(client, settled=1)
    one, near, far = (entry["embedding"] for entry in response.json()["data"])

    def likeness(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert likeness(one, one) == pytest.approx(1.0, abs=1e-5)
    assert likeness(one, near) > likeness(one, far)
    assert report["cost_nusd"] == 20 * response.json()["usage"]["prompt_tokens"]


async def test_moderation_flags_what_it_should() -> None:
    async with running() as (_, client):
        asked = {"model": "omni-moderation-latest", "input": ["where is my parcel", "I will murder them"]}
        results = (await client.post("/v1/moderations", json=asked)).json()["results"]
    assert [result["flagged"] for result in results] == [False, True]
    assert results[1]["categories"]["violence"] is True
