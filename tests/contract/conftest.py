"""Fixtures of the tests of the sink: an embedded broker with what it reads and writes, and a store."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from streamguard.dev.broker import EmbeddedBroker
from streamguard.dev.store import EmbeddedStore, StoreSettings
from streamguard.stream.sink import GROUP


@pytest.fixture
def brokers() -> Iterator[str]:
    topics = {"telemetry": 4, "payloads": 4, "dead-letters": 4}
    with EmbeddedBroker(topics=topics, groups=(GROUP,), first_assignment=0.1) as broker:
        yield broker.address


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[str]:
    async with EmbeddedStore(StoreSettings(path=tmp_path / "store")) as store:
        yield store.address
