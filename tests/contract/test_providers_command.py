"""`streamguard providers check` over real sockets: the simulator, and servers that are not what the configuration says."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme
from aiohttp import web
from click.testing import CliRunner
from pydantic import TypeAdapter

from streamguard.cli import main
from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider, OpenAIProvider, ProviderSettings, StaticProvider
from streamguard.dev.simulator import Fault
from streamguard.providers.checking import Checked, check_model
from tests.support.kafka import free_ports
from tests.support.simulated import simulated

pytestmark = pytest.mark.slow

SECRET = "sk-hunter2-hunter2"
_SETTINGS: TypeAdapter[OpenAIProvider | AnthropicProvider | StaticProvider] = TypeAdapter(ProviderSettings)


async def check(base_url: str, *, model: str = "gpt-4o-mini", seconds: float = 5.0, **settings: Any) -> Checked:
    given = {"name": "openai", "base_url": base_url, "api_key": SECRET, **settings}
    one = await check_model(_SETTINGS.validate_python(given), model, SystemClock(), name="check/1", seconds=seconds)
    assert SECRET not in repr(one)
    return one


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault.REVOKED_KEY, "wrong_key"),
        (Fault.RATE_LIMITED, "rate_limited"),
        (Fault.SERVER_ERROR, "failing"),
        (Fault.HANG, "timeout"),
        (Fault.RESET, "wrong_address"),
    ],
)
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_what_the_simulator_does_wrong(vendor: str, fault: Fault, verdict: str) -> None:
    model = "gpt-4o-mini" if vendor == "openai" else "claude-3-5-haiku-latest"
    async with simulated(fault) as client:
        one = await check(f"{client.simulator.url}/{vendor}/v1", kind=vendor, model=model, seconds=1.0)
    assert one.verdict == verdict


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_a_wrong_model_and_a_wrong_address(vendor: str) -> None:
    async with simulated() as client:
        url = f"{client.simulator.url}/{vendor}"
        assert (await check(f"{url}/v1", kind=vendor, model="no-such-model")).verdict == "wrong_model"
        wrong = await check(url, kind=vendor)
        assert (wrong.verdict, wrong.status) == ("wrong_address", 404)
        assert "base_url mostly ends in /v1" in wrong.told
        encrypted = await check(f"{url}/v1".replace("http:", "https:"), kind=vendor)
        assert encrypted.verdict == "wrong_address"
        assert "should base_url begin with http://" in encrypted.told


async def test_nobody_there() -> None:
    (port,) = free_ports(1)
    refused = await check(f"http://127.0.0.1:{port}/v1")
    assert (refused.verdict, refused.told) == ("wrong_address", f"nobody listens at 127.0.0.1:{port}")
    unknown = await check("http://no-such-host.invalid/v1")
    assert (unknown.verdict, unknown.told) == ("wrong_address", "the name of no-such-host.invalid is not known (DNS)")


async def test_a_certificate_that_nobody_vouches_for_and_a_server_that_encrypts() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    site, port = await served(context)
    try:
        untrusted = await check(f"https://127.0.0.1:{port}/v1")
        assert (untrusted.verdict, untrusted.told) == (
            "wrong_address",
            f"the certificate of 127.0.0.1:{port} is not trusted (TLS)",
        )
        plain = await check(f"http://127.0.0.1:{port}/v1")
        assert plain.verdict == "wrong_address"
        assert "is it HTTPS where base_url says http" in plain.told
    finally:
        await site.cleanup()


async def served(context: ssl.SSLContext) -> tuple[web.AppRunner, int]:
    """A server over TLS that knows nothing."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    return runner, port


def routes(url: str) -> str:
    """Two providers at the simulator, one of them with two models, and a text."""
    return f"""
[[providers]]
name = "openai"
base_url = "{url}/openai/v1"
api_key_env = "A_KEY"

[[providers]]
name = "elsewhere"
base_url = "{url}"
api_key_env = "A_KEY"

[[providers]]
kind = "static"
text = "We are busy."

[[providers]]
name = "spare"
base_url = "{url}"

[[routes.default]]
provider = "openai"
model = "gpt-4o"

[[routes.default]]
provider = "elsewhere"
model = "gpt-4o"

[[routes.default]]
provider = "static"
model = "text"

[[routes.economy]]
provider = "openai"
model = "gpt-4o-mini"
"""


async def run(file: Path, *arguments: str) -> tuple[int, list[str], list[str]]:
    """Status, lines and errors of the command, in this process, which saves seconds. One at a time: it takes standard output."""
    command = ["providers", "check", "--config", str(file), *arguments]
    result = await asyncio.to_thread(CliRunner().invoke, main, command, env={"A_KEY": SECRET})
    assert SECRET not in result.output
    return result.exit_code, result.stdout.splitlines(), result.stderr.splitlines()


async def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "streamguard.toml"
    async with simulated() as client:
        file.write_text(routes(client.simulator.url))
        everybody, one = await run(file), await run(file, "openai")
        spare = await run(file, "spare")
        all_models, nobody = await run(file, "openai", "--all-models", "--json"), await run(file, "nobody")
    status, lines, errors = everybody
    assert status == 1
    assert errors == ["streamguard: spare: not asked, no route names a model of it"]
    assert [line.split(": ")[:2] for line in lines] == [
        ["openai/gpt-4o-mini", "ok"],  # its cheapest
        ["elsewhere/gpt-4o", "wrong address"],
        ["static/text", "ok"],
    ]
    assert " ms, " in lines[0]
    assert "cost $0.0000" in lines[0]
    assert one[0] == 0
    assert (spare[0], spare[1]) == (2, [])  # nothing was learned
    assert len(one[1]) == 1
    assert all_models[0] == 0
    told = [orjson.loads(line) for line in all_models[1]]
    assert [(each["model"], each["works"], each["verdict"]) for each in told] == [
        ("gpt-4o", True, "ok"),
        ("gpt-4o-mini", True, "ok"),
    ]
    assert told[0]["cost_nusd"] > told[1]["cost_nusd"] > 0
    assert (nobody[0], len(nobody[2])) == (2, 1)
    assert "there is no provider 'nobody'" in nobody[2][0]


async def thinks(request: web.Request) -> web.Response:
    """A model that thinks, as OpenAI serves it."""
    if "temperature" in await request.json():
        refusal = {"message": "Unsupported value", "param": "temperature", "code": "unsupported_value"}
        return web.json_response({"error": refusal}, status=400)
    said = {"finish_reason": "stop", "message": {"role": "assistant", "content": "OK"}}
    return web.json_response({"model": "thinker", "choices": [said]})


async def test_a_model_is_asked_with_a_temperature_as_requests_are(tmp_path: Path) -> None:
    """Else every request would be refused by a model that the check calls good."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", thinks)
    runner = web.AppRunner(app)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    file = tmp_path / "streamguard.toml"
    text = (
        f'[[providers]]\nname = "openai"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
        '[[routes.default]]\nprovider = "openai"\nmodel = "thinker"\n'
    )
    try:
        file.write_text(text)
        told = await run(file)
        file.write_text(text + 'without = ["temperature"]\n')
        mended = await run(file)
    finally:
        await runner.cleanup()
    assert told[0] == 1
    assert told[1][0].startswith("openai/thinker: refused: ")
    assert 'without = ["temperature"]' in told[1][0]
    assert mended[0] == 0
