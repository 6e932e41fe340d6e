"""A Kafka-protocol broker in one process, in memory: librdkafka's mock cluster, for a first run and quick tests.

What it does not do: it keeps about 5 MB (or 100,000 records) a partition and drops older ones silently, compacts nothing,
forgets everything when it ends, and answers neither CreateTopics nor OffsetsForTimes. A group with members that another
one joins is rebalanced only after the session timeout less one second, so members of one group start together.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Self

from streamguard.dev.group_relay import SYNC_GROUP, SYNC_GROUP_HIGHEST, GroupRelay
from streamguard.dev.mock_kafka import MockCluster

DEFAULT_PARTITIONS = 4
"""How many a topic gets that is not named at the start but created by its first use."""

_HOST = "127.0.0.1"
_RECORDS, _GROUPS = 1, 2  # the numbers of the two brokers: one leads all named topics, one coordinates all named groups


class EmbeddedBroker:
    """`start` it, give `address` to any Kafka client, `close` it. A context manager does both.

    `topics` maps names to partition counts; other topics appear at first use with four. `groups` names the consumer groups
    that have several members: the mock mishandles their rebalances unless they pass the relay; any other group works with
    one member. `first_assignment` is how many seconds an empty group waits for more members before it gives out partitions.
    """

    def __init__(
        self, *, topics: Mapping[str, int] | None = None, groups: Sequence[str] = (), first_assignment: float = 0.2
    ) -> None:
        self._topics = dict(topics or {})
        self._groups = tuple(groups)
        self._first_assignment_ms = max(1, round(first_assignment * 1000))
        self._cluster: MockCluster | None = None
        self._relay_thread: threading.Thread | None = None
        self._stop_relay: Callable[[], object] = lambda: None
        self.address = ""

    def start(self) -> str:
        """Listen on free ports of 127.0.0.1. Returns the bootstrap address, `host:port`.

        Raises `InputError` when confluent-kafka is not installed and `BrokerError` when it does not start.
        """
        cluster = self._cluster = MockCluster(brokers=2, first_assignment_ms=self._first_assignment_ms)
        records, groups = cluster.ports
        cluster.limit_version(SYNC_GROUP, SYNC_GROUP_HIGHEST)
        cluster.advertise(_RECORDS, _HOST, records)
        cluster.advertise(_GROUPS, _HOST, self._start_relay(groups))
        for name, partitions in self._topics.items():
            cluster.create_topic(name, partitions, leader=_RECORDS)
        for group in self._groups:
            cluster.coordinate(group, _GROUPS)
        self.address = f"{_HOST}:{records}"
        return self.address

    def close(self) -> None:
        """Stop it; everything it held is gone. Closing twice does nothing."""
        if self._cluster is None:
            return
        self._stop_relay()
        if self._relay_thread is not None:
            self._relay_thread.join()
        self._cluster.close()
        self._cluster = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_relay(self, upstream: int) -> int:
        listening: Future[int] = Future()

        async def relay() -> None:
            stopped = asyncio.Event()
            loop = asyncio.get_running_loop()
            self._stop_relay = lambda: loop.call_soon_threadsafe(stopped.set)
            groups = GroupRelay(_HOST, upstream)
            try:
                port = await groups.start()
            except OSError as error:
                listening.set_exception(error)
                return
            listening.set_result(port)
            await stopped.wait()
            await groups.close()

        self._relay_thread = threading.Thread(target=asyncio.run, args=(relay(),), name="group-relay", daemon=True)
        self._relay_thread.start()
        return listening.result()


def serve(
    ready: Callable[[str], None],
    stop: threading.Event,
    *,
    topics: Mapping[str, int] | None = None,
    groups: Sequence[str] = (),
    first_assignment: float = 0.2,
) -> None:
    """Run a broker until `stop` is set; `ready` is called once with its bootstrap address. Raises what `start` raises."""
    with EmbeddedBroker(topics=topics, groups=groups, first_assignment=first_assignment) as broker:
        ready(broker.address)
        stop.wait()
