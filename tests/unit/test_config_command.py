"""`streamguard config`: all problems at once, what is in force and where it comes from, and an example that is never stale."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from pydantic import Field

from streamguard import config
from streamguard.cli import main
from streamguard.config import Config, Section, parse, reference
from streamguard.config.origins import DEFAULT, MASK

SECRET = "hunter2-hunter2"
GOOD = f"""
[kafka]
brokers = "kafka:9092"
sasl_password = "{SECRET}"

[clickhouse]
url = "https://clickhouse:8443"
password = "{SECRET}"

[[providers]]
name = "openai"
base_url = "https://api.openai.com/v1"
api_key = "{SECRET}"
query = {{api-version = "1"}}
headers = {{X-Gateway = "{SECRET}"}}

[[providers]]
kind = "static"
text = "We are \\"busy\\"."

[[routes.default]]
provider = "openai"
model = "gpt-4o"
without = ["tools", "streaming"]
price = {{input = 2.5, output = 10}}

[[routes.default]]
provider = "static"
model = "text"

[[routes.economy]]
provider = "openai"
model = "gpt-4o-mini"

[invoke.breaker]
failures = 3

[[remote_checks]]
name = "guard"
kind = "moderations"
base_url = "https://api.openai.com/v1"
model = "mine"
"""


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables of whoever runs the tests."""
    for name in config.set_variables():
        monkeypatch.delenv(name)
    monkeypatch.delenv(config.CONFIG_FILE, raising=False)


def run(*arguments: str | Path, **variables: str) -> Result:
    return CliRunner().invoke(main, ["config", *map(str, arguments)], env=dict(variables))


def written(folder: Path, text: str) -> Path:
    file = folder / "streamguard.toml"
    file.write_text(text)
    return file


def origins(*arguments: str | Path, **variables: str) -> dict[str, tuple[Any, str]]:
    result = run("show", "--json", *arguments, **variables)
    assert result.exit_code == 0, result.stderr
    told = [orjson.loads(line) for line in result.stdout.splitlines()]
    return {one["key"]: (one["value"], one["origin"]) for one in told}


def test_a_good_file_is_ok(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    for arguments, named in ((("check", file), ""), (("check",), str(file))):
        variables = {config.CONFIG_FILE: named} if named else {}
        result = run(*arguments, **variables)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{file}: ok; providers: openai, static; routes: default, economy\n"


def test_all_keys_that_are_wrong_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("brokers =", "brokerz =").replace("failures = 3", "failures = 0")
        + "[limits]\nmax_messages = 'x'\n"
    )
    result = run("check", written(tmp_path, text))
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == [
        "kafka.brokerz",
        "invoke.breaker.failures",
        "limits.max_messages",
    ]
    assert SECRET not in result.stderr


def test_all_parts_that_do_not_fit_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('provider = "static"', 'provider = "nobody"') + "[invoke]\ntimeout = 60.0\n"
    text += '[[routes.auto]]\nprovider = "openai"\nmodel = "m"\n'
    lines = run("check", written(tmp_path, text)).stderr.splitlines()
    assert len(lines) == 3
    for said in ("names the provider 'nobody'", "route 'auto' cannot be configured", "invoke.timeout must be shorter"):
        assert sum(said in line for line in lines) == 1


def test_what_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    """Secrets, certificates, addresses, the policy and routes: nothing of it needs a network."""
    policy = tmp_path / "policy.toml"
    policy.write_text("versionn = 1\n")
    text = (
        '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_username = "u"\nsasl_password_env = "NO_SUCH_VARIABLE"\n'
        f'ssl_ca_file = "{tmp_path}/no-ca.pem"\nssl_cert_file = "{tmp_path}/no-cert.pem"\n'
        f'[clickhouse]\nurl = "https://store"\npassword_file = "{tmp_path}/none"\nca_file = "{tmp_path}/no-authority.pem"\n'
        f'[policy]\nfile = "{policy}"\nkey_env = "NO_SUCH_KEY"\n'
        '[[providers]]\nname = "one"\nbase_url = "https://one/v1"\napi_key_env = "NO_SUCH_VARIABLE"\n'
        f'[[providers]]\nname = "two"\nbase_url = "https://two/v1"\napi_key_file = "{tmp_path}/no-key"\n'
        '[[providers]]\nname = "three"\nbase_url = "ftp://three"\n'
        '[[routes.default]]\nprovider = "one"\nmodel = "m"\n'
        '[[remote_checks]]\nname = "guard"\nkind = "moderations"\nbase_url = "nowhere"\n'
    )
    result = run("check", written(tmp_path, text))
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    for said in (
        "sasl_password_env: the variable NO_SUCH_VARIABLE is not set",
        "kafka.ssl_ca_file: ",
        "kafka.ssl_cert_file: ",
        "password_file: ",
        "no-authority.pem",
        "key_env: the variable NO_SUCH_KEY is not set",
        "versionn",
        "provider 'one': api_key_env: the variable NO_SUCH_VARIABLE is not set",
        "provider 'two': api_key_file: ",
        "the base_url of 'three' must look like",
        "the base_url of 'guard' must look like",
        "routes: there is no 'economy'",
    ):
        assert sum(said in line for line in lines) == 1, (said, lines)
    assert len(lines) == 12


