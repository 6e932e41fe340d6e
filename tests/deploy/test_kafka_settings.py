"""The settings that docker-compose.yml gives Kafka, on a real one: it starts, and the service `topics` makes all topics there."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.deployment import DEPLOY, ours, services
from tests.support.kafka import KafkaNode, free_ports
from tests.support.unavailable import or_skip

pytestmark = pytest.mark.slow


def properties() -> dict[str, str]:
    """As the image makes `server.properties` of its environment: `KAFKA_A_B` is `a.b`."""
    given = services()["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. The ports are others, and the hosts this one; all else is as given."""
    folder = tmp_path_factory.mktemp("kafka-compose") / "node"
    inside, controller, host = free_ports(3)
    given = {**properties(), "log.dirs": str(folder / "log")}
    for named, port in (("9092", inside), ("9093", controller), ("9094", host)):
        given = {
            key: value.replace(f"//:{named}", f"//127.0.0.1:{port}").replace(f"kafka:{named}", f"127.0.0.1:{port}")
            for key, value in given.items()
        }
    given["advertised.listeners"] = given["advertised.listeners"].replace("127.0.0.1:9094", f"127.0.0.1:{host}")
    node = KafkaNode(folder, port=host, settings=given)
    or_skip(node.start)
    yield node.brokers
    node.stop()


def test_the_cluster_has_an_id_that_kafka_takes() -> None:
    text = services()["kafka"]["environment"]["CLUSTER_ID"]
    assert len(base64.urlsafe_b64decode(f"{text}==")) == 16


def test_the_one_shot_service_makes_the_topics_and_finds_nothing_to_say_afterwards(brokers: str) -> None:
    variables = {"STREAMGUARD_CONFIG": str(DEPLOY / "streamguard.toml"), "STREAMGUARD_KAFKA__BROKERS": brokers}

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "streamguard", *arguments]
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    status, told = run(*ours()["topics"]["command"])
    assert status == 0, told
    status, told = run("topics", "check")
    assert status == 0, told
    status, told = run(*ours()["topics"]["command"])
    assert status == 0, told
