"""What a cluster's topics should be, how they differ, and what may be done about it. Pure: `topic_admin` speaks to
a cluster.

Nothing here takes anything away: no topic is deleted, no retention shortened, nothing deleted by age that was not before, no
limit lowered, no partition added (keys would move, see docs/delivery.md). Nor is a running line stopped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from streamguard.stream.topics import Topic, Topics

Kind = Literal[
    "missing", "partitions", "replication", "offline", "under_replicated", "config", "unknown", "not_as_in_files"
]

ANYWHERE = frozenset({"model", "request"})
"""Keys of topics that everybody reads whole: they may have any number of partitions, and need not grow with the others."""
MOST_REPLICAS = 3
"""Copies of a partition, where there are so many brokers."""
RECORD_BYTES = 1_048_588
"""What brokers take of a batch unless told otherwise; the line's own limits count on it."""
KEYS = (
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "message.timestamp.type",
    "max.message.bytes",
    "segment.ms",
    "min.insync.replicas",
)
"""The settings of a topic that matter to the line."""
_FOREVER = float("inf")

_Verdict = Literal["fits", "differs", "longer", "deletes", "stops"]
_LEFT: Mapping[_Verdict, str] = {
    "longer": "kept longer than the file says; apply shortens nothing",
    "deletes": "old records would go as soon as it is set, so do that yourself, with kafka-configs",
    "stops": "so many copies are not in sync, and nothing could be written; apply sets it once they are",
}
"""Why apply leaves a setting as it is."""


