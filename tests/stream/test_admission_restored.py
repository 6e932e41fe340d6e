"""What admit remembers outlives it: a killed worker's successor knows the ids it saw and counts on where it stopped."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.stream.flow import FLOW
from tests.support.kafka import KafkaNode, unique
from tests.support.line import SECONDS, Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LIMIT = 20
WORKERS = {"admit": ("admit",), "others": tuple(stage for stage in FLOW if stage != "admit")}


def request(name: str, user: str, text: str = "Where is my parcel?") -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"request_id": name, "tenant_id": "acme", "user_id": user, "messages": messages}


def logged(line: Line, message: str) -> list[dict[str, Any]]:
    """What the admit workers so far have logged under this message."""
    lines = [orjson.loads(text) for text in line.log("admit").read_text().splitlines()]
    return [fields for fields in lines if fields["message"] == message]


async def reason(line: Line, asked: dict[str, Any]) -> str | None:
    response, _ = await line.ask(asked)
    return response.get("reason")


async def test_a_killed_admit_worker_is_followed_by_one_that_remembers(kafka: KafkaNode, tmp_path: Path) -> None:
    async with Line(kafka.brokers, tmp_path, prefix=unique("restored") + ".", workers=WORKERS) as line:
        assert [await reason(line, request(f"ann-{n}", "ann")) for n in range(LIMIT - 5)] == [None] * (LIMIT - 5)

        line.kill("admit")

        await line.send(request("ann-0", "ann", "The same id, another text."))
        after = [await reason(line, request(f"ann-{n}", "ann")) for n in range(LIMIT - 5, LIMIT + 3)]
        assert after == [None] * 5 + ["rate_limited_user"] * 3
        assert await reason(line, request("ben-0", "ben")) is None
        # all of a tenant's requests are decided in order: nothing can come of the repeated id any more
        assert line.ends("ann-0") == (1, 1)
        assert logged(line, "journal restored")[-1]["ids"] >= LIMIT - 5


async def test_killed_in_the_middle_of_a_burst_it_lets_in_exactly_as_many_as_may(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    names = [f"cleo-{n}" for n in range(3 * LIMIT)]
    async with Line(kafka.brokers, tmp_path, prefix=unique("burst") + ".", workers=WORKERS) as line:
        for number, name in enumerate(names):
            await line.send(request(name, "cleo"))
            if number in (LIMIT // 2, 2 * LIMIT):
                await line.ended(names[number - 2])
                line.kill("admit")
        async with asyncio.timeout(SECONDS):
            reasons = [(await line.ended(name))[0].get("reason") for name in names]
        for name in names:  # once more, all of them
            await line.send(request(name, "cleo"))
        assert await reason(line, request("dora-0", "dora")) is None
        assert len(logged(line, "metrics served")) == 3  # the first worker and two after it
        assert Counter(reasons) == {None: LIMIT, "rate_limited_user": 2 * LIMIT}
        assert reasons == [None] * LIMIT + ["rate_limited_user"] * (2 * LIMIT)
        assert {line.ends(name) for name in names} == {(1, 1)}
