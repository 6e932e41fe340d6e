"""`streamguard dlq` over a real Kafka: each letter replayed exactly once, with its bytes, whatever happens to the command."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from streamguard.cli.dlq_line import Line
from streamguard.clock import SystemClock
from streamguard.config import Cluster
from streamguard.events.codec import decode
from streamguard.events.letters import LetterDecision
from streamguard.intake.contract import Output
from streamguard.stream.dead_letters_choice import Choice
from streamguard.stream.dead_letters_desk import Desk as Desks
from streamguard.stream.dead_letters_desk import Replayed
from streamguard.stream.dead_letters_sole import Sole
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from tests.support.kafka import KafkaNode, unique
from tests.support.letters import Buried, Said, bury, dlq, start

pytestmark = pytest.mark.slow

PARTITIONS = 2
SESSION = 2.0
KILLS, LETTERS = 10, 2000
Record = ConsumerRecord[bytes | None, bytes | None]


class Desk:
    """A line's topics without workers, and a configuration that names them."""

    def __init__(self, kafka: KafkaNode, directory: Path) -> None:
        self.brokers, self.topics, self._directory = kafka.brokers, Topics.load(f"{unique('p')}."), directory
        self.config = self.configured("here")

    def configured(self, host: str, *, session: float = SESSION) -> Path:
        """A configuration as on another host: processes of different ones do not see each other's lock files."""
        file, locks = self._directory / f"{host}.toml", self._directory / host
        kafka = f'[kafka]\nbrokers = "{self.brokers}"\nprefix = "{self.topics.prefix}"\nsession = {session}\n'
        file.write_text(f'{kafka}[worker]\nlock_dir = "{locks}"\n')
        return file

    async def run(self, *arguments: str) -> Said:
        return await dlq(self.config, *arguments)

    async def records(self, topic: str) -> list[Record]:
        """All of a topic, with repeated headers."""
        places = [TopicPartition(self.topics.full(topic), number) for number in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.brokers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign(places)
            ends, found = await consumer.end_offsets(places), list[Record]()
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return sorted(found, key=lambda one: (one.partition, one.offset))
        finally:
            await consumer.stop()

    async def replays(self) -> Counter[bytes]:
        """How often each letter was replayed to `guarded`, by its `src`."""
        return Counter(dict(one.headers)["src"] for one in await self.records("guarded"))

    async def noted(self) -> int:
        """How many letters are noted as replayed."""
        decisions = [decode(LetterDecision, one.value) for one in await self.records("dlq-decisions")]
        return sum(decision.action == "replayed" for decision in decisions)

    async def letters(self) -> Counter[bytes]:
        """One of each letter's `src`."""
        letters = await self.records("dead-letters")
        return Counter(f"{one.topic}/{one.partition}/{one.offset}/{one.timestamp}".encode() for one in letters)


@pytest.fixture
async def desk(kafka: KafkaNode, tmp_path: Path) -> Desk:
    desk = Desk(kafka, tmp_path)
    await create_missing(Cluster(kafka.brokers), desk.topics, partitions=PARTITIONS)
    return desk


def many(count: int) -> list[Buried]:
    keys = [b"acme/c%d" % (number % 50) for number in range(count)]
    return [Buried(key, b"{%d" % number, partition=number % PARTITIONS) for number, key in enumerate(keys)]


async def until_begun(process: asyncio.subprocess.Process) -> None:
    """Until a replay says that it begins, on stderr."""
    assert process.stderr is not None
    while b"replaying" not in (line := await asyncio.wait_for(process.stderr.readline(), 30)):
        assert line, "it ended before it began"


async def test_a_replay_that_is_killed_again_and_again_replays_each_letter_once(desk: Desk) -> None:
    await bury(desk.brokers, desk.topics, many(LETTERS))
    draw, seen = random.Random(4), [0]
    places = [TopicPartition(desk.topics.full("guarded"), number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=desk.brokers) as watcher:
        await watcher.end_offsets(places)
        for _ in range(KILLS):
            process, wanted = await start(desk.config, "replay", "--yes"), seen[-1] + draw.randrange(LETTERS // 25)
            await until_begun(process)
            while sum((await watcher.end_offsets(places)).values()) < wanted:
                assert process.returncode is None
            await asyncio.sleep(draw.uniform(0, 0.01))
            process.kill()
            await process.wait()
            seen.append(sum((await desk.replays()).values()))

    last = await desk.run("replay", "--yes")

    assert last.status == 0, last.err
    assert await desk.replays() == await desk.letters()
    assert len(set(seen)) > 3, f"the kills came at no interesting moments: {seen}"
    values = [one.value for one in await desk.records("guarded") if one.partition == 0]
    assert values == [b"{%d" % number for number in range(0, LETTERS, PARTITIONS)], "not in the order in which they lay"
    assert await desk.noted() == LETTERS


class Died(Exception):
    """The process is no more."""


class Dying(Sole):
    """Dies when it has sent so many records."""

    def __init__(self, line: Line, left: int) -> None:
        super().__init__(line.settings, line.topics.full("dlq-decisions"), SystemClock())
        self._left = left

    async def send(self, outputs: Sequence[Output]) -> list[RecordMetadata | KafkaError]:
        sent = outputs[: self._left]
        self._left -= len(sent)
        ends = await super().send(sent) if sent else []
        if len(sent) < len(outputs):
            raise Died
        return ends


async def test_it_can_die_between_any_two_records_that_it_sends(desk: Desk) -> None:
    await bury(desk.brokers, desk.topics, many(8))
    line, clock = Line.load(desk.config), SystemClock()
    deaths, result = 0, Replayed()
    while not result.done:
        async with line.log() as log, Dying(line, deaths) as sole:
            counter = Desks(sole, log, line.topics, clock, stall=20)
            with suppress(Died):
                decisions = await counter.settle()
                waiting = [one for one in await log.letters(Choice()) if decisions.state(one) == "waiting"]
                result = await counter.replay(waiting)
                break
        deaths += 1
        replays = await desk.replays()
        assert replays.total() == len(replays), f"death after {deaths} records"

    assert deaths >= 6
    assert await desk.replays() == await desk.letters()
    assert await desk.noted() == 8


async def test_a_letter_stays_undecided_when_kafka_no_longer_holds_what_would_tell_whether_it_was_sent(
    desk: Desk,
) -> None:
    await bury(desk.brokers, desk.topics, [Buried(b"acme/c", b"{")])
    line, place = Line.load(desk.config), TopicPartition(desk.topics.full("guarded"), 0)
    async with line.log() as log, Dying(line, left=1) as sole:
        with pytest.raises(Died):
            await Desks(sole, log, line.topics, SystemClock(), stall=20).replay(await log.letters(Choice()))
    async with AIOKafkaProducer(bootstrap_servers=desk.brokers) as producer:
        await producer.send_and_wait(place.topic, b"another", partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=desk.brokers)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=1)})
    await admin.close()

    said = await desk.run("replay", "--yes")

    assert (said.status, said.out) == (1, b"replayed 0\n")
    assert "dead-letters/0/0: its replay was killed" in said.err
    assert [one["state"] for one in (await desk.run("list", "--json")).letters] == ["unfinished"]
    assert (await desk.run("drop", "0/0", "--yes")).out == b"dropped 1\n"


