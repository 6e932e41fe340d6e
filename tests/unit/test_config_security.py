"""`[kafka]` and `[clickhouse]`: users, passwords and certificates, each from one source, named by key and shown nowhere."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from streamguard.analytics.clickhouse import Connection
from streamguard.config import ClickHouse, Kafka, parse
from streamguard.errors import ConfigError
from tests.support.secured import Authority

SECRET = "hunter2-hunter2"
TLS: dict[str, Any] = {"security_protocol": "SASL_SSL", "sasl_username": "worker", "sasl_password": SECRET}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def kafka(**keys: Any) -> Kafka:
    return parse({"kafka": keys}, source="a test").kafka


def clickhouse(**keys: Any) -> ClickHouse:
    return parse({"clickhouse": keys}, source="a test").clickhouse


def test_without_a_word_about_it_there_is_neither_tls_nor_a_user() -> None:
    assert kafka(brokers="a:1,b:2").cluster().arguments == {"bootstrap_servers": "a:1,b:2"}


def test_every_client_is_given_protocol_user_and_one_tls_context(authority: Authority) -> None:
    cluster = kafka(**TLS, sasl_mechanism="PLAIN", ssl_ca_file=authority.file).cluster()
    context = cluster.arguments.pop("ssl_context")
    assert cluster.arguments["ssl_context"] is context  # for all clients of a process the same
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert {name: value for name, value in cluster.options.items() if name != "ssl_context"} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "worker",
        "sasl_plain_password": SECRET,
    }
    assert not kafka(**TLS, ssl_check_hostname=False).cluster().options["ssl_context"].check_hostname


def test_a_user_without_tls_and_tls_without_a_user() -> None:
    assert "ssl_context" not in kafka(**{**TLS, "security_protocol": "SASL_PLAINTEXT"}).cluster().options
    assert kafka(security_protocol="SSL").cluster().options.keys() == {"security_protocol", "ssl_context"}


def test_our_own_certificate_is_loaded_with_its_key(authority: Authority) -> None:
    certificate, key = authority.issue("client")
    assert kafka(security_protocol="SSL", ssl_cert_file=certificate, ssl_key_file=key).cluster()
    both = certificate.with_name("both.pem")
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert kafka(security_protocol="SSL", ssl_cert_file=both).cluster()


def test_a_password_from_a_variable_or_a_file_without_the_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("A_PASSWORD", f" {SECRET}\n")
    login = {"security_protocol": "SASL_SSL", "sasl_username": "worker"}
    for source in ({"sasl_password_file": file}, {"sasl_password_env": "A_PASSWORD"}):
        assert kafka(**login, **source).cluster().options["sasl_plain_password"] == SECRET
    for source in ({"password_file": file}, {"password_env": "A_PASSWORD"}, {"password": SECRET}):
        assert clickhouse(**source).secret().get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"security_protocol": "SASL_SSL"}, "kafka: sasl_username: SASL_SSL needs a user"),
        ({"security_protocol": "TLS"}, "kafka.security_protocol: "),
        ({"sasl_mechanism": "GSSAPI"}, "kafka.sasl_mechanism: "),
        (
            {"security_protocol": "SSL", "ssl_key_file": "/a"},
            "kafka: ssl_key_file belongs to ssl_cert_file, which is missing",
        ),
        # TLS or a user that would silently not be used
        ({"ssl_ca_file": "/a"}, "kafka: ssl_ca_file would do nothing: security_protocol is PLAINTEXT"),
        (
            {**TLS, "security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": "/a", "ssl_cert_file": "/b"},
            "kafka: ssl_ca_file and ssl_cert_file would do nothing: security_protocol is SASL_PLAINTEXT",
        ),
        (
            {**TLS, "security_protocol": "SSL"},
            "kafka: sasl_username would do nothing: security_protocol is SSL",
        ),
        (
            {**TLS, "sasl_password_file": "/a"},
            "kafka: sasl_password and sasl_password_file exclude each other; keep one",
        ),
        (
            {"sasl_password_env": "A", "sasl_password_file": "/a"},
            "kafka: sasl_password_env and sasl_password_file exclude each other; keep one",
        ),
        (
            {"ssl_key_password": SECRET, "ssl_key_password_env": "A"},
            "kafka: ssl_key_password and ssl_key_password_env exclude each other; keep one",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kafka(**keys)
    assert said in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("key", ["url", "payloads_url", "read_url", "payloads_read_url"])
@pytest.mark.parametrize(
    "url", ["clickhouse:8123", "ftp://u:hunter2@clickhouse", "http://", "http://[", "http://c:x", ""]
)
def test_an_address_of_clickhouse_is_one_of_http(key: str, url: str) -> None:
    with pytest.raises(ConfigError, match=rf"clickhouse\.{key}: must look like http://clickhouse:8123") as told:
        parse({"clickhouse": {key: url}}, source="x")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("key", ["url", "payloads_url", "read_url", "payloads_read_url"])
@pytest.mark.parametrize("url", [f"http://writer:{SECRET}@clickhouse:8123", f"https://:{SECRET}@clickhouse"])
def test_an_address_of_clickhouse_has_no_password_in_it(key: str, url: str) -> None:
    """Addresses are shown when nobody answers; and nobody would log in by it."""
    with pytest.raises(ConfigError, match=rf"clickhouse\.{key}: must be without user and password") as told:
        clickhouse(**{key: url})
    assert SECRET not in f"{told.value!r} {told.value.__cause__!r}"
    with pytest.raises(ConfigError, match="the address of a store must be without user and password") as told:
        Connection(clickhouse(), url).command("SELECT 1")
    assert SECRET not in f"{told.value!r} {told.value.__cause__!r}"


@pytest.mark.parametrize("key", ["url", "payloads_url", "read_url", "payloads_read_url"])
@pytest.mark.parametrize(
    "behind", [f"/?user=writer&password={SECRET}", f"?password={SECRET}", "/proxied", f"/#{SECRET}"]
)
def test_an_address_of_clickhouse_has_nothing_behind_the_port(key: str, behind: str) -> None:
    """It was passed over in silence, and shown when nobody answered."""
    assert clickhouse(**{key: "http://clickhouse:8123/"})
    with pytest.raises(ConfigError, match=rf"clickhouse\.{key}: must end with the host or the port: ") as told:
        clickhouse(**{key: f"http://clickhouse:8123{behind}"})
    assert SECRET not in f"{told.value!r} {told.value.__cause__!r}"


def test_clickhouse_takes_one_password() -> None:
    with pytest.raises(ConfigError, match="clickhouse: password and password_env exclude each other; keep one"):
        clickhouse(password=SECRET, password_env="A")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sasl_password_env": "NOT_SET"}, "kafka.sasl_password_env: the variable NOT_SET is not set, or empty"),
        ({"sasl_password_file": "/nowhere"}, "kafka.sasl_password_file: /nowhere cannot be read (FileNotFoundError)"),
        ({"sasl_password_file": "EMPTY"}, "kafka.sasl_password_file: EMPTY is empty"),
        ({"ssl_ca_file": "/nowhere"}, "kafka.ssl_ca_file: /nowhere cannot be read (No such file or directory)"),
        ({"ssl_ca_file": "EMPTY"}, "kafka.ssl_ca_file: EMPTY does not hold what it should"),
        ({"ssl_cert_file": "/nowhere"}, "kafka.ssl_cert_file: /nowhere cannot be read"),
        ({"ssl_cert_file": "EMPTY", "ssl_key_file": "EMPTY"}, "kafka.ssl_cert_file, ssl_key_file: EMPTY does not hold"),
    ],
)
def test_a_secret_or_certificate_that_cannot_be_had_is_named_when_clients_are_to_be_made(
    keys: dict[str, str], said: str, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    login = {"security_protocol": "SASL_SSL", "sasl_username": "worker"}
    section = kafka(**login, **{name: str(empty) if value == "EMPTY" else value for name, value in keys.items()})
    with pytest.raises(ConfigError) as caught:
        section.cluster()
    assert said in str(caught.value).replace(str(empty), "EMPTY")


def test_an_authority_of_clickhouse_that_cannot_be_read_is_named(authority: Authority) -> None:
    https = {"url": "https://store"}
    assert clickhouse(**https, ca_file=authority.file).authorities() == str(authority.file)
    assert clickhouse(**{"payloads_url": "https://texts"}, ca_file=authority.file).authorities() == str(authority.file)
    with pytest.raises(ConfigError, match="clickhouse: ca_file would do nothing: no address begins with https://"):
        clickhouse(ca_file=authority.file)
    assert clickhouse().authorities() is None
    with pytest.raises(ConfigError, match=r"clickhouse\.ca_file: /nowhere cannot be read"):
        clickhouse(**https, ca_file="/nowhere").authorities()


def test_nothing_that_is_printed_shows_a_password(authority: Authority) -> None:
    section = kafka(**TLS, ssl_ca_file=authority.file, ssl_key_password=SECRET)
    assert SECRET not in f"{section!r} {section} {section.model_dump()} {section.model_dump_json()}"
    assert SECRET not in f"{section.cluster()!r} {section.cluster()}"
    store = clickhouse(password=SECRET)
    assert SECRET not in f"{store!r} {store} {store.model_dump()} {store.model_dump_json()}"
