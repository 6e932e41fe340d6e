"""Which dead letters an operator means, and what was decided about each. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from streamguard.errors import InputError
from streamguard.events.letters import LetterDecision
from streamguard.stream.dead_letters import Letter

State = Literal["waiting", "unfinished", "replayed", "dropped"]
"""`unfinished`: a replay of it was begun, and nobody has looked yet how far it came."""

_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(slots=True)
class Decisions:
    """What the topic `dlq-decisions` says, whatever the order in which it is read."""

    final: dict[str, LetterDecision] = field(default_factory=dict[str, LetterDecision])
    marks: dict[str, int] = field(default_factory=dict[str, int])
    """Of letters whose replay was begun: before which offset of its partition nothing of them lies."""

    def take(self, src: str, decision: LetterDecision) -> None:
        """Enter one decision about the letter that `src` names."""
        if decision.action == "replaying":
            mark = decision.mark or 0
            self.marks[src] = min(mark, self.marks.get(src, mark))
        else:
            self.final[src] = decision

    def state(self, letter: Letter) -> State:
        """What became of a letter."""
        if (decision := self.final.get(letter.src)) is not None:
            return "dropped" if decision.action == "dropped" else "replayed"
        return "unfinished" if letter.src in self.marks else "waiting"


@dataclass(frozen=True, slots=True)
class Choice:
    """The letters that are meant: those named, or all that fit each filter that is set. Times are ms since the epoch."""

    stages: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    since: int | None = None
    """The first moment that counts."""
    until: int | None = None
    """The first moment that does not count any more."""
    places: frozenset[tuple[int, int]] = frozenset()
    """Partitions and offsets of `dead-letters`."""

    @property
    def is_all(self) -> bool:
        """Whether nothing was chosen, so that all are meant."""
        return self == Choice()

    def has(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.stages or letter.stage in self.stages)
            and (not self.codes or letter.code in self.codes)
            and (not self.tenants or letter.tenant in self.tenants)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
            and (not self.places or (letter.place.partition, letter.offset) in self.places)
        )


def in_order(letters: Iterable[Letter]) -> list[Letter]:
    """By time; those of one partition as they lie there."""
    return sorted(letters, key=lambda letter: (letter.timestamp, letter.place, letter.offset))


def parse_place(text: str, topic: str, plain: str) -> tuple[int, int]:
    """Partition and offset of `topic/partition/offset` or `partition/offset`. Raises InputError.

    `topic` is that of the dead letters on the cluster, `plain` without prefix.
    """
    parts = text.split("/")
    named, numbers = parts[:-2], parts[-2:]
    if named not in ([], [topic], [plain]) or len(parts) < 2 or not all(map(str.isdecimal, numbers)):
        raise InputError(
            f"{text}: is no place of a dead letter, such as {topic}/0/17; `streamguard dlq list` names them"
        )
    return int(numbers[0]), int(numbers[1])


def parse_time(text: str, now_us: int) -> int:
    """Milliseconds since the epoch: an age such as `90s`, `30m`, `2h` or `7d`, or an ISO 8601 time, UTC unless it says other.

    Raises InputError.
    """
    if found := _AGE.fullmatch(text):
        return now_us // 1000 - int(found[1]) * _UNITS[found[2]] * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text}: is no time; 2h or 7d mean so long ago, and 2026-11-21T09:30 is a moment in UTC"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def count_by(letters: Iterable[Letter]) -> Mapping[tuple[str, str], int]:
    """How many by stage and code, in the order of their first."""
    counts: dict[tuple[str, str], int] = {}
    for letter in letters:
        counts[letter.stage, letter.code] = counts.get((letter.stage, letter.code), 0) + 1
    return counts
