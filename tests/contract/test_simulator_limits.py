"""A simulated provider that limits what it takes, is flaky for a while, or streams at a speed."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from streamguard.clock import FakeClock
from streamguard.dev.simulator import Fault, Latency, LimitRule, Simulator, SimulatorSettings
from tests.support.simulated import ANTHROPIC, OPENAI, Api, Client, simulated

FEW = LimitRule(model=OPENAI.model, requests_per_minute=120, tokens_per_minute=60_000, burst_seconds=1.0)


async def test_openai_tells_what_is_left_and_refuses_what_is_too_much() -> None:
    async with simulated(limits=(FEW,), clock=FakeClock()) as client:
        first, second, third = [await client.ask(OPENAI, OPENAI.body()) for _ in range(3)]
        refused = await client.last_call()
        other = await client.ask(OPENAI, OPENAI.body() | {"model": "gpt-4o"})
    assert [heard.status for heard in (first, second, third, other)] == [200, 200, 429, 200]
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-limit-tokens"] == "1000"
    used = first.json["usage"]["total_tokens"]
    assert int(first.headers["x-ratelimit-remaining-tokens"]) == 1000 - used
    assert first.headers["x-ratelimit-reset-requests"] == "500ms"
    assert third.json["error"]["code"] == "rate_limit_exceeded"
    assert third.headers["Retry-After"] == "1"
    assert third.headers["Retry-After-Ms"] == "500"
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert (refused["status"], refused["cost_nusd"], refused["fault"]) == (429, 0, None)
    assert "x-ratelimit-limit-requests" not in other.headers


async def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = FakeClock()
    async with simulated(limits=(FEW,), clock=clock) as client:
        refused = [await client.ask(OPENAI, OPENAI.body()) for _ in range(3)][-1]
        clock.advance(int(refused.headers["Retry-After-Ms"]) / 1000 - 0.01)
        assert (await client.ask(OPENAI, OPENAI.body(stream=True))).status == 429
        clock.advance(0.01)
        assert (await client.ask(OPENAI, OPENAI.body(stream=True))).status == 200


async def test_anthropic_tells_it_in_its_own_words() -> None:
    rule = LimitRule(requests_per_minute=1, tokens_per_minute=100_000)
    async with simulated(limits=(rule,), clock=FakeClock()) as client:
        good, refused = [await client.ask(ANTHROPIC, ANTHROPIC.body()) for _ in range(2)]
    assert (good.status, refused.status, refused.json["error"]["type"]) == (200, 429, "rate_limit_error")
    for name in ("requests", "tokens"):
        for heard in (good, refused):
            assert int(heard.headers[f"anthropic-ratelimit-{name}-limit"]) > 0
            assert int(heard.headers[f"anthropic-ratelimit-{name}-remaining"]) >= 0
            reset = datetime.fromisoformat(heard.headers[f"anthropic-ratelimit-{name}-reset"])
            assert reset.utcoffset() is not None
    assert refused.headers["retry-after"] == "60"


@pytest.mark.parametrize("api", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
async def test_only_so_many_calls_at_once(api: Api) -> None:
    async with simulated(Fault.HANG, times=2, limits=(LimitRule(max_concurrency=2),)) as client:
        hanging = [asyncio.create_task(client.ask(api, api.body(f"{number}?"))) for number in range(2)]
        await client.under_way(2)
        refused = [await client.ask(api, api.body()) for _ in range(3)]
        assert [(one.status, one.headers["Retry-After"]) for one in refused] == [(429, "1")] * 3
        hanging[0].cancel()  # who leaves makes room
        await client.under_way(1)
        assert [(await client.ask(api, api.body())).status for _ in range(3)] == [200] * 3
        hanging[1].cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_limits_are_set_at_run_time() -> None:
    async with simulated() as client:
        rule: dict[str, Any] = {"provider": "openai", "requests_per_minute": 1}
        told = await client.http.post("/_sim/limits", json={"rules": [rule]})
        assert told.json()["rules"][0]["requests_per_minute"] == 1
        statuses = [(await client.ask(OPENAI, OPENAI.body())).status for _ in range(2)]
        await client.http.post("/_sim/limits", json={"rules": []})
        statuses.append((await client.ask(OPENAI, OPENAI.body())).status)
        assert statuses == [200, 429, 200]
        for wrong in ({"rules": 1}, {"rules": [{"calls": 1}]}, {"rules": [{"max_concurrency": 0}]}):
            assert (await client.http.post("/_sim/limits", json=wrong)).status_code == 400


async def test_a_provider_is_flaky_for_a_while() -> None:
    async def failed(client: Client) -> int:
        asked = [await client.ask(OPENAI, OPENAI.body(f"{number}?")) for number in range(60)]
        return sum(heard.status == 500 for heard in asked)

    async with simulated() as client:
        flaky = {"provider": "openai", "rates": {"server_error": 0.3}, "seconds": 60}
        told = await client.http.post("/_sim/flaky", json=flaky)
        assert told.json()["flaky"] == [
            {"provider": "openai", "model": "*", "rates": {"server_error": 0.3}, "times": None}
        ]
        assert 5 <= await failed(client) <= 32
        await client.http.delete("/_sim/outage")
        assert await failed(client) == 0
        for wrong in (
            {"rates": {"hang": 2}, "seconds": 1},
            {"rates": {"hang": 1}},
            {"rates": {"meteor": 1}, "seconds": 1},
        ):
            assert (await client.http.post("/_sim/flaky", json=wrong)).status_code == 400


async def slept(**settings: Any) -> list[float]:
    clock = FakeClock()
    async with Simulator(SimulatorSettings(**settings), clock=clock) as simulator, simulated() as client:
        client.http.base_url = simulator.url
        assert (await client.ask(OPENAI, OPENAI.body(stream=True))).ended
    return clock.slept


async def test_streams_come_at_the_speed_that_is_set_and_without_latency_nobody_sleeps() -> None:
    assert await slept(latency=Latency(0.0)) == []
    first, *others = await slept(latency=Latency(1_000))
    assert first == 0.5
    assert sum(others) == pytest.approx(0.5, rel=0.2)
    first, *others = await slept(latency=Latency(1_000), first_token_ms=80, per_chunk_ms=20)
    assert first == 0.08
    assert len(others) > 3
    assert set(others) == {0.02}
