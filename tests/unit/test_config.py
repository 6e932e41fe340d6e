"""The configuration: a file, variables over it, and mistakes named by their keys without what they hold."""

import re
import socket
from pathlib import Path

import pytest

from streamguard import config
from streamguard.config import CONFIG_FILE, ENV_PREFIX, Config, OpenAIProvider, Worker, load, parse, plain_environment
from streamguard.errors import ConfigError

SECRET = "hunter2-hunter2"
PROVIDER = """
[[providers]]
name = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "hunter2-hunter2"
"""


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables of whoever runs the tests."""
    for name in config.os.environ:
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


REMOTE = """
[[remote_checks]]
name = "guard"
kind = "moderations"
base_url = "http://127.0.0.1:1/v1"
api_key = "hunter2-hunter2"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "streamguard.toml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold() -> None:
    assert load() == Config()
    assert load().limits.user_per_minute == 20
    assert load().limits.ip_per_minute == 100


def test_a_variable_comes_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, '[kafka]\nbrokers = "one:9092"\nsession = 4.0\n[invoke.breaker]\nfailures = 2\n')
    monkeypatch.setenv("STREAMGUARD_KAFKA__BROKERS", "two:9092")
    monkeypatch.setenv("STREAMGUARD_INVOKE__BREAKER__PROBES", "7")
    loaded = load(file)
    assert (loaded.kafka.brokers, loaded.kafka.session, loaded.kafka.span) == ("two:9092", 4.0, 2000)
    assert (loaded.invoke.breaker.failures, loaded.invoke.breaker.probes) == (2, 7)


def test_a_variable_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_FILE, str(written(tmp_path, "[limits]\nuser_per_minute = 3\n")))
    assert load().limits.user_per_minute == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[kafka]\nbrokerz = "a:1"\n', "kafka.brokerz: there is no such key"),
        ("[kafkaa]\nsession = 1.0\n", "kafkaa: there is no such key"),
        ('[kafka]\nbrokers = ""\n', "kafka.brokers: "),
        ("[kafka]\ndeadline = inf\n", "kafka.deadline: "),
        ("[kafka]\ngrace = 15.0\n", "kafka.grace: "),
        ("[kafka]\nfetch_wait = 20.0\n", "kafka.fetch_wait: "),
        ("[limits]\nseen_hours = 169.0\n", "limits.seen_hours: "),
        ("[limits]\nmax_request_bytes = 1_000_000\n", "limits.max_request_bytes: "),
        ('[policy]\nkey = ""\n', "policy.key: "),
        (f'[policy]\nkey = "{SECRET}"\nkey_file = "key"\n', "policy: key and key_file exclude each other; keep one"),
        ('[policy]\nkey_env = "KEY"\nkey_file = "key"\n', "policy: key_env and key_file exclude each other; keep one"),
        ("[cache]\nttl_seconds = 1e9\n", "cache.ttl_seconds: "),
        ("[routes]\ndefault = []\n", "route 'default' has no candidates"),
        ("[invoke.breaker]\nopen = 1\n", "invoke.breaker.open: there is no such key"),
        ("[kafka]\nsession = 0\n", "kafka.session: Input should be greater than 0"),
        ('[privacy]\npayloads = "all"\n', "privacy.payloads: Input should be 'none' or 'redacted'"),
        ("[invoke]\ntimeout = 45.0\n", "invoke.timeout must be shorter than kafka.deadline"),
        ("[kafka]\ndeadline = 30.0\n", "invoke.timeout must be shorter than kafka.deadline"),
        (PROVIDER + PROVIDER, "two providers have one name"),
        (
            PROVIDER + '[routes]\nfast = [{provider = "anthropic", model = "m"}]\n',
            "route 'fast' names the provider 'anthropic', which is not among [[providers]]",
        ),
        (REMOTE + REMOTE, "two remote_checks have one name"),
        (REMOTE + "modell = 1\n", "remote_checks.0.moderations.modell: there is no such key"),
        (REMOTE.replace("moderations", "oracle"), "remote_checks.0: Input tag 'oracle'"),
        (REMOTE.replace("moderations", "chat_scores"), "remote_checks.0.chat_scores.model: Field required"),
        (REMOTE.replace('"guard"', '"My guard"'), "remote_checks.0.moderations.name: "),
        (f'[policy]\nkey = ["{SECRET}"]\n', "policy.key: Input should be a valid string"),
        (f'[policy]\nkey = "{SECRET}\n', "is no valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STREAMGUARD_KAFKAA__BROKERS", "a:1", "STREAMGUARD_KAFKAA__BROKERS: there is no section 'kafkaa'"),
        ("STREAMGUARD_KAFKA__BROKERZ", "a:1", "kafka.brokerz: there is no such key"),
        ("STREAMGUARD_KAFKA__SESSION", SECRET, "kafka.session: Input should be a valid number"),
        ("STREAMGUARD_ROUTES", SECRET, '"routes"'),
        ("STREAMGUARD_POLICY", SECRET, '"policy"'),
    ],
)
def test_a_mistake_in_a_variable_is_named_too(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"STREAMGUARD_KAFKA__SESSION": "x"},
            "kafka.session: Input should be a valid number, unable to parse string as",
        ),
        ({"STREAMGUARD_KAFKA__SESION": "1"}, "kafka.sesion: there is no such key"),
        ({"STREAMGUARD_KAFKA": '{"session": 0}'}, "kafka.session: Input should be greater than 0"),
        ({"STREAMGUARD_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "kafka: sasl_username: SASL_SSL needs a user"),
        ({"STREAMGUARD_PROVIDERS__0__NAME": "p"}, "providers: Input should be a valid tuple"),
    ],
)
def test_the_file_alone_is_not_blamed_for_what_a_variable_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in {**variables, "STREAMGUARD_LIMITS__SEEN_HOURS": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, '[kafka]\nsession = 4.0\n[worker]\nlog_level = "loud"\n'))
    of_variable, of_file = sorted(str(caught.value).removeprefix(f"{tmp_path}/streamguard.toml: ").split("; "))
    assert of_variable.startswith(said)
    assert of_variable.endswith(f" (see {', '.join(variables)})")
    assert of_file.startswith("worker.log_level: ")
    assert of_file.endswith("'error'")


