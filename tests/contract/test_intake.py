"""What an intake promises, over the embedded broker and over a real Kafka: one suite."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard import config
from streamguard.dev.mock_kafka import MockCluster
from streamguard.intake import Bury, Intake, Output, Ownership, Received, Settings, StepFunction
from streamguard.intake.errors import OffsetGone, TooManyBuried, TopicsMissing, TopicsUnequal
from tests.support.kafka import KafkaNode, unique

PARTITIONS = 2


class Cluster:
    """A broker of either kind, with topics of this test's own."""

    def __init__(self, brokers: str, mock: MockCluster | None, node: KafkaNode | None) -> None:
        self.brokers, self._mock, self._node = brokers, mock, node

    async def create(self, *topics: str, partitions: int = PARTITIONS) -> None:
        if self._node is not None:
            await self._node.create(topics, partitions=partitions)
        if self._mock is not None:
            for topic in topics:
                self._mock.create_topic(topic, partitions, 1)

    async def write(
        self, topic: str, *records: tuple[bytes | None, bytes, int], src: bytes = b"", of: bytes = b""
    ) -> None:
        """Key, value and partition of each."""
        headers = [("src", src), ("of", of)] if src else []
        producer = AIOKafkaProducer(bootstrap_servers=self.brokers, linger_ms=0)
        await producer.start()
        for key, value, partition in records:
            await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)
        await producer.stop()

    async def read(self, *topics: str, partitions: int = PARTITIONS) -> list[Received]:
        """All records, in order of topic, partition and offset."""
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.brokers, auto_offset_reset="earliest")
        await consumer.start()
        out: list[Received] = []
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.assign([place])
            consumer.seek(place, 0)
            got: list[Received] = []
            while len(got) < ends[place]:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    got += [
                        Received(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                        for r in records
                    ]
            out += got
        await consumer.stop()
        return out


@pytest.fixture(scope="module", params=["embedded", pytest.param("kafka", marks=pytest.mark.slow)])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The embedded broker's cluster in this process, or the tests' Kafka."""
    if request.param == "kafka":
        node: KafkaNode = request.getfixturevalue("kafka")
        yield Cluster(node.brokers, None, node)
        return
    mock = MockCluster(1, 0)
    yield Cluster(f"127.0.0.1:{mock.ports[0]}", mock, None)
    mock.close()


@dataclass
class Topics:
    source: str
    target: str
    rekeyed: str
    dead: str


@pytest.fixture
async def topics(cluster: Cluster) -> Topics:
    made = Topics(unique("in"), unique("out"), unique("re"), unique("dead"))
    await cluster.create(made.source, made.target, made.rekeyed, made.dead)
    return made


def to_dead(topic: str) -> Bury:
    def bury(record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(topic, record.key, record.value, (("error", type(error).__name__.encode()),))]

    return bury


def copying(topics: Topics, ran: list[Received] | None = None) -> StepFunction:
    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        if ran is not None:
            ran.append(record)
        value = found.get(topics.target, record.value)
        return [Output(topics.target, record.key, value), Output(topics.rekeyed, record.value, value)]

    return step


def make(
    cluster: Cluster,
    topics: Topics,
    step: StepFunction,
    *,
    group: str | None = None,
    ownership: Ownership | None = None,
    pipelined: bool = False,
    sources: Sequence[str] = (),
    **settings: float,
) -> Intake:
    """An intake over the topics, with short times."""
    values = {"session": 3.0, "grace": 1.0, "topics_wait": 0.5, **settings}
    return Intake(
        Settings(cluster=config.Cluster(cluster.brokers), group=group or unique("group"), **values),  # pyright: ignore[reportArgumentType] -- cap and key_queue are given as int
        sources=[topics.source, *sources],
        targets=[topics.target, topics.dead],
        rekeyed=[topics.rekeyed],
        step=step,
        bury=to_dead(topics.dead),
        ownership=ownership,
        pipelined=pipelined,
    )


@asynccontextmanager
async def running(intake: Intake) -> AsyncGenerator[None]:
    """Run it; stop it in order at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(intake.run(stop))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def inputs(count: int) -> list[tuple[bytes, bytes, int]]:
    return [(b"k%d" % (number % 5), b"v%d" % number, number % 5 % PARTITIONS) for number in range(count)]


def identities(records: Sequence[Received]) -> list[tuple[str, bytes]]:
    return [(record.topic, dict(record.headers)["src"]) for record in records]


@pytest.mark.parametrize("pipelined", [False, True])
async def test_every_input_has_all_its_outputs_once_and_in_order(
    cluster: Cluster, topics: Topics, pipelined: bool
) -> None:
    await cluster.write(topics.source, *inputs(40))
    intake = make(cluster, topics, copying(topics), pipelined=pipelined)
    async with running(intake):
        await until(lambda: intake.statistics.done == 40)
    outputs = await cluster.read(topics.target, topics.rekeyed)
    assert len(outputs) == len(set(identities(outputs))) == 80
    for key in {record.key for record in outputs if record.topic == topics.target}:
        own = [
            int((record.value or b"")[1:]) for record in outputs if (record.topic, record.key) == (topics.target, key)
        ]
        assert own == sorted(own)
    assert intake.statistics.in_flight == 0
    assert intake.statistics.sent == 80


async def test_a_group_without_commits_begins_at_the_beginning_and_sends_nothing_again(
    cluster: Cluster, topics: Topics
) -> None:
    await cluster.write(topics.source, *inputs(20))
    ran: list[Received] = []
    for run in range(2):
        intake = make(cluster, topics, copying(topics, ran))
        async with running(intake):
            await until(lambda intake=intake: intake.statistics.done == 20)
        assert intake.statistics.suppressed == 20 * run
    assert len(ran) == 20
    assert len(await cluster.read(topics.target)) == 20


async def test_a_stopped_intake_goes_on_where_it_was(cluster: Cluster, topics: Topics) -> None:
    group, ran = unique("group"), list[Received]()
    for _ in range(2):
        await cluster.write(topics.source, *inputs(10))
        intake = make(cluster, topics, copying(topics, ran), group=group)
        async with running(intake):
            await until(lambda intake=intake: intake.statistics.done == 10)
        assert intake.statistics.suppressed == 0
    assert len({record.src for record in ran}) == len(ran) == 20


async def test_an_interrupted_step_is_told_its_decision_and_only_the_rest_is_sent(
    cluster: Cluster, topics: Topics
) -> None:
    await cluster.write(topics.source, (b"k", b"v", 0))
    (source,) = await cluster.read(topics.source)
    want = f"{topics.target},{topics.rekeyed}".encode()
    await cluster.write(topics.target, (b"k", b"decided before", 0), src=source.src.encode(), of=want)
    intake = make(cluster, topics, copying(topics))
    async with running(intake):
        await until(lambda: intake.statistics.done == 1)
    assert [record.value for record in await cluster.read(topics.target, topics.rekeyed)] == [b"decided before"] * 2
    assert intake.statistics.resumed == 1


async def test_too_many_burials_end_it(cluster: Cluster, topics: Topics) -> None:
    async def raising(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        raise LookupError

    await cluster.write(topics.source, *inputs(10))
    intake = make(cluster, topics, raising, buried_limit=4)
    with pytest.raises(TooManyBuried, match="more than 4 inputs"):
        await asyncio.wait_for(intake.run(asyncio.Event()), 20)
    assert len(await cluster.read(topics.dead)) <= 4


async def test_missing_topics_are_named_or_waited_for(cluster: Cluster, topics: Topics) -> None:
    missing = Topics(topics.source, unique("nowhere"), topics.rekeyed, topics.dead)
    with pytest.raises(TopicsMissing, match=missing.target):
        await make(cluster, missing, copying(missing)).run(asyncio.Event())
    await cluster.write(topics.source, *inputs(1))
    intake = make(cluster, missing, copying(missing), topics_wait=10)
    async with running(intake):
        await asyncio.sleep(0.3)
        await cluster.create(missing.target)
        await until(lambda: intake.statistics.done == 1)


async def test_sources_with_other_partition_counts_are_refused(cluster: Cluster, topics: Topics) -> None:
    side = unique("side")
    await cluster.create(side, partitions=PARTITIONS + 1)
    with pytest.raises(TopicsUnequal, match=f"{topics.source} has 2, {side} has 3"):
        await make(cluster, topics, copying(topics), sources=[side]).run(asyncio.Event())


async def test_a_committed_offset_that_is_gone_is_an_error(cluster: Cluster, topics: Topics) -> None:
    group, place = unique("group"), TopicPartition(topics.source, 1)
    await cluster.write(topics.source, (b"k", b"v", 1))
    tool = AIOKafkaConsumer(bootstrap_servers=cluster.brokers, group_id=group, enable_auto_commit=False)
    await tool.start()
    tool.assign([place])
    await tool.commit({place: 7})
    await tool.stop()
    with pytest.raises(OffsetGone, match=f"{topics.source}/1: offset 7 is committed, but the log holds 0 to 1"):
        await asyncio.wait_for(make(cluster, topics, copying(topics), group=group).run(asyncio.Event()), 20)


async def test_a_full_key_queue_pauses_its_partition_and_nothing_else(cluster: Cluster, topics: Topics) -> None:
    hot, waiting = asyncio.Event(), list[Received]()

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        if record.key == b"hot":
            waiting.append(record)
            await hot.wait()
        return [Output(topics.target, record.key, record.value)]

    await cluster.write(topics.source, *[(b"hot", b"%d" % number, 0) for number in range(20)])
    await cluster.write(topics.source, *[(b"cold%d" % number, b"v", 1) for number in range(20)])
    intake = make(cluster, topics, step, key_queue=3, cap=16)
    async with running(intake):
        await until(lambda: intake.statistics.done == 20)
        assert len(waiting) == 1
        assert intake.statistics.in_flight == 4  # one runs, three wait
        commits = intake.statistics.commits
        await until(lambda: intake.statistics.commits > commits)  # still a member
        hot.set()
        await until(lambda: intake.statistics.done == 40)
    assert [int(record.value or b"") for record in waiting] == list(range(20))


async def test_a_stop_lets_steps_finish_within_the_grace_and_commits_only_what_is_done(
    cluster: Cluster, topics: Topics
) -> None:
    group, quick, began = unique("group"), asyncio.Event(), list[bytes | None]()

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        began.append(record.key)
        await (quick.wait() if record.key == b"quick" else asyncio.Event().wait())
        return [Output(topics.target, record.key, record.value)]

    await cluster.write(topics.source, (b"quick", b"1", 0), (b"hangs", b"2", 0), (b"quick", b"3", 0))
    stop = asyncio.Event()
    intake = make(cluster, topics, step, group=group, grace=0.5)
    task = asyncio.create_task(intake.run(stop))
    await until(lambda: len(began) == 2)
    stop.set()
    quick.set()
    await asyncio.wait_for(task, 10)
    assert intake.statistics.done == 2
    again = make(cluster, topics, copying(Topics("", topics.target, topics.rekeyed, "")), group=group)
    async with running(again):
        await until(lambda: again.statistics.done == 2)
    assert again.statistics.suppressed == 1


class Owner:
    """Notes what it is told, and what was committed at that moment."""

    def __init__(self, void: bytes) -> None:
        self.told: list[tuple[str, frozenset[int]]] = []
        self.voided, self.void_src = 0, void

    async def prepare(self, partitions: frozenset[int]) -> None:
        self.told.append(("prepare", partitions))

    async def take(self, partitions: frozenset[int]) -> None:
        await asyncio.sleep(0.05)
        self.told.append(("take", partitions))

    def void(self, topic: str, partition: int, offset: int, headers: Mapping[str, bytes]) -> bool:
        self.told.append(("void", frozenset({partition})))
        return headers["src"] == self.void_src

    def lost(self, partitions: frozenset[int]) -> None:
        self.told.append(("lost", partitions))


async def test_an_owner_prepares_takes_and_voids_before_the_first_step(cluster: Cluster, topics: Topics) -> None:
    await cluster.write(topics.source, (b"a", b"1", 0), (b"b", b"2", 0))
    valid, invalid = await cluster.read(topics.source)
    for source in (valid, invalid):
        await cluster.write(topics.target, (source.key, b"x", 0), src=source.src.encode(), of=topics.target.encode())
    owner = Owner(invalid.src.encode())

    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        owner.told.append(("step", frozenset({record.offset})))
        return [Output(topics.target, record.key, record.value)]

    intake = make(cluster, topics, step, ownership=owner)
    async with running(intake):
        await until(lambda: intake.statistics.done == 2)
    both = frozenset({0, 1})
    own = frozenset({0})
    assert owner.told == [
        ("prepare", both),
        ("take", both),
        ("void", own),
        ("void", own),
        ("step", frozenset({1})),
        ("lost", both),
    ]
    assert intake.statistics.suppressed == 1
    assert intake.statistics.commits >= 2
