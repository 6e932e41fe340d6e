"""Which topics a stage reads and writes, and in which output partitions the outputs of an input can lie. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import OutputInvalid, SettingsInvalid, TopicsUnequal
from streamguard.intake.marks import Place, check_size


class Layout:
    """Sources are read; targets are written to the input's partition number; re-keyed topics to the key's partition."""

    def __init__(self, sources: Sequence[str], targets: Sequence[str], rekeyed: Sequence[str]) -> None:
        self.sources, self.targets, self.rekeyed = tuple(sources), tuple(targets), tuple(rekeyed)
        self._target_set, self._rekeyed_set = frozenset(targets), frozenset(rekeyed)
        self._counts: dict[str, int] = {}
        if not sources:
            raise SettingsInvalid("sources is empty; a stage reads at least one topic")
        if both := self._target_set & self._rekeyed_set:
            raise SettingsInvalid(f"{', '.join(sorted(both))}: a topic is a target or re-keyed, not both")

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that must exist, each once."""
        return tuple(dict.fromkeys((*self.sources, *self.targets, *self.rekeyed)))

    def missing(self, counts: Mapping[str, int]) -> tuple[str, ...]:
        """Which of the topics do not exist, by the broker's partition counts."""
        return tuple(topic for topic in self.topics if not counts.get(topic))

    def update(self, counts: Mapping[str, int]) -> None:
        """Take the broker's partition counts of all topics.

        Raises TopicsUnequal when sources differ or a target is narrower, MarksTooLarge when an input's marks cannot fit.
        """
        self._counts = {topic: counts[topic] for topic in self.topics}
        widths = {topic: counts[topic] for topic in self.sources}
        if len(set(widths.values())) > 1:
            raise TopicsUnequal(f"topics read together need equal partition counts, but: {_listed(widths)}")
        width = counts[self.sources[0]]
        narrow = {topic: counts[topic] for topic in self.targets if counts[topic] < width}
        if narrow:
            raise TopicsUnequal(f"outputs go to their input's partition number, of {width}, but: {_listed(narrow)}")
        check_size(self.reach(width - 1))

    def reach(self, partition: int) -> tuple[Place, ...]:
        """The output partitions in which outputs of inputs of this partition number can lie."""
        own = [Place(topic, partition) for topic in self.targets]
        return (*own, *(Place(topic, number) for topic in self.rekeyed for number in range(self._counts[topic])))

    def numbers(self, assigned: Iterable[Place]) -> frozenset[int]:
        """The partition numbers of an assignment. Raises TopicsUnequal unless they are the same of every source."""
        by_topic: dict[str, set[int]] = {topic: set() for topic in self.sources}
        for place in assigned:
            by_topic.setdefault(place.topic, set()).add(place.partition)
        first = by_topic[self.sources[0]]
        if any(numbers != first for numbers in by_topic.values()):
            shown = "; ".join(f"{topic} {sorted(numbers)}" for topic, numbers in by_topic.items())
            raise TopicsUnequal(f"one worker must own the same partitions of all its sources, but was assigned {shown}")
        return frozenset(first)

    def partition(self, record: Received, out: Output) -> int | None:
        """Where an output goes; None: by its key."""
        return record.partition if out.topic in self._target_set else out.partition

    def check(self, record: Received, outputs: Collection[Output]) -> None:
        """Raise OutputInvalid for outputs that a scan would not find again."""
        for out in outputs:
            if out.topic in self._target_set:
                if out.partition is not None and out.partition != record.partition:
                    raise OutputInvalid(f"{out.topic} is a target: partition {record.partition}, not {out.partition}")
            elif out.topic not in self._rekeyed_set:
                raise OutputInvalid(f"{out.topic} is neither a target nor a re-keyed topic of this stage")
            elif out.partition is not None and not 0 <= out.partition < self._counts[out.topic]:
                raise OutputInvalid(f"{out.topic} has {self._counts[out.topic]} partitions, none is {out.partition}")
        if len(outputs) > 1 and len({out.topic for out in outputs}) < len(outputs):
            raise OutputInvalid("two outputs of one step to one topic")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{topic} has {count}" for topic, count in counts.items())
