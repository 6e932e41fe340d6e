"""Replays and drops dead letters. Safe to kill at any point and to repeat: no letter is sent twice.

A replay is an output like every other: identified by its topic and by `src`, the letter's own place. In lots: it is noted which
letters are about to be sent and where their partitions end by now, then they are sent, then it is noted that they were. Whoever
finds the first note without the last one, after a kill, scans the partitions from there for each letter's `src`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.events.codec import encode, schema_name
from streamguard.events.letters import LetterDecision
from streamguard.intake.contract import Output, Received
from streamguard.intake.existing import OF, SRC
from streamguard.intake.marks import Place
from streamguard.intake.scan import Scanner
from streamguard.stream.dead_letters import Letter, replayed_headers
from streamguard.stream.dead_letters_choice import Choice, Decisions
from streamguard.stream.dead_letters_log import LetterLog
from streamguard.stream.dead_letters_sole import Sole
from streamguard.stream.topics import DLQ_DECISIONS, Topics

LOT = 100
"""Letters noted, sent and noted again together."""
LOT_BYTES = 4 << 20

_SCHEMA = ("schema", schema_name(LetterDecision).encode())
Tell = Callable[[int], None]
"""Told how many more are done."""


@dataclass(slots=True)
class Replayed:
    """What became of the letters that were to be replayed."""

    done: int = 0
    gone: int = 0
    """No longer kept by Kafka."""
    undone: dict[Letter, str] = field(default_factory=dict[Letter, str])
    """Those that could not be replayed, and why; they wait as before."""


class Desk:
    """Where decisions are made. `settle` comes first, then the others."""

    def __init__(self, sole: Sole, log: LetterLog, topics: Topics, clock: Clock, *, stall: float) -> None:
        self._sole, self._log, self._topics, self._clock, self._stall = sole, log, topics, clock, stall

    async def settle(self) -> Decisions:
        """The decisions there are, once it is clear how far replays came that were begun and killed.

        A letter stays `unfinished` whose partition no longer holds what it held then: nobody can tell any more.
        """
        decisions = await self._log.decisions()
        if not decisions.marks.keys() - decisions.final.keys():
            return decisions
        begun = [one for one in await self._log.letters(Choice()) if decisions.state(one) == "unfinished"]
        starts: dict[Place, int] = {}
        for letter in begun:
            if (target := self._target(letter)) is not None:
                starts[target] = min(decisions.marks[letter.src], starts.get(target, decisions.marks[letter.src]))
        found = await self._scan(begun, starts)
        await self._note(found, decisions)
        firsts = await self._log.firsts(list(starts))
        for letter in set(begun) - set(found):
            target = self._target(letter)
            if target is None or decisions.marks[letter.src] >= firsts[target]:
                del decisions.marks[letter.src]
        return decisions

    async def replay(self, letters: Sequence[Letter], tell: Tell = lambda _: None) -> Replayed:
        """Send those that wait. The caller chose them after `settle`."""
        result = Replayed()
        for lot in _lots(letters):
            sendable: list[Letter] = []
            for letter in lot:
                if letter.refusal is not None:
                    result.undone[letter] = letter.refusal
                elif self._target(letter) is None:
                    result.undone[letter] = "no_partition"
                else:
                    sendable.append(letter)
            if sendable:
                await self._send(sendable, result)
            tell(len(lot))
        return result

    async def drop(self, letters: Sequence[Letter], tell: Tell = lambda _: None) -> None:
        """Never replay or list these again."""
        for start in range(0, len(letters), LOT):
            lot = letters[start : start + LOT]
            await self._decide([(letter, LetterDecision(action="dropped", at=self._now())) for letter in lot])
            tell(len(lot))

    async def _send(self, lot: Sequence[Letter], result: Replayed) -> None:
        held = await self._log.bytes_of(lot)
        there = [letter for letter in lot if letter in held]
        result.gone += len(lot) - len(there)
        ends = await self._log.ends({target for letter in there if (target := letter.target) is not None})
        intents = [
            (letter, LetterDecision(action="replaying", at=self._now(), run=letter.run, mark=ends[letter.target]))
            for letter in there
            if letter.target is not None
        ]
        await self._decide(intents)
        told = await self._sole.send([self._output(letter, held[letter]) for letter in there])
        sent: list[Letter] = []
        for letter, end in zip(there, told, strict=True):
            if isinstance(end, KafkaError):
                result.undone[letter] = type(end).__name__
            else:
                sent.append(letter)
        await self._note(sent, Decisions())
        result.done += len(sent)

    def _output(self, letter: Letter, record: Received) -> Output:
        assert letter.target is not None, "chosen by it"
        topic, partition = letter.target
        headers = ((SRC, letter.src.encode()), (OF, topic.encode()), *replayed_headers(letter, record, self._topics))
        return Output(topic, record.key, record.value, headers, partition)

    def _target(self, letter: Letter) -> Place | None:
        """Where it goes, if there is such a partition."""
        target = letter.target
        return target if target is not None and target.partition < self._log.counts.get(target.topic, 0) else None

    async def _scan(self, begun: Sequence[Letter], starts: dict[Place, int]) -> list[Letter]:
        """Those of which a replay lies in its partition."""
        lowest: dict[Place, int] = {}
        for letter in begun:
            lowest[letter.place] = min(letter.offset, lowest.get(letter.place, letter.offset))
        scanned = await Scanner(self._log.reader, self._stall).scan(lowest, starts, None)
        return [one for one in begun if (one.offset, one.timestamp) in scanned.existing[one.place]]

    async def _note(self, letters: Iterable[Letter], decisions: Decisions) -> None:
        """These were sent."""
        made = [(letter, LetterDecision(action="replayed", at=self._now(), run=letter.run)) for letter in letters]
        await self._decide(made)
        for letter, decision in made:
            decisions.take(letter.src, decision)

    async def _decide(self, decisions: Sequence[tuple[Letter, LetterDecision]]) -> None:
        topic = self._topics.full(DLQ_DECISIONS)
        count = self._log.counts[topic]
        outputs = [
            Output(topic, letter.src.encode(), encode(decision), (_SCHEMA,), letter.place.partition % count)
            for letter, decision in decisions
        ]
        for end in await self._sole.send(outputs):
            if isinstance(end, KafkaError):
                raise end

    def _now(self) -> int:
        return self._clock.now_us()


def _lots(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Of one partition each, in its order, and not too large."""
    lot: list[Letter] = []
    for letter in sorted(letters, key=lambda one: (one.place, one.offset)):
        if lot and (
            letter.place != lot[0].place or len(lot) == LOT or sum(one.bytes for one in lot) + letter.bytes > LOT_BYTES
        ):
            yield lot
            lot = []
        lot.append(letter)
    if lot:
        yield lot