@dataclass(frozen=True, slots=True)
class FoundPartition:
    """How many copies it has, how many of them are in sync, and whether one leads."""

    replicas: int
    in_sync: int
    led: bool


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as it is. `configs` None: the broker does not tell."""

    partitions: tuple[FoundPartition, ...]
    configs: Mapping[str, str] | None = None

    @property
    def replication(self) -> int:
        """Copies of the partition that has the fewest."""
        return min((one.replicas for one in self.partitions), default=0)

    @property
    def in_sync(self) -> int:
        """Copies in sync, of the partition that has the fewest."""
        return min((one.in_sync for one in self.partitions), default=0)


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """The brokers that live, and all topics by their names. `tells`: it answers what topics are set to; the embedded broker does
    not, and knows neither copies nor settings."""

    brokers: int
    topics: Mapping[str, FoundTopic]
    tells: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as wanted. `topic` is its name on the cluster.

    `mended` tells whether `topics apply` brings it in order; `serious` whether it is more than worth knowing.
    """

    topic: str
    kind: Kind
    key: str
    wanted: str
    found: str
    mended: bool = False
    serious: bool = True
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a set is laid out: partitions of the topics in which keys have their places, and copies of each partition."""

    partitions: int
    replication: int


def layout_of(
    topics: Topics,
    found: FoundCluster,
    *,
    told: int | None = None,
    partitions: int | None = None,
    replication: int | None = None,
) -> Layout:
    """The layout that the set has, or gets.

    Partitions: those that topics of the set have (of several counts the most common, then the smallest, as topics only grow),
    unless `told` (`kafka.partitions`) says otherwise; where there are no topics yet, `partitions` or what the files say. Copies:
    one a broker, at most three; a broker that is away for a moment counts if topics have a copy on it.
    """
    counts = Counter(len(topic.partitions) for _, topic in _placed(topics, found) if topic.partitions)
    most = max(counts.values(), default=0)
    usual = min((count for count, times in counts.items() if times == most), default=None)
    in_files = Counter(topic.partitions for topic in topics if topic.key not in ANYWHERE).most_common(1)
    brokers = max(found.brokers, *(topic.replication for topic in found.topics.values()), 1)
    return Layout(
        partitions=told or usual or partitions or in_files[0][0],
        replication=replication or min(MOST_REPLICAS, brokers),
    )


def wanted_configs(topic: Topic, replication: int) -> dict[str, str]:
    """What a topic with so many copies should be set to. With three, two must have a record before it is acknowledged."""
    enough = 2 if replication >= MOST_REPLICAS else 1
    return topic.configs | {"min.insync.replicas": str(enough)}


def differences(topics: Topics, found: FoundCluster, layout: Layout, *, told: int | None = None) -> list[Difference]:
    """All of them, in the order of the topics; what concerns the whole set first."""
    return [
        *_of_the_set(topics, found, layout, told),
        *(one for topic in topics for one in _of_topic(topic, topics, found, layout, told)),
        *_unknown(topics, found),
    ]


def to_create(topics: Topics, wrong: Sequence[Difference]) -> list[Topic]:
    """The topics that are missing."""
    missing = {one.topic for one in wrong if one.kind == "missing"}
    return [topic for topic in topics if topics.full(topic.name) in missing]


def to_set(wrong: Sequence[Difference]) -> dict[str, dict[str, str]]:
    """The settings to change, by topic."""
    changes: dict[str, dict[str, str]] = {}
    for one in wrong:
        if one.kind == "config" and one.mended:
            changes.setdefault(one.topic, {})[one.key] = one.wanted
    return changes


def partitions_of(topic: Topic, layout: Layout) -> int:
    """How many a topic is made with."""
    return topic.partitions if topic.key in ANYWHERE else layout.partitions


def _placed(topics: Topics, found: FoundCluster) -> Iterator[tuple[Topic, FoundTopic]]:
    """Topics in which keys have their places, where they exist."""
    for topic in topics:
        there = found.topics.get(topics.full(topic.name))
        if there is not None and topic.key not in ANYWHERE:
            yield topic, there


def _of_the_set(topics: Topics, found: FoundCluster, layout: Layout, told: int | None) -> Iterator[Difference]:
    there = list(_placed(topics, found))
    in_files = {topic.partitions for topic, _ in there}
    if there and told is None and {len(topic.partitions) for _, topic in there} == {layout.partitions} != in_files:
        said = ", ".join(map(str, sorted(in_files)))
        yield Difference(
            f"{topics.prefix}*",
            "not_as_in_files",
            "partitions",
            said,
            str(layout.partitions),
            serious=False,
            advice="all have the same, so nothing is wrong",
        )


def _of_topic(
    topic: Topic, topics: Topics, found: FoundCluster, layout: Layout, told: int | None
) -> Iterator[Difference]:
    name = topics.full(topic.name)
    there = found.topics.get(name)
    if there is None:
        yield Difference(name, "missing", "topic", "there", "missing", mended=True)
        return
    count = len(there.partitions)
    if topic.key not in ANYWHERE and count != layout.partitions:
        beyond = told is not None and count > told
        yield Difference(
            name,
            "partitions",
            "partitions",
            str(layout.partitions),
            str(count),
            serious=not beyond,
            advice="kafka.partitions passes over those beyond it"
            if beyond
            else "workers refuse to run; see docs/delivery.md, More partitions",
        )
    if not found.tells:
        return
    if there.partitions and there.replication < layout.replication:
        yield Difference(
            name,
            "replication",
            "replication",
            str(layout.replication),
            str(there.replication),
            advice="kafka-reassign-partitions gives it more",
        )
    yield from _out_of_order(name, there)
    if there.configs is not None:
        yield from _settings(name, wanted_configs(topic, there.replication), there, "delete" in topic.cleanup)


def _out_of_order(name: str, there: FoundTopic) -> Iterator[Difference]:
    offline = [number for number, one in enumerate(there.partitions) if not one.led]
    behind = [number for number, one in enumerate(there.partitions) if one.led and one.in_sync < one.replicas]
    if offline:
        said = f"none for {_list(offline)}"
        yield Difference(name, "offline", "leader", "for each partition", said, advice="a broker is away")
    if behind:
        said = f"some behind, of partitions {_list(behind)}"
        yield Difference(name, "under_replicated", "copies", "all in sync", said, advice="a broker is away, or slow")


def _settings(name: str, wanted: Mapping[str, str], there: FoundTopic, deletes: bool) -> Iterator[Difference]:
    found = there.configs or {}
    for key in KEYS:
        if key in ("retention.ms", "retention.bytes") and not deletes:
            continue  # of no meaning where only newer records replace older ones
        want = wanted.get(key, str(RECORD_BYTES) if key == "max.message.bytes" else None)
        has = found.get(key)
        if want is None or has is None:
            continue
        verdict = _verdict(key, want, has, there)
        if verdict == "differs":
            yield Difference(name, "config", key, want, has, mended=True)
        elif verdict != "fits":
            yield Difference(name, "config", key, want, has, serious=verdict != "longer", advice=_LEFT[verdict])


def _verdict(key: str, want: str, has: str, there: FoundTopic) -> _Verdict:
    match key:
        case "cleanup.policy":
            wanted, found = _words(want), _words(has)
            if "delete" in wanted - found:
                return "longer" if "compact" in wanted else "deletes"
            return "fits" if wanted == found else "differs"
        case "retention.ms":
            kept, least = _lasting(has), int(want)
            return "fits" if kept == least else "longer" if kept > least else "differs"
        case "retention.bytes":
            return "fits" if int(has) < 0 else "differs"
        case "max.message.bytes":
            return "fits" if int(has) >= int(want) else "differs"
        case "segment.ms":
            return "fits" if int(has) <= int(want) else "differs"
        case "min.insync.replicas":
            if int(has) < int(want):
                return "differs" if there.in_sync >= int(want) else "stops"
            # more than there are copies, and nothing could be written
            return "fits" if int(has) <= max(there.replication, int(want)) else "differs"
        case _:
            return "fits" if want == has else "differs"


def _unknown(topics: Topics, found: FoundCluster) -> Iterator[Difference]:
    """Without a prefix any topic of the cluster could be meant, so none is told."""
    ours = {topics.full(topic.name) for topic in topics}
    for name in sorted(found.topics) if topics.prefix else ():
        if name.startswith(topics.prefix) and name not in ours:
            yield Difference(
                name, "unknown", "topic", "not known", "there", serious=False, advice="no file describes it"
            )


def _words(value: str) -> frozenset[str]:
    return frozenset(word.strip() for word in value.split(",") if word.strip())


def _lasting(value: str) -> float:
    return _FOREVER if int(value) < 0 else int(value)


def _list(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return f"{shown} and {len(numbers) - 8} more" if len(numbers) > 8 else shown
