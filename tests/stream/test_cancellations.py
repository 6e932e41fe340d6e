"""Cancelling requests of the running line: before they are asked, while their call runs, and once they are answered."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamguard.dev.broker import EmbeddedBroker
from streamguard.stream.flow import FLOW
from tests.support.line import SECONDS, Line, broker_with_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LONG_MS = 9_000.0
"""A call that nobody cuts off."""
GPT_4O_OUTPUT_NUSD = 10_000


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with broker_with_lines("cancelled.", "answered.") as broker:
        yield broker


def request(name: str, **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What does plan {name} cost?"}]
    fields = {"request_id": name, "tenant_id": "acme", "user_id": f"u-{name}", "messages": messages, "cache": "off"}
    return fields | changes


async def begun(line: Line, calls: int, *, answering: bool = False) -> None:
    """Until the models have been asked so often, and perhaps have begun to answer."""
    async with asyncio.timeout(SECONDS):
        while True:
            books = (await line.books())["detail"]
            if len(books) >= calls and (not answering or books[-1]["status"] == 200):
                return
            await asyncio.sleep(0.02)


async def metrics(line: Line) -> str:
    """What the worker tells Prometheus."""
    address = re.search(r'"address": ?"([^"]+)"', line.log("worker").read_text())
    assert address is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{address[1]}/metrics")).text


async def heard(line: Line, cancellations: int) -> None:
    """Until the worker has read so many cancellations."""
    async with asyncio.timeout(SECONDS):
        while True:
            told = re.search(r'streamguard_cancellations_total\{result="told"\} (\d+)', await metrics(line))
            if told is not None and int(told[1]) >= cancellations:
                return
            await asyncio.sleep(0.02)


async def ended_calls(line: Line) -> list[dict[str, Any]]:
    """The models' own books, once no call is under way."""
    async with asyncio.timeout(SECONDS):
        while True:
            calls: list[dict[str, Any]] = (await line.books())["detail"]
            if all(call["ended_at"] is not None for call in calls):
                return calls
            await asyncio.sleep(0.02)


async def test_a_call_under_way_is_cut_on_the_wire_and_what_it_cost_is_settled(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with Line(broker.address, tmp_path, prefix="cancelled.", embedded=True, latency_ms=LONG_MS) as line:
        loop = asyncio.get_running_loop()
        interactive, batch = request("whole"), request("of-a-batch", lane="batch")
        for number, one in enumerate((interactive, batch), start=1):
            await line.send(one)
            await begun(line, number)
            told_at = loop.time()
            await line.cancel(one)
            response, outcome = await line.ended(one["request_id"])
            assert loop.time() - told_at < LONG_MS / 1000 / 2
            assert (response["status"], response["reason"]) == ("failed", "cancelled")
            [call] = outcome["calls"]
            assert (call["status"], call["error"]) == ("error", "cancelled")
        assert [(call["status"], call["finished"]) for call in await ended_calls(line)] == [(499, False)] * 2

        # told before it comes: no call is begun
        early = request("early")
        await line.cancel(early)
        await heard(line, 3)
        await line.send(early)
        response, outcome = await line.ended("early")
        assert (response["status"], response["reason"]) == ("failed", "cancelled")
        assert outcome.get("calls", []) == []
        assert outcome["cost_nusd"] == 0
        assert len((await line.books())["detail"]) == 2

        # nothing in the topic is told of one that it does not name
        other = request("of-another", tenant_id="globex")
        await line.cancel(request("of-another"))
        await heard(line, 4)
        await line.send(other)
        await begun(line, 3)
        await line.cancel(other)
        response, _ = await line.ended("of-another")
        assert response["reason"] == "cancelled"
        assert set(re.findall(r'streamguard_stage_lag_records\{stage="(\w+)"\} \d', await metrics(line))) == {*FLOW}


async def test_an_answer_that_comes_in_pieces_is_cut_and_costs_what_came(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """And one that was answered stays answered."""
    async with Line(broker.address, tmp_path, prefix="answered.", embedded=True) as line:
        response, _ = await line.ask(request("quick"))
        await line.cancel(request("quick"))
        await heard(line, 1)
        await line.ask(request("after"))
        assert response["status"] == "answered"
        assert line.ends("quick") == (1, 1)

        await line.faults({"rates": {"slow_drip": 1.0}})
        streamed = request("streamed", stream=True)
        await line.send(streamed)
        await begun(line, 3, answering=True)
        await line.cancel(streamed)
        response, outcome = await line.ended("streamed")
        assert (response["status"], response["reason"]) == ("failed", "cancelled")
        [call] = outcome["calls"]
        assert (call["error"], call["streamed"], call["estimated"]) == ("cancelled", True, True)
        booked = (await ended_calls(line))[-1]
        assert (booked["finished"], booked["partial"]) == (False, True)
        assert call["usage"]["input_tokens"] == booked["input_tokens"]
        # what was on its way when the call was cut is on their bill, and not on ours
        assert 0 < call["cost_nusd"] <= booked["cost_nusd"] <= call["cost_nusd"] + 20 * GPT_4O_OUTPUT_NUSD
        assert outcome["cost_nusd"] == call["cost_nusd"]
