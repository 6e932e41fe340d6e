"""`examples/providers/`: each file is a whole configuration without a key in it, and its calls go where the vendor listens."""

import re
import tomllib
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner

from streamguard import config
from streamguard.cli import main
from streamguard.clock import FakeClock
from streamguard.config import AnthropicProvider, HttpProvider, OpenAIProvider, parse
from streamguard.providers.building import build_provider
from streamguard.providers.contract import CallLimits, Progress
from streamguard.providers.errors import InvalidResponse
from tests.unit.providers.wire import ASK, Shape, WireTransport

FOLDER = Path(__file__).parents[2] / "examples" / "providers"
FILES = sorted(FOLDER.glob("*.toml"))
KEY = "the-key"
BEARER = {"authorization": f"Bearer {KEY}"}
WANTED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "openai": ("OPENAI_API_KEY", "https://api.openai.com/v1/chat/completions", BEARER, "max_completion_tokens"),
    "azure": (
        "AZURE_OPENAI_API_KEY",
        "https://YOUR-RESOURCE.openai.azure.com/openai/v1/chat/completions",
        {"api-key": KEY},
        "max_completion_tokens",
    ),
    "anthropic": (
        "ANTHROPIC_API_KEY",
        "https://api.anthropic.com/v1/messages",
        {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
        "max_tokens",
    ),
    "vllm": ("VLLM_API_KEY", "http://127.0.0.1:8000/v1/chat/completions", BEARER, "max_tokens"),
    "ollama": ("", "http://127.0.0.1:11434/v1/chat/completions", {}, "max_tokens"),
    "mistral": ("MISTRAL_API_KEY", "https://api.mistral.ai/v1/chat/completions", BEARER, "max_tokens"),
    "groq": ("GROQ_API_KEY", "https://api.groq.com/openai/v1/chat/completions", BEARER, "max_tokens"),
}
KEY_HEADERS = frozenset({"authorization", "api-key", "x-api-key"})


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables of whoever runs the tests."""
    for name in [
        *config.set_variables(),
        config.CONFIG_FILE,
        *(variable for variable, *_ in WANTED.values() if variable),
    ]:
        monkeypatch.delenv(name, raising=False)


def test_each_is_known_here_and_in_the_page() -> None:
    assert {file.stem for file in FILES} == WANTED.keys()
    page = (FOLDER / "README.md").read_text()
    for name, (variable, address, *_) in WANTED.items():
        (row,) = (line for line in page.splitlines() if f"({name}.toml)" in line)
        assert variable in row
        assert f"`{address.removesuffix('/chat/completions').removesuffix('/messages')}`" in row


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_a_whole_configuration_once_the_variable_is_set(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = WANTED[file.stem][0]
    if variable:
        without = CliRunner().invoke(main, ["config", "check", str(file)])
        assert without.exit_code == 2
        assert f"the variable {variable} is not set" in without.stderr
        monkeypatch.setenv(variable, KEY)
    result = CliRunner().invoke(main, ["config", "check", str(file)])
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_key_stands_in_it(file: Path) -> None:
    assert not re.search(r"^\s*#?\s*api_key\s*=", file.read_text(), re.MULTILINE)


async def asked(settings: OpenAIProvider | AnthropicProvider, *, streamed: bool = False) -> httpx.Request:
    """What a call sends."""
    transport = WireTransport(Shape("", b"{}", InvalidResponse()), [b"{}"])  # also a stream may be answered as a whole
    provider = build_provider(settings, FakeClock(), transport=transport)
    with pytest.raises(InvalidResponse):
        await provider.chat(ASK, limits=CallLimits(5), progress=Progress(lambda: 0.0) if streamed else None)
    await provider.aclose()
    assert transport.asked is not None
    return transport.asked


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_call_goes_where_the_vendor_listens(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, address, headers, tokens = WANTED[file.stem]
    if variable:
        monkeypatch.setenv(variable, KEY)
    (provider,) = parse(tomllib.loads(file.read_text()), source=file.name).providers
    assert isinstance(provider, HttpProvider)
    request = await asked(provider)
    assert str(request.url).lower() == address.lower()
    assert {name: request.headers[name] for name in headers} == headers
    assert {name for name in request.headers if name in KEY_HEADERS} == headers.keys() & KEY_HEADERS
    assert orjson.loads(request.content)[tokens] == ASK.max_output_tokens


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_streams_usage_is_asked_for_unless_the_vendor_refuses_that(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mistral answers 422 to `stream_options`, also where the configuration does not say so."""
    if variable := WANTED[file.stem][0]:
        monkeypatch.setenv(variable, KEY)
    (provider,) = parse(tomllib.loads(file.read_text()), source=file.name).providers
    assert isinstance(provider, OpenAIProvider | AnthropicProvider)
    silent = isinstance(provider, AnthropicProvider) or file.stem == "mistral"
    told = provider.model_copy(update={"stream_usage": True}) if isinstance(provider, OpenAIProvider) else provider
    for settings in (provider, told):
        body = orjson.loads((await asked(settings, streamed=True)).content)
        assert body["stream"] is True
        assert body.get("stream_options") == (None if silent else {"include_usage": True})


async def test_the_other_forms_that_comments_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written behind # is no less an example."""
    for name in ("AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)
    azure = (FOLDER / "azure.toml").read_text()
    older = "\n".join(line.removeprefix("# ") for line in azure.splitlines() if re.match(r"# (base_url|query) =", line))
    changed = re.sub(r"^base_url = .*$", older, azure, count=1, flags=re.MULTILINE)
    (provider,) = parse(tomllib.loads(changed), source="azure").providers
    assert isinstance(provider, OpenAIProvider)
    request = await asked(provider)
    assert request.url.path == "/openai/deployments/gpt-4.1/chat/completions"
    assert dict(request.url.params) == {"api-version": "2024-10-21"}
    assert request.headers["api-key"] == KEY

    anthropic = (FOLDER / "anthropic.toml").read_text()
    block = re.search(r"^# \[\[providers\]\]\n(?:# .*\n)+", anthropic, re.MULTILINE)
    assert block is not None
    compatible = re.sub(r"^# ", "", block.group(), flags=re.MULTILINE)
    (provider,) = parse(tomllib.loads(compatible), source="anthropic").providers
    assert isinstance(provider, OpenAIProvider)
    request = await asked(provider)
    assert str(request.url) == "https://api.anthropic.com/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
