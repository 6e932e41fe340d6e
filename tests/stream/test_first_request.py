"""What `docs/first-request.md` shows is what comes: its requests, its commands and its Python, on a running `streamguard dev`."""

import asyncio
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from streamguard.client import Client, Request, Response
from streamguard.resources import resource_dir
from streamguard.schemas.records import DRAFT
from streamguard.stream.topics import Topics
from tests.support.dev_line import Dev
from tests.support.lying import lying
from tests.support.page import PAGE, blocks, exchanges

pytestmark = pytest.mark.slow

TEXT = PAGE.read_text()
BUSY = "u-busy"
A_MINUTE = 20
"""Requests of one user that are let in within a minute."""


def holds(shown: Any, came: Any) -> bool:
    """Whether all that is shown came so: of objects the fields that are shown, of lists each item."""
    if isinstance(shown, dict):
        return isinstance(came, dict) and all(
            name in came and holds(value, came[name]) for name, value in shown.items()
        )  # pyright: ignore[reportUnknownVariableType]  # JSON
    if isinstance(shown, list):
        return isinstance(came, list) and len(shown) == len(came) and all(map(holds, shown, came))  # pyright: ignore[reportUnknownArgumentType]  # JSON
    return shown == came


async def test_each_request_of_the_page_gets_the_response_that_it_shows(dev: Dev) -> None:
    async with Client(dev.kafka, timeout=30) as client:
        for request, shown in exchanges(TEXT):
            own = {**request, "tenant_id": "page"}  # other tests ask as acme
            if request["user_id"] == BUSY:
                for _ in range(A_MINUTE):
                    await client.send(Request.model_validate({**own, "request_id": client.new_id()}))
            if shown.get("cache") == {"status": "exact"}:
                await _stored(client, own)
            response = await client.ask(Request.model_validate(own), again=False)
            came = response.model_dump(mode="json", exclude_none=True)
            expected = {**shown, **({"tenant_id": "page"} if "tenant_id" in shown else {})}
            if "parsed" in expected:  # what a simulated model says in a form is not the same each time
                form = request["response_format"]["json_schema"]["schema"]
                jsonschema_rs.validate(form, expected.pop("parsed"))
                jsonschema_rs.validate(form, came["parsed"])
            assert holds(expected, came), (request["request_id"], response.status, response.reason)
            _more(request["request_id"], response)


async def _stored(client: Client, own: dict[str, Any]) -> None:
    """Ask until the answer comes from the cache, where it is a moment after it was given."""
    for number in range(100):
        named = {"request_id": client.new_id(), "user_id": f"u-stored-{number}"}
        if (await client.ask(Request.model_validate({**own, **named}))).cache.status == "exact":
            return
        await asyncio.sleep(0.05)
    pytest.fail("no answer was stored")


def _more(request_id: str, response: Response) -> None:
    """What the page says in words."""
    match request_id:
        case "page-1":
            assert response.provenance.prompt is not None
            assert response.provenance.prompt.name == "support"
        case "page-2":
            assert response.cache.saved_nusd
        case "page-6":
            assert response.retry_after_us
            assert 0 < response.retry_after_us <= 60_000_000
        case _:
            pass


COMMANDS = [line for block in blocks(TEXT, "sh") for line in block.splitlines() if line.startswith("streamguard ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_the_page_runs(dev: Dev, line: str) -> None:
    done = _run([sys.executable, "-m", *shlex.split(line)], dev)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_python_of_the_page_runs(dev: Dev, tmp_path: Path) -> None:
    (program,) = blocks(TEXT, "python")
    file = tmp_path / "ask.py"
    file.write_text(program)
    done = _run([sys.executable, str(file)], dev)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("answered None ")


async def test_every_record_of_the_line_is_as_the_asyncapi_document_says(dev: Dev) -> None:
    async with Client(dev.kafka, timeout=30) as client:
        request = client.request(
            tenant_id="described", user_id="u-1", messages="May I return shoes?", deadline=2_000_000_000_000_000
        )
        async for _ in client.stream(request):
            pass
        await client.cancel(request.tenant_id, request.request_id)
    described: dict[str, Any] = orjson.loads((resource_dir("schemas") / "asyncapi.json").read_bytes())
    seen: Counter[str] = Counter()
    for topic in Topics.load():
        message = described["components"]["messages"][topic.name]
        headers_fit = jsonschema_rs.validator_for({**message["headers"], "$schema": DRAFT})
        payload = {
            "$schema": DRAFT,
            "components": described["components"],
            "$ref": f"#/components/schemas/{topic.record}",
        }
        payload_fits = jsonschema_rs.validator_for(payload if topic.record else {})
        for record in await lying(dev.kafka, topic.name):
            seen[topic.name] += 1
            headers = {name: value.decode() for name, value in record.headers}
            headers_fit.validate(headers)
            assert headers.keys() <= message["headers"]["properties"].keys() or topic.record is None, topic.name
            if topic.record:
                payload_fits.validate(orjson.loads(record.value or b""))
    assert {"requests", "admitted", "guarded", "invocations", "completions", "outcomes", "responses"} <= seen.keys()
    assert {"response-chunks", "cancellations", "admission-journal", "telemetry", "settlements"} <= seen.keys()


def _run(command: list[str], dev: Dev) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=dev.environment, capture_output=True, text=True, timeout=60, check=False)
