"""Fixtures that tests of several rooms share."""

from collections.abc import Generator, Iterator

import pytest

from tests.support.dev_line import Dev, start_dev, stop_dev
from tests.support.kafka import KafkaNode
from tests.support.started import Start, starting
from tests.support.unavailable import or_skip


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A running broker, one a test process. Without Java or Maven its tests are skipped; in CI (`CI=true`) they fail."""
    node = KafkaNode(tmp_path_factory.mktemp("kafka") / "node")
    or_skip(node.start)
    yield node
    node.stop()


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A running `streamguard dev`, one a test process. Its tests share limits, cache and store: use a tenant of your own."""
    for module in ("confluent_kafka", "chdb"):
        pytest.importorskip(module)
    running = start_dev(tmp_path_factory.mktemp("dev"))
    yield running
    stop_dev(running)


@pytest.fixture
def start() -> Generator[Start]:
    """Starts commands that end with the test."""
    yield from starting()