async def test_one_that_was_frozen_past_its_session_sends_nothing_when_another_has_taken_over(desk: Desk) -> None:
    await bury(desk.brokers, desk.topics, many(1500))
    frozen = await start(desk.config, "replay", "--yes")
    await until_begun(frozen)
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        elsewhere = await dlq(desk.configured("there"), "replay", "--yes")
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    _, err = await asyncio.wait_for(frozen.communicate(), 40)

    assert elsewhere.status == 0, elsewhere.err
    assert frozen.returncode == 2, err
    assert b"another process took over" in err
    assert await desk.replays() == await desk.letters()


async def test_a_second_one_beside_the_first_is_refused(desk: Desk) -> None:
    desk.configured("here", session=20.0)
    await bury(desk.brokers, desk.topics, many(600))
    first = await start(desk.config, "replay", "--yes")
    await until_begun(first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = await desk.run("drop", "--stage", "lookup", "--yes")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    out, _ = await asyncio.wait_for(first.communicate(), 40)

    assert (second.status, second.err.count("\n")) == (2, 2)
    assert "another `streamguard dlq`" in second.err
    assert out == b"replayed 600\n"
    assert await desk.replays() == await desk.letters()


async def test_what_comes_out_is_what_came_in(desk: Desk) -> None:
    odd = [
        Buried(None, None, (("a", b"1"),), topic="requests", stage="admit", code="undecodable"),
        Buried(None, b"", (), topic="requests"),
        Buried(b"", bytes(range(256)) * 40, (("x", b"1"), ("x", None), ("", b""), ("x", b"\xff\xfe")), topic="requests"),
        Buried(b"\xff/\x00", None, (("schema", None), ("traceparent", b"\x00")), topic="requests", partition=1),
        Buried(b"acme", random.Random(1).randbytes(900_000), (("run", b"abc"), ("dlq.code", b"mine")), topic="requests"),
        Buried(b"acme", b"{", (("src", b"of/0/0/0"), ("b", b"2"), ("of", b"services"), ("a", b"1")), topic="requests"),
        Buried(b"acme", b"z" * 1_048_300, (), topic="requests"),
    ]  # fmt: skip
    await bury(desk.brokers, desk.topics, odd)

    said = await desk.run("replay", "--yes")

    assert said.status == 0, said.err
    replayed = await desk.records("requests")
    assert len(replayed) == len(odd)
    for partition in range(PARTITIONS):
        there = [one for one in replayed if one.partition == partition]
        for one, was in zip(there, [one for one in odd if one.partition == partition], strict=True):
            assert (one.key, one.value) == (was.key, was.value)
            kept = tuple(header for header in was.headers if header[0] not in ("src", "of"))
            assert one.headers[2:] == (*kept, ("run", b"2"))
            assert [name for name, _ in one.headers[:2]] == ["src", "of"]
    shown = await desk.run("show", "0/2", "--raw", "-")
    assert shown.out == odd[2].value
    nowhere = await desk.run("show", "0/2", "--raw", "/nowhere/value.bin")
    told = "streamguard: --raw /nowhere/value.bin: cannot be written (No such file or directory)"
    assert (nowhere.status, nowhere.err.splitlines()) == (2, [told])


async def test_what_kafka_refuses_waits_on_and_the_others_go(kafka: KafkaNode, tmp_path: Path) -> None:
    desk = Desk(kafka, tmp_path)
    small = {"max.message.bytes": "2000"}
    await kafka.create([desk.topics.full("guarded")], partitions=PARTITIONS, configs=small)
    await create_missing(Cluster(kafka.brokers), desk.topics, partitions=PARTITIONS)
    large = Buried(b"acme/c", random.Random(2).randbytes(5000), partition=1)
    await bury(desk.brokers, desk.topics, [*many(6), large, *many(6)])

    said = await desk.run("replay", "--yes")

    assert (said.status, said.out) == (1, b"replayed 12\n")
    assert "dead-letters/1/3 cannot be replayed: Kafka does not take it (MessageSizeTooLargeError)" in said.err
    [left] = (await desk.run("list", "--json")).letters
    assert left["place"] == f"{desk.topics.full('dead-letters')}/1/3"


async def test_filters_choose_and_what_was_dropped_is_gone_from_the_list(desk: Desk) -> None:
    await bury(
        desk.brokers,
        desk.topics,
        [
            Buried(b"acme/c1", b"secret words", stage="lookup"),
            Buried(b"acme", b"secret words", topic="requests", stage="admit", code="unknown_schema"),
            Buried(b"other/c1", b"secret words", stage="lookup", code="RuntimeError"),
        ],
    )

    chosen = (["--stage", "admit"], ["--tenant", "acme"], ["--since", "1h"])
    listed = await asyncio.gather(*(desk.run("list", *one) for one in chosen))
    assert [one.out.count(b"waiting") for one in listed] == [1, 2, 3]
    assert not any(b"secret" in one.out for one in listed)
    assert (await desk.run("drop", "--code", "RuntimeError", "--yes")).out == b"dropped 1\n"
    assert [one["stage"] for one in (await desk.run("list", "--json")).letters] == ["lookup", "admit"]
    everything = (await desk.run("list", "--all", "--json")).letters
    assert [one["state"] for one in everything] == ["waiting", "waiting", "dropped"]
    assert (await desk.run("replay", "--yes")).out == b"replayed 2\n"
    assert sum((await desk.replays()).values()) == 1
    asked = await desk.run("replay", "0/2", "--yes")
    assert (asked.status, asked.out) == (0, b"")
    assert "0/2 was dropped before" in asked.err
