"""What a cluster says of its topics, and telling it to create or set some. The rules are in `topic_rules`.

aiokafka's own admin client tells of no refusal, and its `alter_configs` resets every setting that it is not given; so this asks
through the client below it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, TopicAlreadyExistsError, for_code
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.api import Request
from aiokafka.protocol.metadata import MetadataRequest

from streamguard.config import Cluster
from streamguard.errors import InputError
from streamguard.stream.set_configs import SET, TOPIC, SetConfigs
from streamguard.stream.topic_rules import (
    KEYS,
    FoundCluster,
    FoundPartition,
    FoundTopic,
    Layout,
    partitions_of,
    wanted_configs,
)
from streamguard.stream.topics import Topic, Topics

_TIMEOUT_MS = 15_000
_AGAIN = 0.05
_SEEN_SECONDS = 15.0
"""How long a topic may need until all brokers know of it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change: `done` are the names of the topics for which it was made, `refused` the others by what the broker
    says of them."""

    done: list[str]
    refused: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def refuse(self, name: str, code: int, message: str | None) -> None:
        """Note what the broker says of a topic."""
        self.refused.setdefault(f"{for_code(code).__name__}{_said(message)}", []).append(name)

    def lines(self, what: str) -> list[str]:
        """What was refused, for people: a line a cause. `what` was not done."""
        return [f"{', '.join(names)}: not {what}, {cause}" for cause, names in self.refused.items()]


class TopicAdmin:
    """Speaks to one cluster; an async context manager. Raises errors of Kafka, and InputError for what a broker does not tell."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client: AIOKafkaClient | None = None

    async def __aenter__(self) -> Self:
        self._client = AIOKafkaClient(**self._cluster.arguments, request_timeout_ms=_TIMEOUT_MS)
        try:
            await self._client.bootstrap()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def look(self, ours: Collection[str]) -> FoundCluster:
        """The cluster now, with the settings of those of these topics that exist. Creates none."""
        metadata = (await self._ask(MetadataRequest(None, allow_auto_topic_creation=False))).to_object()
        partitions = {
            one["topic"]: tuple(
                FoundPartition(len(each["replicas"]), len(each["isr"]), each["leader"] >= 0)
                for each in sorted(one["partitions"], key=lambda each: each["partition"])
            )
            for one in metadata["topics"]
        }
        configs = await self._configs([name for name in ours if name in partitions])
        return FoundCluster(
            brokers=len(metadata["brokers"]),
            topics={name: FoundTopic(found, (configs or {}).get(name)) for name, found in partitions.items()},
            tells=configs is not None,
        )

    async def create(self, topics: Topics, missing: Sequence[Topic], layout: Layout) -> Changed:
        """Create them, and wait until those that are there then are known everywhere. What was there before is neither `done` nor
        `refused`."""
        wanted: list[Any] = [
            (
                topics.full(topic.name),
                partitions_of(topic, layout),
                layout.replication,
                [],
                list(wanted_configs(topic, layout.replication).items()),
            )
            for topic in missing
        ]
        try:
            answer = await self._ask(CreateTopicsRequest(wanted, _TIMEOUT_MS, False), await self._controller())
        except IncompatibleBrokerVersion:
            raise InputError(
                "this broker creates no topics; the embedded one is told its topics when it starts"
            ) from None
        made, names = Changed([]), set[str]()
        for name, code, message in answer.topic_errors:
            if code == 0:
                made.done.append(name)
            elif for_code(code) is not TopicAlreadyExistsError:  # else somebody else was quicker
                made.refuse(name, code, message)
                continue
            names.add(name)

        async def led(node: int) -> bool:
            metadata = (await self._ask(MetadataRequest(None, allow_auto_topic_creation=False), node)).to_object()
            return names <= {
                one["topic"]
                for one in metadata["topics"]
                if one["partitions"] and all(each["leader"] >= 0 for each in one["partitions"])
            }

        if names:
            await self._until(led)
        return made

    async def change(self, changes: Mapping[str, Mapping[str, str]]) -> Changed:
        """Change these settings and no other, by topic, and wait until all brokers tell the new ones."""
        if not changes:
            return Changed([])
        resources = [
            (TOPIC, name, [(key, SET, value) for key, value in values.items()]) for name, values in changes.items()
        ]
        answer = await self._ask(SetConfigs(resources), await self._controller())
        made = Changed([])
        for code, message, _, name in answer.responses:
            if code:
                made.refuse(name, code, message)
            else:
                made.done.append(name)

        async def told(node: int) -> bool:
            configs = await self._configs(made.done, node) or {}
            return all(changes[name].items() <= configs[name].items() for name in made.done)

        if made.done:
            await self._until(told)
        return made

    async def records(self, partitions: Mapping[str, int]) -> dict[str, int]:
        """About how many records lie in topics with so many partitions: the span of their offsets."""
        places = [TopicPartition(name, number) for name, count in partitions.items() for number in range(count)]
        if not places:
            return dict.fromkeys(partitions, 0)
        consumer = AIOKafkaConsumer(**self._cluster.arguments, enable_auto_commit=False, request_timeout_ms=_TIMEOUT_MS)
        await consumer.start()
        try:
            firsts, lasts = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        finally:
            await consumer.stop()
        counts = dict.fromkeys(partitions, 0)
        for place in places:
            counts[place.topic] += lasts[place] - firsts[place]
        return counts

    async def _configs(self, names: Sequence[str], node: int | None = None) -> dict[str, dict[str, str]] | None:
        """What topics are set to; None where the broker does not know the question."""
        try:
            answer = await self._ask(DescribeConfigsRequest([(TOPIC, name, list(KEYS)) for name in names]), node)
        except IncompatibleBrokerVersion:
            return None
        configs: dict[str, dict[str, str]] = {}
        for code, message, _, name, entries in answer.resources:
            if code:
                raise InputError(f"{name}: its settings are not told, {for_code(code).__name__}{_said(message)}")
            configs[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return configs

    async def _until(self, known: Callable[[int], Awaitable[bool]]) -> None:
        """Wait until it is known at each broker: they learn of changes one by one. Gives up in silence, as the change is made."""
        assert self._client is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEEN_SECONDS):
                for broker in self._client.cluster.brokers():
                    while not await known(broker.nodeId):  # noqa: ASYNC110 - brokers announce nothing
                        await asyncio.sleep(_AGAIN)

    async def _ask(self, request: Request[Any], node: int | None = None) -> Any:
        assert self._client is not None, "enter it first"
        return await self._client.send(self._client.get_random_node() if node is None else node, request)

    async def _controller(self) -> int | None:
        assert self._client is not None, "enter it first"
        await self._client.force_metadata_update()
        controller = self._client.cluster.controller
        return None if controller is None else controller.nodeId


async def create_missing(
    cluster: Cluster, topics: Topics, *, partitions: int | None = None, replication: int = 1
) -> list[str]:
    """Create those of a line's topics that are missing, and return their names. `partitions` is for those in which keys have
    their places; None takes what the files say. Raises InputError for what a broker refuses, and errors of Kafka."""
    async with TopicAdmin(cluster) as admin:
        found = await admin.look([])
        missing = [topic for topic in topics if topics.full(topic.name) not in found.topics]
        if not missing:
            return []
        layout = Layout(partitions or max(topic.partitions for topic in missing), replication)
        made = await admin.create(topics, missing, layout)
    if made.refused:
        raise InputError("; ".join(made.lines("created")))
    return made.done


def _said(message: str | None) -> str:
    return f": {' '.join(message.split())}" if message else ""
