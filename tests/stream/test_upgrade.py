"""Workers of two releases on one set of topics, over real Kafka: nothing is buried, and what the later one adds arrives."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.audit import read_all
from tests.support.kafka import KafkaNode, unique
from tests.support.line import SECONDS, Line
from tests.support.releases import MINOR, release

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENDS, MIDDLE = ("admit", "invoke", "settle"), ("guard", "lookup", "verify")
ALL = (*ENDS, *MIDDLE)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(tmp_path_factory.mktemp("later") / "release", MINOR)


def request(number: int, **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What does plan {number} cost?"}]
    return {
        "request_id": f"r-{number}",
        "tenant_id": f"tenant-{number % 9}",
        "user_id": f"user-{number}",
        "priority": number,
        "messages": messages,
        **changes,
    }


def closed(number: int) -> dict[str, Any]:
    """What only the later release refuses, with a reason that ours does not know."""
    return request(number, metadata={"zone": "closed"})


def line(kafka: KafkaNode, directory: Path, workers: Mapping[str, Sequence[str]], later: Path) -> Line:
    """Workers called `later` run the later release."""
    releases = {name: later for name in workers if name == "later"}
    return Line(kafka.brokers, directory, prefix=unique("upgrade") + ".", workers=workers, releases=releases)


async def records(kafka: KafkaNode, line: Line, topic: str) -> list[dict[str, Any]]:
    full = line.topics.full(topic)
    return [orjson.loads(entry.value or b"{}") for entry in (await read_all(kafka.brokers, [full]))[full]]


async def booked(kafka: KafkaNode, line: Line, request_id: str) -> dict[str, Any]:
    """The telemetry of a request, once it is there."""
    async with asyncio.timeout(SECONDS):
        while True:
            for record in await records(kafka, line, "telemetry"):
                if record["request_id"] == request_id:
                    return record
            await asyncio.sleep(0.2)


def hosts(trail: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stages whose worker wrote what only the later release writes."""
    return [entry["stage"] for entry in trail if entry.get("host") == "later"]


async def test_what_a_later_release_adds_goes_through_older_stages_and_arrives(
    kafka: KafkaNode, tmp_path: Path, later: Path
) -> None:
    async with line(kafka, tmp_path, {"later": ENDS, "ours": MIDDLE}, later) as mixed:
        response, outcome = await mixed.ask(request(1))
        refusal, refused = await mixed.ask(closed(2))
        telemetry = await booked(kafka, mixed, "r-1")
        told = await booked(kafka, mixed, "r-2")
        letters = await records(kafka, mixed, "dead-letters")

    assert letters == []
    # written by admit, carried by guard, lookup and verify, which do not know them, and booked by settle, which does
    assert (outcome["head"]["priority"], outcome["zone"], telemetry["zone"]) == (1, "north", "north")
    assert refused["zone"] == "north"
    assert outcome["reservation"]["memory_tokens"] == 11
    assert hosts(outcome["trail"]) == ["admit", "invoke"]
    assert hosts(telemetry["trail"]) == ["admit", "invoke", "settle"]
    for record in (response, outcome, telemetry):
        assert record["usage"]["audio_tokens"] == 3
        assert record["cache"] == {"status": "skipped", "layer": "memory"}
    for record in (outcome, telemetry):
        assert [(call["kind"], call["usage"]["audio_tokens"]) for call in record["calls"]] == [("hedged", 3)]
    # a code that ours does not know is passed on as it is
    assert [one["reason"] for one in (refusal, refused, told)] == ["zone_closed"] * 3
    assert refusal["status"] == "refused"


async def test_a_later_release_in_the_middle_works_on_what_older_stages_write(
    kafka: KafkaNode, tmp_path: Path, later: Path
) -> None:
    async with line(kafka, tmp_path, {"ours": ENDS, "later": MIDDLE}, later) as mixed:
        _, outcome = await mixed.ask(request(1))
        response, open_ = await mixed.ask(closed(2))
        telemetry = await booked(kafka, mixed, "r-1")
        letters = await records(kafka, mixed, "dead-letters")

    assert letters == []
    assert (response["status"], open_["status"]) == ("answered", "answered")
    assert outcome["head"]["priority"] == 1
    assert "zone" not in outcome
    assert "memory_tokens" not in outcome["reservation"]
    for record in (outcome, telemetry):
        assert hosts(record["trail"]) == ["guard", "lookup", "verify"]
        assert {verdict.get("judge") for verdict in record["verdicts"]} == {"later"}


async def test_workers_are_replaced_one_by_one_and_back_while_requests_come(
    kafka: KafkaNode, tmp_path: Path, later: Path
) -> None:
    async with line(kafka, tmp_path, {"ours": ALL, "later": ALL}, later) as mixed:
        sent: list[dict[str, Any]] = []

        async def send(count: int) -> None:
            for number in range(len(sent), len(sent) + count):
                sent.append(closed(number) if number % 4 == 0 else request(number))
                await mixed.send(sent[-1])
                await asyncio.sleep(0.01)

        await send(60)
        await mixed.stop("later")  # ours takes its partitions over, and its journal with reasons of the later release
        await send(60)
        mixed.start("later")
        await send(60)
        await mixed.stop("ours")
        await send(60)
        for one in sent:
            await mixed.ended(one["request_id"])
        for one in sent:  # asked again: whoever decided on it, it is known
            await mixed.send(one)
        _, last = await mixed.ask(request(len(sent)))
        letters = await records(kafka, mixed, "dead-letters")
        outcomes = await records(kafka, mixed, "outcomes")

    assert letters == []
    assert {mixed.ends(one["request_id"]) for one in sent} == {(1, 1)}
    assert len(outcomes) == len(sent) + 1
    assert hosts(last["trail"]) == ["admit", "guard", "lookup", "invoke", "verify"]
    reasons = [one.get("reason") for one in outcomes]
    assert 0 < reasons.count("zone_closed") <= 60
    assert reasons.count("zone_closed") + reasons.count(None) == len(outcomes)
    by_release = [len(hosts(one["trail"])) for one in outcomes]
    assert by_release.count(5) > 10  # wholly by the later release
    assert by_release.count(0) > 10  # wholly by ours
