"""The cache over the running line: an answer is shared, an address is not; it outlives a worker, and it expires."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from streamguard.dev.broker import EmbeddedBroker
from tests.support.line import SECONDS, Line, broker_with_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

QUESTION = "Which contracts do you have on file for {address}?"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with broker_with_lines("shared.", "tenants.", "expiry.") as broker:
        yield broker


def question(name: str, tenant: str = "acme") -> dict[str, Any]:
    content = QUESTION.format(address=address(name))
    messages = [{"role": "user", "content": content}]
    return {"request_id": f"of-{name}", "tenant_id": tenant, "user_id": name, "messages": messages}


def address(name: str) -> str:
    return f"{name}@example.com"


async def asks(line: Line, name: str, tenant: str = "acme") -> tuple[str, dict[str, Any]]:
    """What they are told, and how the cache served them. Whoever asks, they read their own address and no other."""
    response, outcome = await line.ask(question(name, tenant))
    assert response["status"] == "answered"
    told: str = response["output"]
    assert address(name) in told
    assert told.count("@") == told.count(address(name))
    assert "@" not in outcome["output"]
    return told.replace(address(name), "…"), outcome["cache"]


async def asked_until_shared(line: Line) -> set[str]:
    """Ask as one new user after the other until lookup has read an answer's entry. Returns what models said before that."""
    said: set[str] = set()
    numbers = count()
    async with asyncio.timeout(SECONDS):
        while True:
            told, cache = await asks(line, f"early-{next(numbers)}")
            if cache["status"] == "exact":
                assert told in said
                return said
            said.add(told)


async def test_two_users_share_an_answer_and_each_sees_their_own_address(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with Line(broker.address, tmp_path, prefix="shared.", embedded=True) as line:
        said = await asked_until_shared(line)
        calls = await line.calls()

        to_ben, cache = await asks(line, "ben")
        assert cache["status"] == "exact"
        assert to_ben in said
        assert cache["saved_nusd"] > 0

        await line.stop("worker")
        line.start("worker")
        to_cleo, cache = await asks(line, "cleo")  # what stood in the topic is read before the first request is
        assert cache["status"] == "exact"
        assert to_cleo in said
        assert await line.calls() == calls


async def test_tenants_share_nothing(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with Line(broker.address, tmp_path, prefix="tenants.", embedded=True) as line:
        await asked_until_shared(line)
        assert (await asks(line, "dora", tenant="lumen"))[1]["status"] == "miss"


async def test_an_expired_answer_serves_nobody(broker: EmbeddedBroker, tmp_path: Path) -> None:
    seconds = 4.0
    async with Line(
        broker.address, tmp_path, prefix="expiry.", embedded=True, settings={"cache": {"ttl_seconds": seconds}}
    ) as line:
        await asked_until_shared(line)
        calls = await line.calls()
        await asyncio.sleep(seconds + 0.1)
        assert (await asks(line, "ben"))[1]["status"] == "miss"
        assert await line.calls() == calls + 1
