"""Before a worker reads or writes anything: are its topics there, and have those in which places matter one partition count?"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.errors import Refusal
from streamguard.intake.clients import is_retriable
from streamguard.intake.errors import TopicsMissing
from streamguard.intake.reaching import reachable
from streamguard.intake.rights import Rights
from streamguard.stream.flow import FLOW
from streamguard.stream.topic_rules import ANYWHERE
from streamguard.stream.topics import Topics

log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Mapping[str, int]]]
"""The partition counts of the topics that exist, by their names on the cluster."""
_AGAIN = 0.5
_TELL = 10.0  # seconds between two lines of the log about what is missing


class SetUnequal(Refusal):
    """The topics of a line have not all the same partition count: a key would have its place in another partition from one to
    the next. The message names them with their counts."""


class TopicCheck:
    """Call it once; then `partitions` is the count under which keys have their places."""

    def __init__(
        self, look: Look, topics: Topics, stages: Iterable[str], *, partitions: int | None, wait: float, clock: Clock
    ) -> None:
        """`partitions` is the count that the topics were made with, where the operator tells it; `wait` is in seconds."""
        self._look, self._topics, self._clock = look, topics, clock
        self._needed = sorted({topics.full(name) for stage in stages for name in needed_topics(stage)})
        self._told, self._wait = partitions, wait
        self._partitions: int | None = None

    @property
    def partitions(self) -> int:
        """Known once the check is done."""
        assert self._partitions is not None, "the check comes first"
        return self._partitions

    async def __call__(self) -> None:
        """Wait for the topics that the stages need. Raises TopicsMissing, and what speaks of unreachable brokers, when the time
        is over; SetUnequal at once."""
        began, told_at = self._clock.monotonic(), float("-inf")
        while True:
            now = self._clock.monotonic()
            try:
                counts = await self._look()
            except (KafkaError, ConnectionError) as error:
                if not is_retriable(error) or now - began >= self._wait:
                    raise
                waits_for = f"brokers ({type(error).__name__})"
            else:
                missing = tuple(topic for topic in self._needed if not counts.get(topic))
                if not missing:
                    break
                if now - began >= self._wait:
                    raise TopicsMissing(missing, self._wait)
                waits_for = f"missing topics: {', '.join(missing)}"
            if now - told_at >= _TELL:
                told_at = now
                log.warning("waiting for %s", waits_for)
            await self._clock.sleep(_AGAIN)
        ours = {full: counts[full] for full in map(self._topics.full, self._names()) if counts.get(full)}
        self._partitions = one_count(ours, self._told)

    def _names(self) -> list[str]:
        return [topic.name for topic in self._topics if topic.key not in ANYWHERE]


def needed_topics(name: str) -> tuple[str, ...]:
    """The topics that an intake and its stage read and write, without prefix."""
    route = FLOW[name]
    return (route.source, *route.targets, *route.rekeyed, *route.beside)


def one_count(counts: Mapping[str, int], told: int | None = None) -> int:
    """The count that all topics have; or that they were made with, where that was told. Raises SetUnequal."""
    shown = _by_count(counts)
    if told is not None:
        if min(counts.values()) < told:
            raise SetUnequal(f"kafka.partitions is {told}, but the topics have: {shown}")
        if max(counts.values()) > told:
            log.warning("topics have more partitions than kafka.partitions = %d, which is kept to: %s", told, shown)
        return told
    if len(set(counts.values())) > 1:
        raise SetUnequal(
            f"the topics of a line need one partition count, but there are: {shown}. If some have grown, set kafka.partitions "
            "to the count before, to go on with that; else create a new set of topics under another kafka.prefix"
        )
    return next(iter(counts.values()))


def _by_count(counts: Mapping[str, int]) -> str:
    names: defaultdict[int, list[str]] = defaultdict(list)
    for topic, count in counts.items():
        names[count].append(topic)
    groups = sorted(names.items(), key=lambda item: len(item[1]))
    return "; ".join(f"{', '.join(sorted(topics))} with {count}" for count, topics in groups)


def look_at(cluster: Cluster, topics: Collection[str], needs: Rights | None = None) -> Look:
    """Ask the cluster about these topics, each time over a connection of its own. Creates none, whatever brokers would do for a
    name that is asked for: all names are asked for. Raises, besides what speaks of unreachable brokers, what `reachable` raises
    of a cluster that refuses us, or refuses us what we need."""

    async def look() -> Mapping[str, int]:
        await reachable(cluster, needs)
        admin = AIOKafkaAdminClient(**cluster.arguments)
        await admin.start()
        try:
            described = await admin.describe_topics()
        finally:
            await admin.close()
        return {one["topic"]: len(one["partitions"]) for one in described if one["topic"] in topics}

    return look
