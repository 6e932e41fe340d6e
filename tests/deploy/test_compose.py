"""docker-compose.yml: by the Compose Specification's own schema, and by what it refers to."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import orjson
import pytest

from streamguard import config
from streamguard.app import STAGES
from streamguard.cli import main as streamguard
from streamguard.cli.worker import MOST_PROCESSES
from streamguard.config import CONFIG_FILE, ENV_PREFIX
from tests.support.deployment import DEPLOY, ROOT, ours, read, services
from tests.support.dockerfile import stages

COMPOSE = read("docker-compose.yml")
TOML = tomllib.loads((DEPLOY / "streamguard.toml").read_text())
FINAL = stages((ROOT / "Dockerfile").read_text())[-1]
IMAGE_ENVIRONMENT = dict(part.split("=", 1) for line in FINAL.of("ENV") for part in line.split())
SECRETS = "/run/secrets/"


def environment(service: dict[str, Any]) -> dict[str, str]:
    """What its process finds: the image's variables, then compose's, with defaults where an operator sets none."""
    own = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service.get("environment", {}).items()}
    return IMAGE_ENVIRONMENT | own


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Where what is mounted."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return {part[1]: part[0] for part in parts}


def test_it_is_a_compose_file() -> None:
    # not imported: it wants a later click than Faust allows, and its schema is all that is needed
    brought = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = orjson.loads(Path(str(brought)).read_bytes())
    validator = jsonschema_rs.validator_for(schema)
    assert [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(COMPOSE)] == []
    assert not validator.is_valid({**COMPOSE, "services": {"worker": {"imagee": "x"}}}), "the schema catches nothing"


def test_images_are_pinned_to_a_release() -> None:
    assert {"kafka", "clickhouse", "grafana", "prometheus", "alertmanager"} <= services().keys() - ours().keys()
    for name, service in services().items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(\.\d+)?", service["image"]), name
        assert "build" in service or name not in ours()


def test_whatever_it_refers_to_is_there() -> None:
    for name, service in services().items():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert {item["source"] for item in service.get("configs", [])} <= COMPOSE["configs"].keys(), name
        for place, source in mounts(service).items():
            assert place.startswith("/")
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], (name, source)
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services()[other], (name, other)
    assert (ROOT / COMPOSE["configs"]["streamguard"]["file"]).exists()
    used = {secret for service in services().values() for secret in service.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    assert {source for service in services().values() for source in mounts(service).values()} >= COMPOSE[
        "volumes"
    ].keys()


@pytest.mark.parametrize("name", list(ours()))
def test_the_configuration_knows_every_key_and_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {key: value for key, value in environment(ours()[name]).items() if key.startswith(ENV_PREFIX)}
    for key, value in wanted.items():
        monkeypatch.setenv(key, value)
    (place,) = [item["target"] for item in ours()[name]["configs"]]
    assert wanted[CONFIG_FILE] == place
    loaded = config.parse(TOML, source="deploy/streamguard.toml")
    assert loaded.worker.instance == "host-1"
    assert loaded.worker.metrics_host == "0.0.0.0"
    assert loaded.worker.metrics_port == 9464
    if name != "topics":
        assert loaded.worker.lock_dir is not None
        assert str(loaded.worker.lock_dir.parent) in mounts(ours()[name]), "lock_dir must outlive the container"


def test_a_variable_that_is_unknown_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGUARD_WORKER__INSTANZ", "a")
    with pytest.raises(config.ConfigError, match=r"worker\.instanz: there is no such key"):
        config.parse(TOML, source="a test")


def test_addresses_are_those_of_services() -> None:
    loaded = config.parse(TOML, source="a test")
    host, port = loaded.kafka.brokers.split(":")
    advertised = dict(
        item.split("://") for item in services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    assert f"{host}:{port}" in advertised.values()
    assert host in services()
    assert loaded.clickhouse.url == "http://clickhouse:8123"
    published = services()["kafka"]["ports"]
    assert published == [f"{advertised['HOST']}:{advertised['HOST'].split(':')[1]}"]


def test_every_secret_file_that_a_process_reads_is_mounted_into_it() -> None:
    loaded = config.parse(TOML, source="a test")
    keys = {str(provider.api_key_file) for provider in loaded.providers if provider.kind != "static"}
    read_by = {"worker": {str(loaded.policy.key_file), *keys}, "sink": {str(loaded.clickhouse.password_file)}}
    for name, wanted in read_by.items():
        assert wanted == {f"{SECRETS}{secret}" for secret in ours()[name]["secrets"]}
    elsewhere = {
        "clickhouse": (DEPLOY / "clickhouse/users.d/streamguard.xml").read_text(),
        "alertmanager": (DEPLOY / "alertmanager/alertmanager.yml").read_text(),
        "grafana": (DEPLOY / "grafana/provisioning/datasources/streamguard.yml").read_text()
        + str(services()["grafana"]["environment"]),
    }
    for name, text in elsewhere.items():
        assert set(re.findall(rf"{SECRETS}(\w+)", text)) == set(services()[name]["secrets"]), name


@pytest.mark.parametrize("name", list(ours()))
def test_each_command_is_one_that_there_is(name: str) -> None:
    """Options and their values are read as the command would, and nothing is run."""
    context = streamguard.make_context("streamguard", list(ours()[name]["command"]))
    words = [*context._protected_args, *context.args]  # pyright: ignore[reportPrivateUsage] - where click keeps the subcommand
    group: Any = streamguard
    while hasattr(group, "resolve_command"):
        named, group, words = group.resolve_command(context, words)
        context = group.make_context(named, words, parent=context)
        words = [*context._protected_args, *context.args]  # pyright: ignore[reportPrivateUsage] - as above
    assert set(context.params.get("stages", ())) <= set(STAGES)


def test_every_process_is_watched_and_scraped() -> None:
    base = int(IMAGE_ENVIRONMENT["STREAMGUARD_WORKER__METRICS_PORT"])
    command = ours()["worker"]["command"]
    processes = int(command[command.index("--processes") + 1])
    ports = {"worker": [base + n for n in range(processes)], "sink": [base + MOST_PROCESSES]}
    for name, wanted in ports.items():
        probe = ours()[name]["healthcheck"]["test"]
        assert probe[:3] == ["CMD", "python", "/opt/streamguard/alive.py"]
        assert [int(port) for port in probe[3:]] == wanted
    scraped = [
        target
        for job in read("deploy/prometheus/prometheus.yml")["scrape_configs"]
        for item in job["static_configs"]
        for target in item["targets"]
    ]
    assert scraped == [f"{name}:{port}" for name, wanted in ports.items() for port in wanted]


def test_processes_are_given_the_time_they_take_to_stop() -> None:
    most = max(config.parse({"kafka": {"grace": 10}}, source="a test").kafka.grace, 5) + 15
    for name in ("worker", "sink"):
        assert int(ours()[name]["stop_grace_period"].removesuffix("s")) > most


def test_nothing_is_open_to_other_hosts() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
        assert "network_mode" not in service


def test_whatever_stays_has_a_health_check_and_starts_again() -> None:
    for name, service in services().items():
        if name == "topics":
            assert service["restart"].startswith("on-failure:")
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["logging"]["options"]["max-size"], name
    assert services()["clickhouse"]["ulimits"]["nofile"]["soft"] >= 262144


def test_grafana_reads_as_the_user_who_may_only_read() -> None:
    clickhouse, prometheus = read("deploy/grafana/provisioning/datasources/streamguard.yml")["datasources"]
    assert clickhouse["type"] == services()["grafana"]["environment"]["GF_PLUGINS_PREINSTALL"].split("@")[0]
    told = clickhouse["jsonData"]
    assert (told["host"] in services(), told["port"], told["protocol"]) == (True, 8123, "http")
    assert told["username"] == "streamguard_reader"
    assert told["defaultDatabase"] == config.parse(TOML, source="a test").clickhouse.database
    assert clickhouse["secureJsonData"] == {"password": f"$__file{{{SECRETS}clickhouse_reader}}"}
    assert prometheus["url"] == "http://prometheus:9090"


def test_files_that_git_must_not_see_are_ignored() -> None:
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    folders = {Path(item["file"]).parent for item in COMPOSE["secrets"].values()}
    assert folders == {Path("deploy/secrets")}


def test_the_page_names_the_releases_and_alerts_that_there_are() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    for service in services().values():
        assert service["image"].startswith("streamguard:") or service["image"] in page
    assert services()["grafana"]["environment"]["GF_PLUGINS_PREINSTALL"].replace("@", "` ") in page
    for group in read("deploy/prometheus/rules/streamguard.yml")["groups"]:
        for rule in group["rules"]:
            assert str(rule.get("alert", "Streamguard")).removeprefix("Streamguard") in page


def test_the_servers_files_are_well_formed() -> None:
    found = sorted((DEPLOY / "clickhouse").rglob("*.xml"))
    assert len(found) == 2
    for file in found:
        assert ElementTree.parse(file).getroot().tag == "clickhouse"
