"""A user's own configuration for `streamguard dev`: what is used, what is dev's own, and what is said of mistakes."""

import tomllib
from pathlib import Path

import pytest

from streamguard import config
from streamguard.cli.dev.own import read_own
from streamguard.cli.embedded_line.settings import Addresses, line_settings, merged
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.errors import ConfigError

AT = Addresses(broker="127.0.0.1:1", store="127.0.0.1:2", simulator="127.0.0.1:3", payloads="127.0.0.1:4")
REAL = """
[kafka]
brokers = "elsewhere:9092"

[[providers]]
name = "mine"
base_url = "http://127.0.0.1:8000/v1"
api_key_file = "mine.key"

[[routes.default]]
provider = "mine"
model = "a-model"
price = { input = 1.5, output = 2.0 }

[limits]
user_per_minute = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.key").write_text("secret\n")
    return tmp_path


def test_without_a_file_the_simulated_models_answer() -> None:
    own = read_own(None)
    assert (own.sections, own.ignored, own.simulated) == ({}, (), True)


def test_variables_are_told_by_their_names_for_they_set_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGUARD_LIMITS__USER_PER_MINUTE", "7")
    monkeypatch.setenv("STREAMGUARD_CONFIG", "elsewhere.toml")
    (here / "my.toml").write_text("[limits]\nuser_per_minute = 3\n")
    for own in (read_own(None), read_own(here / "my.toml")):
        assert own.variables == ("STREAMGUARD_LIMITS__USER_PER_MINUTE",)
    assert own.sections == {"limits": {"user_per_minute": 3}}


def test_variables_neither_spoil_a_file_nor_mend_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that dev starts get the file alone."""
    (here / "right.toml").write_text(REAL)
    monkeypatch.setenv("STREAMGUARD_PROVIDERS", "[]")
    monkeypatch.setenv("streamguard_limits__user_per_minute", "many")
    monkeypatch.setenv("STREAMGUARD_NOTHING", "1")
    assert read_own(here / "right.toml").sections["limits"] == {"user_per_minute": 3}
    (here / "wrong.toml").write_text(REAL.replace('name = "mine"', 'name = "other"'))
    monkeypatch.setenv("STREAMGUARD_PROVIDERS", '[{"name": "mine", "base_url": "http://127.0.0.1:8000/v1"}]')
    with pytest.raises(ConfigError, match="names the provider 'mine', which is not among"):
        read_own(here / "wrong.toml")


def test_own_providers_take_the_place_of_the_simulated_ones_and_their_files_are_found_from_everywhere(
    here: Path,
) -> None:
    (here / "my.toml").write_text(REAL)
    own = read_own(here / "my.toml")
    assert (own.ignored, own.simulated) == (("kafka",), False)
    at = Addresses(AT.broker, AT.store, None, payloads=AT.payloads)
    loaded = config.parse(tomllib.loads(to_toml(merged(line_settings(at, ""), own.sections))), source="written")
    assert loaded.kafka.brokers == AT.broker
    assert loaded.clickhouse.payloads_url == "http://127.0.0.1:4"
    assert [provider.name for provider in loaded.providers] == ["mine"]
    assert isinstance(loaded.providers[0], config.OpenAIProvider)
    assert loaded.providers[0].api_key_file == here / "mine.key"
    assert set(loaded.routes) == {"default"}
    assert loaded.limits.user_per_minute == 3


def test_limits_alone_leave_the_simulated_models(here: Path) -> None:
    (here / "my.toml").write_text("[limits]\nuser_per_minute = 3\n[invoke.breaker]\nopen_seconds = 9.0\n")
    own = read_own(here / "my.toml")
    loaded = config.parse(tomllib.loads(to_toml(merged(line_settings(AT, ""), own.sections))), source="written")
    assert own.simulated
    assert [provider.name for provider in loaded.providers] == ["openai", "anthropic"]
    assert (loaded.invoke.breaker.open_seconds, loaded.invoke.backoff) == (9.0, 0.2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[limits]\nuser_a_minute = 3\n", "limits.user_a_minute: there is no such key"),
        ("[[providers]]\nname = 'mine'\nbase_url = 'http://x'\napi_key_file = 'no.key'\n", "no.key cannot be read"),
        ("[[routes.default]]\nprovider = 'nobody'\nmodel = 'm'\n", "nobody"),
        ("[limits", "no valid TOML"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(here: Path, text: str, says: str) -> None:
    (here / "my.toml").write_text(text)
    with pytest.raises(ConfigError, match=says) as found:
        read_own(here / "my.toml")
    assert "\n" not in str(found.value)
