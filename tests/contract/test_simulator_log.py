"""The simulator's log on disk: whoever goes on with the books after a kill knows every call."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from streamguard.dev.simulator import Latency, Simulator, SimulatorSettings
from streamguard.dev.simulator.ledger import Tokens

ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where is my parcel?"}]}
PATH = "/v1/chat/completions"


def simulator(log: Path, latency_ms: float = 0.0) -> Simulator:
    return Simulator(SimulatorSettings(latency=Latency(latency_ms), log=log))


def calls(running: Simulator) -> list[dict[str, Any]]:
    return running.ledger.report(detail=True)["detail"]


async def ask(running: Simulator, key: str) -> None:
    async with httpx.AsyncClient(base_url=running.url, timeout=5.0, trust_env=False) as client:
        (await client.post(PATH, json=ASKED, headers={"Idempotency-Key": key})).raise_for_status()


async def test_the_next_one_knows_all_calls_and_goes_on_counting(tmp_path: Path) -> None:
    async with simulator(tmp_path / "calls") as first:
        await ask(first, "a")
        await ask(first, "b")
        before = first.ledger.report(detail=True)
    async with simulator(tmp_path / "calls") as second:
        assert second.ledger.report(detail=True) == before
        await ask(second, "c")
        assert [(call["seq"], call["idempotency_key"]) for call in calls(second)] == [(1, "a"), (2, "b"), (3, "c")]
        assert second.ledger.report(detail=False)["cost_nusd"] == sum(call["cost_nusd"] for call in calls(second))


async def test_a_call_that_was_under_way_at_a_kill_is_known_and_costs_nothing(tmp_path: Path) -> None:
    async with simulator(tmp_path / "calls", latency_ms=60_000) as killed:
        asking = asyncio.ensure_future(ask(killed, "a"))
        while not calls(killed):
            await asyncio.sleep(0.01)
        found = calls(simulator(tmp_path / "calls"))  # as a fresh process would read it at this moment
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert [(call["idempotency_key"], call["finished"], call["cost_nusd"]) for call in found] == [("a", False, 0)]
    assert found[0]["ended_at"] is not None


async def test_an_answer_that_was_being_written_at_a_kill_is_paid(tmp_path: Path) -> None:
    killed = simulator(tmp_path / "calls")
    call = killed.ledger.begin("openai", "gpt-4o-mini", "a", None)
    killed.ledger.answering(call, Tokens(10, 20))
    [found] = calls(simulator(tmp_path / "calls"))
    assert (found["finished"], found["cost_nusd"]) == (True, 10 * 150 + 20 * 600)


def test_half_a_line_is_no_call(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    simulator(file).ledger.begin("openai", "gpt-4o-mini", "a", None)
    file.write_bytes(file.read_bytes() + b'{"seq":2,"provi')
    assert [call["seq"] for call in calls(simulator(file))] == [1]


def test_what_follows_half_a_line_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    simulator(file).ledger.begin("openai", "gpt-4o-mini", "a", None)
    file.write_bytes(file.read_bytes() + b'{"seq":2,"provi')
    simulator(file).ledger.begin("openai", "gpt-4o-mini", "b", None)  # killed again, before its next start
    assert [(call["seq"], call["idempotency_key"]) for call in calls(simulator(file))] == [(1, "a"), (2, "b")]