@pytest.mark.parametrize(
    "brokers", ["kafka:port", "[::1:9092", ",", "kafka:99999", "kafka:0", "kafka-1:9092 kafka-2:9092"]
)
def test_brokers_that_a_worker_would_refuse_are_told(tmp_path: Path, brokers: str) -> None:
    result = run("check", written(tmp_path, GOOD.replace("kafka:9092", brokers)))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"kafka: {brokers!r} are no addresses: kafka.brokers has host:port, parted by commas")


@pytest.mark.parametrize("brokers", ["kafka", "[::1]:9092", "::1", " a:1 , b:2,"])
def test_brokers_as_clients_read_them_are_right(tmp_path: Path, brokers: str) -> None:
    assert run("check", written(tmp_path, GOOD.replace("kafka:9092", brokers))).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("[kafka\n", "is no valid TOML"), (None, "cannot be read"), ("[kafkaa]\n", "kafkaa: there is no such key")],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "none.toml" if text is None else written(tmp_path, text)
    result = run("check", file)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert said in line
    assert str(file) in line


def test_unknown_variables_are_all_told(tmp_path: Path) -> None:
    result = run("check", written(tmp_path, GOOD), STREAMGUARD_KAFKAA__BROKERS="a", STREAMGUARD_NOTHING="b")
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == [
        "STREAMGUARD_KAFKAA__BROKERS",
        "STREAMGUARD_NOTHING",
    ]


