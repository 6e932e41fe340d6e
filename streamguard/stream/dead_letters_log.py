"""Reads the topics of dead letters and of what was decided about them."""

from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.errors import InputError, InvalidRecord, Refusal
from streamguard.events.codec import decode
from streamguard.events.letters import LetterDecision
from streamguard.intake.clients import make_admin, make_reader, received
from streamguard.intake.contract import Received
from streamguard.intake.damage import read_carefully
from streamguard.intake.errors import IntakeError, Stalled
from streamguard.intake.marks import Place
from streamguard.intake.reaching import reachable, refused
from streamguard.intake.rights import Rights
from streamguard.intake.settings import Settings
from streamguard.stream.dead_letters import Letter, read_letter
from streamguard.stream.dead_letters_choice import Choice, Decisions
from streamguard.stream.topics import DEAD_LETTERS, DLQ_DECISIONS, Topics


class LetterLog:
    """Use as an async context manager. Reads one thing at a time. Raises InputError when no broker answers, or lets us in, at
    the start, and later what aiokafka raises, and Stalled when a broker gives nothing."""

    def __init__(self, settings: Settings, topics: Topics, clock: Clock, needs: Rights | None = None) -> None:
        """`needs` are what it must be allowed to do, for itself and for what follows."""
        self._settings, self._topics, self._clock, self._needs = settings, topics, clock, needs
        self._reader = make_reader(settings)
        self.counts: Mapping[str, int] = {}
        """Partition counts of the topics of the line that exist, by their names on the cluster."""

    async def __aenter__(self) -> Self:
        admin = make_admin(self._settings)
        try:
            await reachable(self._settings.cluster, self._needs)
            await admin.start()
            await self._reader.start()
            described = cast("list[dict[str, Any]]", await admin.describe_topics())
        except Refusal as error:
            await self._reader.stop()
            raise InputError(str(error)) from None
        except KafkaError as error:
            await self._reader.stop()
            raise InputError(
                f"no broker answers at {self._settings.cluster.brokers} ({type(error).__name__}); kafka.brokers names them"
            ) from None
        finally:
            await admin.close()
        read_carefully(self._reader)
        ours = {self._topics.full(topic.name) for topic in self._topics}
        self.counts = {one["topic"]: len(one["partitions"]) for one in described if one["topic"] in ours}
        if not self.counts.get(dead := self._topics.full(DEAD_LETTERS)):
            await self._reader.stop()
            raise InputError(f"there is no topic {dead}; kafka.prefix says how the line's topics begin")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reader.stop()

    @property
    def reader(self) -> AIOKafkaConsumer:
        """The client that reads; a member of no group."""
        return self._reader

    async def decisions(self) -> Decisions:
        """All there are by now. Raises InputError when another release made one that this one does not know."""
        decisions = Decisions()
        topic = self._topics.full(DLQ_DECISIONS)
        async for record in self._all([Place(topic, number) for number in range(self.counts.get(topic, 0))]):
            schema = dict(record.headers).get("schema")
            try:
                decision = decode(LetterDecision, record.value, schema.decode(errors="replace") if schema else None)
            except InvalidRecord as error:
                raise InputError(
                    f"{topic}/{record.partition}/{record.offset} cannot be read ({error.code}): was it made by a newer release?"
                ) from None
            decisions.take((record.key or b"").decode(errors="replace"), decision)
        return decisions

    async def letters(self, choice: Choice) -> list[Letter]:
        """All that are meant and there by now, in the order in which they lie."""
        found = [
            letter
            async for record in self._all(self._places(choice))
            if choice.has(letter := read_letter(record, self._topics))
        ]
        return sorted(found, key=lambda letter: (letter.place, letter.offset))

    async def bytes_of(self, letters: Collection[Letter]) -> dict[Letter, Received]:
        """What letters of one partition hold; without those that are gone by now."""
        by_offset = {letter.offset: letter for letter in letters}
        place = next(iter(letters)).place
        found: dict[Letter, Received] = {}
        async for record in self._records({place: min(by_offset)}, {place: max(by_offset) + 1}):
            letter = by_offset.get(record.offset)
            if letter is not None and letter.timestamp == record.timestamp:
                found[letter] = record
        return found

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Where partitions end now."""
        ends = await self._reader.end_offsets([TopicPartition(*place) for place in places])
        return {Place(*tp): end for tp, end in ends.items()}

    async def firsts(self, places: Collection[Place]) -> dict[Place, int]:
        """The first offsets that are still there."""
        firsts = await self._reader.beginning_offsets([TopicPartition(*place) for place in places])
        return {Place(*tp): first for tp, first in firsts.items()}

    def _places(self, choice: Choice) -> list[Place]:
        topic = self._topics.full(DEAD_LETTERS)
        named = {partition for partition, _ in choice.places}
        return [Place(topic, number) for number in range(self.counts[topic]) if not named or number in named]

    async def _all(self, places: Collection[Place]) -> AsyncGenerator[Received]:
        """What is there by now. Each partition in order."""
        if places:
            firsts, ends = await self.firsts(places), await self.ends(places)
            async for record in self._records(firsts, ends):
                yield record

    async def _records(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> AsyncGenerator[Received]:
        """From `starts`, or the first that is there, to before `ends`."""
        firsts = await self.firsts(list(starts))
        begin = {place: max(start, firsts[place]) for place, start in starts.items()}
        todo = {TopicPartition(*place) for place in begin if begin[place] < ends[place]}
        if not todo:
            return
        self._reader.assign(list(todo))
        try:
            for tp in todo:
                self._reader.seek(tp, begin[Place(*tp)])
            moved = self._clock.monotonic()
            while todo:
                for tp, records in (await self._reader.getmany(*todo, timeout_ms=500)).items():
                    moved = self._clock.monotonic()
                    for record in records:
                        if record.offset < ends[Place(*tp)]:
                            yield received(record)
                todo = {tp for tp in todo if await self._reader.position(tp) < ends[Place(*tp)]}
                if self._clock.monotonic() - moved > self._settings.stall:
                    raise Stalled(f"nothing was delivered for {self._settings.stall:g} s")
        finally:
            self._reader.unsubscribe()


@contextmanager
def in_one_line() -> Generator[None]:
    """What Kafka and the intake's parts raise becomes an InputError."""
    try:
        yield
    except (KafkaError, ConnectionError) as error:
        if (refusal := refused(error)) is not None:
            raise InputError(str(refusal)) from None
        raise InputError(f"Kafka failed ({type(error).__name__}); repeat the command: nothing is done twice") from None
    except (IntakeError, Refusal) as error:
        raise InputError(str(error)) from None
