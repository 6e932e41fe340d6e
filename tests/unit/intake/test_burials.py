"""Burials: which count against the worker, and what becomes of one that Kafka refuses too."""

from collections.abc import Mapping, Sequence

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streamguard.config import Cluster
from streamguard.errors import InvalidRecord
from streamguard.intake.contract import Output, Received, StepFunction
from streamguard.intake.deciding import BURIALS, Decider
from streamguard.intake.errors import BurialFailed, BurialRefused, TooManyBuried
from streamguard.intake.publishing import Publisher
from streamguard.intake.settings import Settings
from streamguard.stages.admit import Misplaced
from streamguard.stream.stage_step import RecordTooLarge
from tests.unit.intake.fakes import Bench, Copying, received
from tests.unit.intake.test_publishing import run, topics, turn


def raising(error: Exception) -> StepFunction:
    async def step(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        raise error

    return step


def settings(*, open_sources: bool) -> Settings:
    return Settings(
        cluster=Cluster("nowhere"), group="g", deadline=0.1, buried_limit=3, open_sources=open_sources, cap=1000
    )


@pytest.mark.parametrize("error", [InvalidRecord("undecodable"), RecordTooLarge(), Misplaced()])
async def test_what_strangers_send_never_stops_the_worker(error: Exception) -> None:
    """Not even requests just below what a broker takes, of a client that partitions differently."""
    bench = await Bench(raising(error), settings(open_sources=True)).start()
    bench.producer.acknowledge_at_once = True
    run(bench, *[received(offset, b"%d" % offset) for offset in range(200)])
    await turn()
    assert bench.errors == []
    assert topics(bench.producer.sent) == ["dead"] * 200
    assert bench.part.offsets.frontier == 200
    assert bench.statistics.buried == 200


@pytest.mark.parametrize(
    ("error", "open_sources"), [(LookupError(), True), (InvalidRecord("undecodable"), False)], ids=["stage", "inner"]
)
async def test_a_stage_that_fails_and_an_inner_topic_that_cannot_be_read_stop_it(
    error: Exception, open_sources: bool
) -> None:
    bench = await Bench(raising(error), settings(open_sources=open_sources)).start()
    bench.producer.acknowledge_at_once = True
    run(bench, *[received(offset, b"%d" % offset) for offset in range(4)])
    await turn()
    assert [type(one) for one in bench.errors] == [TooManyBuried]


class Undertaker:
    """Writes less each time; notes what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[BaseException, frozenset[str]]] = []

    def __call__(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        self.told.append((error, frozenset(found)))
        return [Output("dead", None, b"letter"), Output("re", b"k", b"ending")][: 1 if len(self.told) > 1 else 2]


async def burying(*refused: str) -> tuple[Bench, Undertaker]:
    bench, bury = Bench(Copying()), Undertaker()
    bench.decider = Decider(bench.context, bench.decider._step, bury)  # pyright: ignore[reportPrivateUsage] -- but for the burial it is the same
    bench.publisher = Publisher(bench.context, bench.outlet, bench.decider)
    await bench.start()
    for topic in refused:
        bench.producer.refuse_at_once[topic] = MessageSizeTooLargeError()
    run(bench, received(0))
    await turn()
    return bench, bury


async def test_when_an_ending_is_refused_the_letter_that_exists_is_enough() -> None:
    bench, bury = await burying("out", "re")
    assert topics(bench.producer.sent) == ["dead"]
    bench.producer.sent[0].acknowledge()
    await turn()
    again, found = bury.told[1]
    assert isinstance(again, BurialRefused)
    assert (type(again.why), again.attempt) == (MessageSizeTooLargeError, 2)
    assert found == {"dead"}
    assert topics(bench.producer.sent) == ["dead"]
    assert bench.part.offsets.frontier == 1
    assert bench.errors == []
    assert bench.statistics.buried == 1


async def test_a_letter_that_is_refused_is_written_in_other_ways_before_the_worker_ends() -> None:
    bench, bury = await burying("out", "dead")
    assert len(bury.told) == BURIALS
    assert [type(error) for error in bench.errors] == [BurialFailed]
    assert bench.part.offsets.frontier == 0