def test_each_value_has_its_origin(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    told = origins(
        "--config",
        file,
        STREAMGUARD_KAFKA__PREFIX="eu-",
        STREAMGUARD_INVOKE='{"retries": 1, "breaker": {"probes": 5}}',
        STREAMGUARD_INVOKE__BACKOFF="0.5",
        STREAMGUARD_REMOTE_CHECKS='[{"name": "other", "kind": "moderations", "base_url": "https://b/v1"}]',
    )
    assert told["kafka.brokers"] == ("kafka:9092", str(file))
    assert told["kafka.prefix"] == ("eu-", "STREAMGUARD_KAFKA__PREFIX")
    assert told["kafka.session"] == (10.0, DEFAULT)
    assert told["invoke.retries"] == (1, "STREAMGUARD_INVOKE")
    assert told["invoke.backoff"] == (0.5, "STREAMGUARD_INVOKE__BACKOFF")
    assert told["invoke.breaker.probes"] == (5, "STREAMGUARD_INVOKE")
    assert told["invoke.breaker.failures"] == (3, str(file))
    assert told["providers.0.name"] == ("openai", str(file))
    assert told["providers.0.local"] == (False, DEFAULT)
    assert told["routes.default.0.price.input"] == ("2.5", str(file))
    assert told["routes.default.1.timeout"] == (10.0, DEFAULT)
    # a list takes the place of the file's
    assert told["remote_checks.0.name"] == ("other", "STREAMGUARD_REMOTE_CHECKS")
    assert told["remote_checks.0.model"] == ("omni-moderation-latest", DEFAULT)


def test_only_what_is_set(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    told = origins("--changed", "--config", file, STREAMGUARD_KAFKA__PREFIX="eu-")
    assert DEFAULT not in {origin for _, origin in told.values()}
    assert {"kafka.brokers", "kafka.prefix", "invoke.breaker.failures"} <= told.keys()
    assert "kafka.session" not in told


def test_secrets_are_masked(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    for result in (
        run("show", "--config", file),
        run("show", "--json", "--config", file, STREAMGUARD_POLICY__KEY=SECRET),
    ):
        assert SECRET not in result.output
    told = origins("--config", file)
    for key in ("kafka.sasl_password", "clickhouse.password", "providers.0.api_key", "policy.key"):
        assert told[key][0] == MASK
    assert told["kafka.ssl_key_password"][0] == ""


@pytest.mark.parametrize(
    ("base_url", "query"),
    [
        (f"https://writer:{SECRET}@proxy/v1", "{}"),
        (f"https://writer:p@{SECRET}@proxy/v1", "{}"),
        (f"https://{SECRET}@proxy/v1", "{}"),
        (f"https://proxy/v1?version=1&api_key={SECRET}&x=2", "{}"),
        (f"https://proxy/v1?Sub-Key={SECRET}#x", "{}"),
        ("https://proxy/v1", f'{{subscription-key = "{SECRET}"}}'),
        ("https://proxy/v1", f'{{Sig = "{SECRET}"}}'),
    ],
)
def test_addresses_and_queries_are_shown_without_what_is_secret_in_them(
    tmp_path: Path, base_url: str, query: str
) -> None:
    file = written(tmp_path, f'[[providers]]\nname = "p"\nbase_url = "{base_url}"\nquery = {query}\n')
    for arguments in ((), ("--json",)):
        shown = run("show", *arguments, "--config", file)
        assert shown.exit_code == 0, shown.stderr
        assert SECRET not in shown.output
        assert "proxy/v1" in shown.output
    assert SECRET not in repr(config.load(file).providers[0].model_copy(update={"base_url": "", "query": {}}))


def test_what_is_no_secret_is_shown(tmp_path: Path) -> None:
    told = origins("--config", written(tmp_path, GOOD))
    assert told["providers.0.query"][0] == {"api-version": "1"}
    assert told["providers.0.headers"][0] == {"X-Gateway": MASK}
    assert told["providers.0.base_url"][0] == "https://api.openai.com/v1"


def without(masked: Any) -> Any:
    """The same without secrets, which nobody can read back."""
    match masked:
        case dict():
            table: Mapping[str, Any] = masked
            return {key: without(value) for key, value in table.items() if value != MASK}
        case list():
            many: list[Any] = masked
            return [without(one) for one in many]
        case _:
            return masked


@pytest.mark.parametrize("changed", [(), ("--changed",)])
def test_what_is_shown_is_a_configuration_that_does_the_same(tmp_path: Path, changed: tuple[str, ...]) -> None:
    shown = run("show", *changed, "--config", written(tmp_path, GOOD)).stdout
    again = parse(without(tomllib.loads(shown)), source="what was shown")
    bare = GOOD.replace(f'sasl_password = "{SECRET}"\n', "").replace(f'password = "{SECRET}"\n', "")
    bare = bare.replace(f'api_key = "{SECRET}"\n', "")
    bare = bare.replace(f'headers = {{X-Gateway = "{SECRET}"}}\n', "")
    assert again == parse(tomllib.loads(bare), source="the file")


def test_the_example_is_as_it_would_be_made() -> None:
    assert reference.FILE.read_text() == reference.reference(), "run `make schemas`"
    assert run("example").stdout == reference.reference()


def test_the_example_says_what_holds_without_it() -> None:
    assert parse(tomllib.loads(reference.reference()), source="the example") == Config()


def test_the_example_with_every_line_taken_in_is_a_configuration() -> None:
    lines = reference.reference().splitlines()
    taken = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line for line in lines
    )
    loaded = parse(
        tomllib.loads("\n".join(line for line in taken.splitlines() if not line.endswith("# not set"))), source="it"
    )
    assert [one.kind for one in loaded.providers] == ["openai", "anthropic", "static"]
    assert len(loaded.remote_checks) == 4
    bare = loaded.model_copy(update={"providers": (), "routes": {}, "remote_checks": ()})
    assert bare == Config()


def test_every_key_is_in_the_example(tmp_path: Path) -> None:
    text = reference.reference()
    for key in origins("--config", written(tmp_path, GOOD)):
        name = key.split(".")[-1]
        assert f"\n#{name} = " in text or f".{name}]\n" in text, key


class Told(Section):
    """A table."""

    told: int = 1
    """What it is."""


class Untold(Told):
    """Another one."""

    untold: int = Field(default=1)


def test_a_key_without_a_word_about_it_cannot_be_added() -> None:
    assert list(reference.keys_of(Told, "table")) == ["# What it is.", "#told = 1"]
    with pytest.raises(reference.Undocumented, match=r"Untold\.untold"):
        list(reference.keys_of(Untold, "table"))
