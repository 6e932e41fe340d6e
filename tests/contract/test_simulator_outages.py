"""A provider that is down, one that hangs, and what the books say of the calls that met it."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.dev.simulator.ledger import Tokens

ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where is my parcel?"}]}
PATH = "/v1/chat/completions"


def simulator(*rules: FaultRule, latency_ms: float = 0.0) -> Simulator:
    return Simulator(SimulatorSettings(faults=rules, latency=Latency(latency_ms)))


def client_of(running: Simulator, *, seconds: float = 5.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=running.url, timeout=seconds, trust_env=False)


async def detail(client: httpx.AsyncClient) -> dict[str | None, dict[str, Any]]:
    report = (await client.get("/_sim/calls?detail=1")).json()
    return {call["idempotency_key"]: call for call in report["detail"]}


async def reached(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/_sim/health")).status_code == 200
    except httpx.TransportError:
        return False


async def until(client: httpx.AsyncClient, key: str) -> dict[str, Any]:
    """The call with this key, once it is over."""
    async with asyncio.timeout(5):
        while True:
            if (call := (await detail(client)).get(key)) and call["ended_at"] is not None:
                return call
            await asyncio.sleep(0.01)


async def test_a_provider_is_down_until_its_outage_ends_or_is_ended() -> None:
    async with simulator() as running, client_of(running) as client:
        await client.post("/_sim/outage", json={"fault": "unavailable", "seconds": 60})
        assert (await client.post(PATH, json=ASKED)).status_code == 503
        assert (await client.delete("/_sim/outage")).json() == {"outages": []}
        assert (await client.post(PATH, json=ASKED)).status_code == 200


async def test_a_provider_refuses_connections_for_a_while_and_comes_back_at_its_address() -> None:
    async with simulator(latency_ms=2000) as running, client_of(running) as client:
        address = running.address
        asked = asyncio.create_task(client.post(PATH, json=ASKED, headers={"Idempotency-Key": "cut"}))
        while not await detail(client):
            await asyncio.sleep(0.01)
        assert (await client.post("/_sim/refuse", json={"seconds": 0.5})).json() == {"refused_seconds": 0.5}
        with pytest.raises(httpx.TransportError):  # it was under way
            await asked
        with pytest.raises(httpx.ConnectError):
            await client.post(PATH, json=ASKED)
        async with asyncio.timeout(5):
            while not await reached(client):
                await asyncio.sleep(0.05)
        assert running.address == address
        call = await until(client, "cut")
        assert (call["finished"], call["cost_nusd"], call["status"]) == (False, 0, 499)
        wrong = await client.post("/_sim/refuse", json={"seconds": "long"})
        assert wrong.status_code == 400


async def test_a_simulator_that_refuses_can_be_closed() -> None:
    async with simulator() as running, client_of(running) as client:
        await client.post("/_sim/refuse", json={"seconds": 60})
        async with asyncio.timeout(5):
            while await reached(client):
                await asyncio.sleep(0.01)


async def test_a_provider_hangs_and_the_books_tell_what_became_of_each_call() -> None:
    async with simulator() as running, client_of(running) as client, client_of(running, seconds=0.2) as hasty:
        await client.post("/_sim/outage", json={"fault": "hang", "seconds": 60})
        with pytest.raises(httpx.ReadTimeout):
            await hasty.post(PATH, json=ASKED, headers={"Idempotency-Key": "hung"})
        hung = await until(client, "hung")
        waiting = asyncio.create_task(client.post(PATH, json=ASKED, headers={"Idempotency-Key": "waiting"}))
        while "waiting" not in (calls := await detail(client)):
            await asyncio.sleep(0.01)
        assert (calls["waiting"]["ended_at"], calls["waiting"]["finished"]) == (None, False)
        await client.delete("/_sim/outage")
        await client.post(PATH, json=ASKED, headers={"Idempotency-Key": "whole"})
        whole = await until(client, "whole")
        waiting.cancel()
    assert (hung["finished"], hung["cost_nusd"], hung["fault"], hung["status"]) == (False, 0, "hang", 499)
    assert hung["ended_at"] - hung["begun_at"] >= 150_000
    assert (whole["finished"], whole["fault"], whole["status"]) == (True, None, 200)
    assert whole["cost_nusd"] > 0


async def test_a_stream_or_an_answer_that_is_cut_is_not_finished() -> None:
    rule = FaultRule(rates={Fault.RESET: 1.0}, times=2)
    async with simulator(rule) as running, client_of(running) as client:
        for key, more in {"answer": {}, "stream": {"stream": True}}.items():
            with pytest.raises(httpx.TransportError):
                await client.post(PATH, json={**ASKED, **more}, headers={"Idempotency-Key": key})
        for key in ("answer", "stream"):
            call = await until(client, key)
            assert (call["finished"], call["partial"], call["status"]) == (False, key == "stream", 200)
            assert (call["cost_nusd"] > 0) == (key == "stream")  # what was generated of a stream is paid


async def test_the_books_of_many_calls_are_read_quickly() -> None:
    async with simulator() as running, client_of(running, seconds=20) as client:
        for number in range(20_000):
            call = running.ledger.begin("openai", "gpt-4o-mini", f"key-{number}", None)
            call.status = 200
            running.ledger.finish(call, Tokens(10, 10))
            running.ledger.end(call)
        began = time.process_time()
        report = (await client.get("/_sim/calls?detail=1")).json()
        assert time.process_time() - began < 2.0  # both sides of it; it is a tenth of that on an idle machine
    assert len(report["detail"]) == report["calls"] == 20_000
    assert [call["seq"] for call in report["detail"]] == list(range(1, 20_001))
    assert Counter(call["finished"] for call in report["detail"]) == {True: 20_000}