def test_a_mark_before_the_text_is_none_of_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{SECRET}\r\n", encoding="utf-8-sig")
    file = tmp_path / "streamguard.toml"
    file.write_text(f"[policy]\r\nkey_file = '{key}'\r\n", encoding="utf-8-sig")
    assert load(file).policy.secret().get_secret_value() == SECRET


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('[worker]\ninstance = "café"\n'.encode("latin-1"))
    for file, said in ((tmp_path / "none.toml", "cannot be read"), (tmp_path, "cannot be read"), (latin, "UTF-8")):
        with pytest.raises(ConfigError, match=said) as caught:
            load(file)
        assert str(caught.value).startswith(f"{file}: ")


def test_secrets_are_masked_wherever_the_configuration_is_shown(tmp_path: Path) -> None:
    file = written(tmp_path, f'[policy]\nkey = "{SECRET}"\n[clickhouse]\npassword = "{SECRET}"\n{PROVIDER}')
    loaded = load(file)
    shown = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()} {loaded.providers[0]!r}"
    assert SECRET not in shown
    provider = loaded.providers[0]
    assert isinstance(provider, OpenAIProvider)
    assert {
        loaded.policy.key.get_secret_value(),
        loaded.clickhouse.password.get_secret_value(),
        provider.api_key.get_secret_value(),
    } == {SECRET}


def test_nothing_can_be_set_once_it_is_read() -> None:
    loaded = parse({}, source="a test")
    with pytest.raises(ValueError, match="frozen"):
        loaded.kafka.session = 1.0  # pyright: ignore[reportAttributeAccessIssue] - that is the point


def test_processes_that_follow_a_file_get_none_of_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGUARD_KAFKA__BROKERS", "two:9092")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    monkeypatch.setenv("streamguard_limits__user_per_minute", "2")
    environment = plain_environment()
    assert environment["SOMETHING_ELSE"] == "1"
    assert not [name for name in environment if name.upper().startswith(ENV_PREFIX)]


def test_processes_are_named_after_their_host_unless_told_otherwise() -> None:
    named = Config().worker.instance
    assert named == re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:100]
    assert Config(worker=Worker(instance="blue")).worker.instance == "blue"


def test_the_key_of_the_policy_may_stand_in_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"policy": {"key_file": str(tmp_path / "key")}}
    with pytest.raises(ConfigError, match=r"^key_file: .*/key cannot be read \(FileNotFoundError\)$"):
        parse(named, source="a test").policy.secret()
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert parse(named, source="a test").policy.secret().get_secret_value() == SECRET
    monkeypatch.setenv("A_KEY", SECRET)
    assert parse({"policy": {"key_env": "A_KEY"}}, source="a test").policy.secret().get_secret_value() == SECRET
    assert parse({"policy": {"key": SECRET}}, source="a test").policy.secret().get_secret_value() == SECRET
