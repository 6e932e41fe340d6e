"""Which topics a stage reads and writes, and in which output partitions the outputs of an input can lie. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import AssignmentUnequal, OutputInvalid, SettingsInvalid, TopicsGrown, TopicsUnequal
from streamguard.intake.marks import Place, check_size
from streamguard.places import key_partition


class Layout:
    """Sources are read; targets are written to the input's partition number; re-keyed topics to the key's partition.

    `partitions` is the count that all topics were made with, where that is known. With `grown` some may have more by now:
    what lies in those is read, and nothing is written there.
    """

    def __init__(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        rekeyed: Sequence[str],
        *,
        partitions: int | None = None,
        grown: bool = False,
    ) -> None:
        self.sources, self.targets, self.rekeyed = tuple(sources), tuple(targets), tuple(rekeyed)
        self._target_set, self._rekeyed_set = frozenset(targets), frozenset(rekeyed)
        self._partitions, self._grown = partitions, grown
        self._counts: dict[str, int] = {}
        self._lanes: dict[str, int] = {}  # of each topic, how many partitions keys have their places in
        if not sources:
            raise SettingsInvalid("sources is empty; a stage reads at least one topic")
        if both := self._target_set & self._rekeyed_set:
            raise SettingsInvalid(f"{', '.join(sorted(both))}: a topic is a target or re-keyed, not both")

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that must exist, each once."""
        return tuple(dict.fromkeys((*self.sources, *self.targets, *self.rekeyed)))

    @property
    def count(self) -> int:
        """The partition count of the sources under which keys have their places."""
        return self._lanes[self.sources[0]]

    @property
    def source_places(self) -> list[Place]:
        """All partitions of all sources."""
        return [Place(topic, number) for topic in self.sources for number in range(self._counts[topic])]

    def missing(self, counts: Mapping[str, int]) -> tuple[str, ...]:
        """Which of the topics do not exist, by the broker's partition counts."""
        return tuple(topic for topic in self.topics if not counts.get(topic))

    def update(self, counts: Mapping[str, int]) -> None:
        """Take the broker's partition counts of all topics, at the start.

        Raises TopicsUnequal when sources differ or another topic is too narrow, TopicsGrown when one is wider than it was
        made, MarksTooLarge when an input's marks cannot fit.
        """
        widths = {topic: counts[topic] for topic in self.sources}
        if len(set(widths.values())) > 1:
            raise TopicsUnequal(f"topics read together need equal partition counts, but: {_listed(widths)}")
        width = self._partitions or counts[self.sources[0]]
        needed = self.topics if self._partitions else self.targets
        narrow = {topic: counts[topic] for topic in needed if counts[topic] < width}
        if narrow:
            raise TopicsUnequal(f"outputs go to their input's partition number, of {width}, but: {_listed(narrow)}")
        self._counts = {topic: counts[topic] for topic in self.topics}
        self._lanes = {topic: self._partitions or counts[topic] for topic in self.topics}
        if self._partitions and not self._grown:
            for topic in self.topics:
                if counts[topic] > self._partitions:
                    raise TopicsGrown(topic, counts[topic], self._partitions)
        check_size(self.reach(width - 1), width)

    def check_counts(self, counts: Mapping[str, int]) -> None:
        """The counts of topics at a later time; those not known now may be left out. Raises TopicsGrown."""
        for topic in self.topics:
            if counts.get(topic, 0) > self._counts[topic] and not self._grown:
                raise TopicsGrown(topic, counts[topic], self._lanes[topic])

    def check_commits(self, noted: Mapping[Place, int | None]) -> None:
        """The counts that commits of the sources' partitions name. Raises TopicsGrown when one was made under another."""
        for place, count in noted.items():
            if count is not None and count != self.count:
                raise TopicsGrown(place.topic, self._counts[place.topic], count)

    def home(self, partition: int) -> int:
        """Where outputs of inputs of this partition number go, in targets."""
        return partition % self.count

    def reach(self, partition: int) -> tuple[Place, ...]:
        """The output partitions in which outputs of inputs of this partition number can lie."""
        own = [Place(topic, self.home(partition)) for topic in self.targets]
        return (*own, *(Place(topic, number) for topic in self.rekeyed for number in range(self._lanes[topic])))

    def numbers(self, assigned: Iterable[Place]) -> frozenset[int]:
        """The partition numbers of an assignment in which keys have their places.

        Raises AssignmentUnequal unless they are the same of every source.
        """
        by_topic: dict[str, set[int]] = {topic: set() for topic in self.sources}
        for place in assigned:
            by_topic.setdefault(place.topic, set()).add(place.partition)
        first = by_topic[self.sources[0]]
        if any(numbers != first for numbers in by_topic.values()):
            shown = "; ".join(f"{topic} {sorted(numbers)}" for topic, numbers in by_topic.items())
            raise AssignmentUnequal(
                f"one worker must own the same partitions of all its sources, but was assigned {shown}"
            )
        return frozenset(number for number in first if number < self.count)

    def partition(self, record: Received, out: Output) -> int:
        """Where an output goes. Never left to the producer: it follows a topic that grows before anybody else knows."""
        if out.topic in self._target_set:
            return self.home(record.partition)
        if out.partition is not None:
            return out.partition
        lanes = self._lanes[out.topic]
        return record.partition % lanes if out.key is None else key_partition(out.key, lanes)

    def check(self, record: Received, outputs: Collection[Output]) -> None:
        """Raise OutputInvalid for outputs that a scan would not find again."""
        for out in outputs:
            if out.topic in self._target_set:
                home = self.home(record.partition)
                if out.partition is not None and out.partition != home:
                    raise OutputInvalid(f"{out.topic} is a target: partition {home}, not {out.partition}")
            elif out.topic not in self._rekeyed_set:
                raise OutputInvalid(f"{out.topic} is neither a target nor a re-keyed topic of this stage")
            elif out.partition is not None and not 0 <= out.partition < self._lanes[out.topic]:
                raise OutputInvalid(f"{out.topic} has {self._lanes[out.topic]} partitions, none is {out.partition}")
        if len(outputs) > 1 and len({out.topic for out in outputs}) < len(outputs):
            raise OutputInvalid("two outputs of one step to one topic")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{topic} has {count}" for topic, count in counts.items())
