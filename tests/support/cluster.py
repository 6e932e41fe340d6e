"""Several real brokers for tests, each a controller too, with replication, leaders that move, and doors that can be cut."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from confluent_kafka import ElectionType, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.cut import Door
from tests.support.kafka import KafkaNode, KafkaUnavailable, create_topics, free_ports

HEAP = 384
SEEN_SECONDS = 15.0
"""Within this a change is seen in the metadata, or it did not happen."""
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Replicas:
    """One partition: the number of its leader (-1: none now), of the nodes that hold it, and of those in sync."""

    leader: int
    replicas: Sequence[int]
    in_sync: Sequence[int]

    @property
    def whole(self) -> bool:
        return self.leader > 0 and set(self.in_sync) == set(self.replicas)


class KafkaCluster:
    """Nodes 1 to `nodes`, broker and controller each; every topic, those of Kafka itself too, is on up to three of them,
    and an acknowledged record (acks=all) on at least two. A partition's first node leads again 10 s after it came back.

    `start`, `stop` and `kill` block. Start it, and its nodes, in a thread that lives as long as they should. One node alone
    starts only while a majority of the others runs: `start` again starts all that do not run.
    """

    def __init__(self, directory: Path, *, nodes: int = 3, doors: Sequence[str] = ()) -> None:
        ports = iter(free_ports(nodes * (2 + 2 * len(doors))))
        plain, controllers = ([next(ports) for _ in range(nodes)] for _ in range(2))
        behind = {name: [(next(ports), next(ports)) for _ in range(nodes)] for name in doors}
        self.replication = min(3, nodes)
        shared = _shared_settings(controllers, self.replication)
        self.nodes: Sequence[KafkaNode] = [
            KafkaNode(
                directory / f"node-{index + 1}",
                number=index + 1,
                port=plain[index],
                settings=shared | _listeners(plain[index], controllers[index], behind, index),
                heap=HEAP,
            )
            for index in range(nodes)
        ]
        self._doors = {name: Door(ways) for name, ways in behind.items()}

    @property
    def brokers(self) -> str:
        """The address for clients: all nodes."""
        return ",".join(node.brokers for node in self.nodes)

    def door(self, name: str) -> Door:
        """A client whose address is this door's `brokers` reaches all nodes through it, whatever metadata says."""
        return self._doors[name]

    def start(self) -> None:
        """Start all that does not run, and return when every node is part of the cluster. Raises `KafkaUnavailable`."""
        try:
            for door in self._doors.values():
                door.start()
            starting = [node for node in self.nodes if not node.runs]
            for node in starting:
                node.launch()
            for node in starting:
                node.await_answer()
            admin, deadline = self._admin(), time.monotonic() + SEEN_SECONDS
            while len(admin.list_topics(timeout=SEEN_SECONDS).brokers) < len(self.nodes):
                if time.monotonic() > deadline:
                    raise KafkaUnavailable("the brokers do not find each other")
                time.sleep(_POLL)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """An orderly end of all nodes, side by side; and of the doors."""
        with ThreadPoolExecutor(len(self.nodes)) as hands:
            list(hands.map(KafkaNode.stop, self.nodes))
        self._close_doors()

    def kill(self) -> None:
        """As a power cut of all nodes."""
        for node in self.nodes:
            node.kill()
        self._close_doors()

    async def create(
        self, topics: Sequence[str], *, partitions: int = 4, configs: Mapping[str, str] | None = None
    ) -> None:
        """Create topics on three nodes, at least two of them in sync. Raises aiokafka's errors, also for one that exists."""
        await create_topics(self.brokers, topics, partitions, self.replication, configs)

    async def leaders(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """The number of each partition's node; -1 while it has none."""
        return {place: one.leader for place, one in (await self.replicas(topics)).items()}

    async def replicas(self, topics: Sequence[str] = ()) -> dict[tuple[str, int], Replicas]:
        """Each partition as the metadata shows it now; without `topics`, of all there are (`__consumer_offsets` too).

        What a broker that has just died held is shown in sync until its session ends, 3 s later.
        """
        return await asyncio.to_thread(lambda: dict(_replicas(self._admin(), topics)))

    async def replicas_in_sync(self, topics: Sequence[str] = ()) -> bool:
        """Whether each of these topics is there, and each partition has a leader and all of its nodes in sync."""
        found = await self.replicas(topics)
        return {topic for topic, _ in found} >= set(topics) and all(one.whole for one in found.values())

    async def until_in_sync(self, topics: Sequence[str] = (), seconds: float = 30.0) -> float:
        """Wait for `replicas_in_sync`; the seconds that it took. Raises `TimeoutError`."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while not await self.replicas_in_sync(topics):
                await asyncio.sleep(_POLL)
        return time.monotonic() - began

    async def move_leaders(self, topics: Sequence[str], draw: random.Random) -> int:
        """Give about half of the partitions another leader that is in sync; how many are then seen to have it.

        Name `__consumer_offsets` to move the coordinators of groups.
        """
        before = await self.replicas(topics)
        movable = sorted(place for place, one in before.items() if set(one.in_sync) - {one.leader})
        chosen = draw.sample(movable, (len(movable) + 1) // 2)
        to = {place: draw.choice(sorted(set(before[place].in_sync) - {before[place].leader})) for place in chosen}
        if not to:
            return 0
        # The first of a partition's nodes is the one that an election prefers, and its order can be changed at any time.
        await self._reassign({place: [to[place], *(set(before[place].replicas) - {to[place]})] for place in chosen})
        await asyncio.to_thread(self._elect, chosen)
        deadline = time.monotonic() + SEEN_SECONDS
        while True:
            now = await self.leaders(topics)
            moved = sum(now.get(place) == number for place, number in to.items())
            if moved == len(to) or time.monotonic() > deadline:
                return moved
            await asyncio.sleep(_POLL)

    async def _reassign(self, order: Mapping[tuple[str, int], Sequence[int]]) -> None:
        client = AIOKafkaClient(bootstrap_servers=self.brokers)
        await client.bootstrap()
        try:
            topics: Any = [(topic, [(number, list(nodes), {})], {}) for (topic, number), nodes in order.items()]
            tags: Any = {}  # what it declares for both is not what it takes
            await client.send(client.get_random_node(), AlterPartitionReassignmentsRequest(10_000, topics, tags))
        finally:
            await client.close()

    def _elect(self, places: Sequence[tuple[str, int]]) -> None:
        """Whether it helped is seen in the metadata, not in the answer: who leads already is an error there."""
        partitions = [TopicPartition(*place) for place in places]
        admin = self._admin()  # an answer comes only while it lives
        admin.elect_leaders(ElectionType.PREFERRED, partitions).result()

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})

    def _close_doors(self) -> None:
        for door in self._doors.values():
            door.stop()


def _replicas(admin: AdminClient, topics: Sequence[str]) -> Iterator[tuple[tuple[str, int], Replicas]]:
    for topic, found in admin.list_topics(timeout=SEEN_SECONDS).topics.items():
        if not topics or topic in topics:
            for number, one in found.partitions.items():
                yield (topic, number), Replicas(one.leader, one.replicas, one.isrs)


def _listeners(
    port: int, controller: int, doors: Mapping[str, Sequence[tuple[int, int]]], index: int
) -> dict[str, str | int]:
    """Beside the plain listener one for each door: it hears a port of its own, and tells clients the proxy's."""
    names = {name: f"DOOR{count}" for count, name in enumerate(doors)}
    hears = {"PLAINTEXT": port} | {names[name]: ways[index][1] for name, ways in doors.items()}
    tells = {"PLAINTEXT": port} | {names[name]: ways[index][0] for name, ways in doors.items()}
    return {
        "listeners": _addresses(hears | {"CONTROLLER": controller}),
        "advertised.listeners": _addresses(tells),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in ("CONTROLLER", *hears)),
        "inter.broker.listener.name": "PLAINTEXT",
        **{f"listener.name.{name.lower()}.num.network.threads": 1 for name in ("CONTROLLER", *names.values())},
    }


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _shared_settings(controllers: Sequence[int], replication: int) -> dict[str, str | int]:
    in_sync = min(2, replication)
    return {
        "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, 1)),
        "default.replication.factor": replication,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": in_sync,
        "leader.imbalance.check.interval.seconds": 10,
        "leader.imbalance.per.broker.percentage": 0,
        # Two cores carry all of them, and the tests: few threads.
        "num.network.threads": 1,
        "num.io.threads": 2,
        "num.replica.fetchers": 1,
        "background.threads": 2,
        "group.coordinator.threads": 1,
        "log.cleaner.threads": 1,
        "num.recovery.threads.per.data.dir": 1,
    }
