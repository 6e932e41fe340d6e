"""Providers in the configuration: their kinds, and keys that come from elsewhere and are never shown."""

from pathlib import Path

import pytest

from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider, Config, OpenAIProvider, StaticProvider, load, parse
from streamguard.errors import ConfigError
from streamguard.providers.building import build_providers

SECRET = "hunter2-hunter2"
OTHER = "swordfish-swordfish"


def config_of(**settings: object) -> Config:
    provider = {"name": "openai", "base_url": "http://127.0.0.1:1/v1", **settings}
    return parse({"providers": [provider]}, source="a test")


def key_of(config: Config) -> str:
    provider = config.providers[0]
    assert isinstance(provider, OpenAIProvider | AnthropicProvider)
    return provider.key().get_secret_value()


def test_kinds_are_told_apart_and_openais_is_the_usual_one() -> None:
    config = parse(
        {
            "providers": [
                {"name": "openai", "base_url": "http://a/v1"},
                {"name": "anthropic", "kind": "anthropic"},
                {"name": "static", "kind": "static", "text": "We are busy."},
            ]
        },
        source="a test",
    )
    assert [type(one) for one in config.providers] == [OpenAIProvider, AnthropicProvider, StaticProvider]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "oracle"}, "providers.0: Input tag 'oracle'"),
        ({"kindd": "openai"}, "providers.0.openai.kindd: there is no such key"),
        ({"kind": "anthropic", "stream_usage": True}, "providers.0.anthropic.stream_usage: there is no such key"),
        ({"kind": "static"}, "providers.0.static.text: Field required"),
        ({"key_header": "cookie"}, "providers.0.openai.key_header: "),
        ({"name": "Open AI"}, "providers.0.openai.name: "),
    ],
)
def test_a_mistake_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(**settings)
    assert said in str(caught.value)


def asking_all(models: int, **provider: object) -> Config:
    return parse(
        {
            "providers": [{"name": "openai", "base_url": "http://a/v1", **provider}],
            "routes": {"default": [{"provider": "openai", "model": f"m{number}"} for number in range(models)]},
        },
        source="a test",
    )


def test_calls_that_could_find_no_connection_are_a_mistake() -> None:
    asking_all(16)
    asking_all(2, max_concurrency=100, max_connections=200)
    with pytest.raises(ConfigError, match=r"'openai': 201 calls at once .* max_connections is 200"):
        asking_all(3, max_concurrency=67, max_connections=200)


@pytest.mark.parametrize(
    ("timeout", "invoke", "seconds"),
    [
        (10.0, {}, 15.0),
        (20.0, {}, 30.0),
        (60.0, {"timeout": 24.0}, 36.0),
        (20.0, {"breaker": {"probe_seconds": 99}}, 99.0),
    ],
)
def test_the_right_to_try_again_lasts_longer_than_any_call(
    timeout: float, invoke: dict[str, object], seconds: float
) -> None:
    config = parse(
        {
            "providers": [{"name": "openai", "base_url": "http://a/v1"}],
            "routes": {"default": [{"provider": "openai", "model": "m", "timeout": timeout}]},
            "invoke": invoke,
        },
        source="a test",
    )
    assert config.breaker.probe_seconds == seconds
    assert config.breaker.failures == config.invoke.breaker.failures


def test_a_key_comes_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", f"{SECRET}\n")
    assert key_of(config_of(api_key_env="A_KEY")) == SECRET


def test_a_key_comes_from_a_file_without_what_surrounds_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"  {SECRET}\n")
    assert key_of(config_of(api_key_file=str(file))) == SECRET
    written = tmp_path / "streamguard.toml"
    written.write_text(f'[[providers]]\nname = "openai"\nbase_url = "http://a/v1"\napi_key_file = "{file}"\n')
    assert key_of(load(written)) == SECRET


def test_who_calls_nobody_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sink and the commands for operators read the same file where there may be no key."""
    monkeypatch.delenv("A_KEY", raising=False)
    assert config_of(api_key_env="A_KEY").providers[0].name == "openai"


def test_of_several_sources_none_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A_KEY", OTHER)
    file = tmp_path / "key"
    file.write_text(OTHER)
    sources = {"api_key": SECRET, "api_key_env": "A_KEY", "api_key_file": str(file)}
    for left_out in sources:
        given = {name: value for name, value in sources.items() if name != left_out}
        with pytest.raises(ConfigError) as caught:
            config_of(**given)
        assert f"{' and '.join(sorted(given))} exclude each other" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert OTHER not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_variable_that_is_missing_or_empty_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("A_KEY", value)
    with pytest.raises(ConfigError, match="api_key_env: the variable A_KEY is not set, or empty"):
        build_providers(config_of(api_key_env="A_KEY").providers, SystemClock())


def test_a_file_that_holds_no_key_is_an_error_that_shows_nothing_of_it(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(SECRET.encode() + b"\xff")
    for file, said in (
        (empty, "is empty"),
        (binary, "cannot be read"),
        (tmp_path / "none", "cannot be read"),
        (tmp_path, "cannot"),
    ):
        with pytest.raises(ConfigError, match=f"api_key_file: .*{said}") as caught:
            build_providers(config_of(api_key_file=str(file)).providers, SystemClock())
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("wrong", [7, ["A_KEY"], {"a": 1}])
def test_a_source_of_a_wrong_kind_is_named(wrong: object) -> None:
    for name in ("api_key_env", "api_key_file"):
        with pytest.raises(ConfigError, match=name):
            config_of(**{name: wrong})


async def test_keys_are_masked_wherever_anything_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", SECRET)
    config = config_of(api_key_env="A_KEY")
    providers = build_providers(config.providers, SystemClock())
    shown = (
        f"{config!r} {config} {config.model_dump()} {config.model_dump_json()} {config.providers[0]!r} {providers!r}"
    )
    assert SECRET not in shown
    assert "A_KEY" in shown
    for provider in providers.values():
        await provider.aclose()


def test_a_key_that_fits_no_header_is_not_quoted() -> None:
    config = config_of(api_key=f"{SECRET}\nx")
    with pytest.raises(ConfigError, match="api_key of 'openai'") as caught:
        build_providers(config.providers, SystemClock())
    assert SECRET not in str(caught.value)
