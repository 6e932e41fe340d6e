"""The way of one record: decided, let through the gate, sent, acknowledged; or buried."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from aiokafka.errors import MessageSizeTooLargeError, NotLeaderForPartitionError, OutOfOrderSequenceNumber

from streamguard.config import Cluster
from streamguard.intake.contract import Output, Received, StepFunction
from streamguard.intake.errors import BurialFailed, TooManyBuried
from streamguard.intake.existing import Existing
from streamguard.intake.marks import Place
from streamguard.intake.outlet import Fenced
from streamguard.intake.running import SerialRunner
from streamguard.intake.settings import Settings
from tests.unit.intake.fakes import Bench, Copying, Sent, received, turn


def run(bench: Bench, *records: Received) -> None:
    """Deliver and start, as the fetcher does."""
    runner = SerialRunner(bench.context, bench.decider, bench.publisher)
    bench.deliver(*records)
    for record in records:
        if bench.part.keys.enter(record):
            bench.part.spawn(runner.run(bench.part, record))


def topics(sent: Sequence[Sent]) -> list[str]:
    return [one.topic for one in sent]


async def test_the_deciding_output_is_acknowledged_before_the_others_are_sent() -> None:
    bench = await Bench(Copying(("out", "re", "dead"))).start()
    run(bench, received(0))
    await turn()
    assert topics(bench.producer.sent) == ["out"]
    bench.producer.sent[0].acknowledge()
    await turn()
    assert topics(bench.producer.sent) == ["out", "re", "dead"]
    assert {one.headers["src"] for one in bench.producer.sent} == {b"in/0/0/1000"}
    assert {one.headers["of"] for one in bench.producer.sent} == {b"out,re,dead"}
    bench.producer.sent[2].acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 0
    bench.producer.sent[1].acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 1
    assert bench.statistics.done == 1
    assert bench.gate.inside == 0
    assert bench.context.ends[Place("out", 0)] == 1


async def test_records_of_one_key_run_one_after_another_and_others_beside() -> None:
    step = Copying()
    bench = await Bench(step).start()
    run(bench, received(0, b"a"), received(1, b"a"), received(2, b"b"))
    await turn()
    assert step.began == [0, 2]
    bench.producer.sent[0].acknowledge()
    await turn()
    assert step.began == [0, 2, 1]


async def test_nothing_is_handed_over_while_the_gate_is_closed() -> None:
    bench = await Bench(Copying()).start()
    bench.gate.close()
    run(bench, received(0))
    await turn()
    assert bench.producer.sent == []
    bench.gate.open()
    await turn()
    assert topics(bench.producer.sent) == ["out"]


async def test_nothing_is_handed_over_without_a_young_lease() -> None:
    bench = await Bench(Copying()).start()
    bench.clock.advance(bench.settings.lease + 0.1)
    run(bench, received(0))
    await turn()
    assert bench.producer.sent == []
    bench.gate.calm(bench.clock.monotonic())
    bench.gate.renew(bench.clock.monotonic())
    await turn()
    assert topics(bench.producer.sent) == ["out"]


async def test_what_another_run_decided_meanwhile_stands_and_only_the_rest_of_it_is_sent() -> None:
    step = Copying(("out", "re"))
    bench = await Bench(step).start()
    bench.gate.close()
    run(bench, received(0))
    await turn()
    existing = Existing()
    existing.add(Place("out", 0), 7, frozenset({"out", "re"}), b"decided elsewhere")
    bench.part.offsets.learn({(0, 1000): existing})
    bench.gate.open()
    await turn()
    assert step.found == [{}, {"out": b"decided elsewhere"}]
    assert topics(bench.producer.sent) == ["re"]


async def test_what_another_run_finished_meanwhile_is_done_without_a_second_run() -> None:
    step = Copying(("out", "re"))
    bench = await Bench(step).start()
    bench.gate.close()
    run(bench, received(0))
    await turn()
    existing = Existing()
    for topic in ("out", "re"):
        existing.add(Place(topic, 0), 7, frozenset({"out", "re"}), b"")
    bench.part.offsets.learn({(0, 1000): existing})
    bench.gate.open()
    await turn()
    assert len(step.found) == 1
    assert bench.producer.sent == []
    assert bench.part.offsets.frontier == 1


async def test_fenced_outputs_go_back_to_the_gate_without_those_that_exist() -> None:
    step = Copying(("out", "re", "dead"))
    bench = await Bench(step).start()
    run(bench, received(0))
    await turn()
    bench.producer.sent[0].acknowledge()
    await turn()
    bench.gate.close()
    bench.producer.sent[1].acknowledge()
    bench.producer.sent[2].refuse(Fenced())
    await turn()
    assert bench.gate.inside == 0
    assert len(bench.producer.sent) == 3
    bench.gate.open()
    await turn()
    assert topics(bench.producer.waiting()) == ["dead"]
    assert bench.statistics.fenced == 1
    assert step.began == [0]  # the decision is its own, so it is not made again


async def test_an_output_that_kafka_refuses_buries_its_input_and_leaves_the_others_in_place() -> None:
    bench = await Bench(Copying(("out", "re"))).start()
    run(bench, received(0))
    await turn()
    bench.producer.sent[0].acknowledge()
    await turn()
    bench.producer.sent[1].refuse(MessageSizeTooLargeError())
    await turn()
    assert topics(bench.producer.sent) == ["out", "re", "dead"]
    assert bench.producer.sent[2].headers["error"] == b"MessageSizeTooLargeError"
    assert bench.producer.sent[2].headers["of"] == b"dead"
    bench.producer.sent[2].acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 1
    assert bench.statistics.buried == 1
    assert bench.errors == []


async def test_an_output_refused_before_it_is_sent_buries_too() -> None:
    bench = await Bench(Copying()).start()
    bench.producer.refuse_at_once["out"] = MessageSizeTooLargeError()
    run(bench, received(0))
    await turn()
    assert topics(bench.producer.sent) == ["dead"]


async def test_a_burial_that_is_refused_ends_the_worker() -> None:
    bench = await Bench(Copying()).start()
    bench.producer.refuse_at_once |= {"out": MessageSizeTooLargeError(), "dead": MessageSizeTooLargeError()}
    run(bench, received(0))
    await turn()
    assert [type(error) for error in bench.errors] == [BurialFailed]
    assert bench.part.offsets.frontier == 0


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber(), NotLeaderForPartitionError()])
async def test_what_concerns_the_worker_is_never_buried(error: Exception) -> None:
    bench = await Bench(Copying()).start()
    run(bench, received(0))
    await turn()
    bench.producer.sent[0].refuse(error)
    await turn()
    assert bench.errors == [error]
    assert bench.statistics.buried == 0
    assert bench.part.offsets.frontier == 0


async def raising(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
    raise LookupError(record.offset)


async def hanging(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
    await asyncio.Event().wait()
    return []


async def elsewhere(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
    return [Output("nobody-reads-this", None, b"")]


@pytest.mark.parametrize(
    ("step", "code"), [(raising, b"LookupError"), (elsewhere, b"OutputInvalid"), (hanging, b"DeadlineExceeded")]
)
async def test_a_step_that_fails_buries_its_input(step: StepFunction, code: bytes) -> None:
    bench = await Bench(step).start()
    run(bench, received(0))
    await asyncio.sleep(0.15 if step is hanging else 0)
    await turn()
    assert topics(bench.producer.sent) == ["dead"]
    assert bench.producer.sent[0].headers["error"] == code


async def test_a_connection_error_of_a_step_ends_the_worker() -> None:
    async def cut_off(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        raise ConnectionResetError

    bench = await Bench(cut_off).start()
    run(bench, received(0))
    await turn()
    assert [type(error) for error in bench.errors] == [ConnectionResetError]


async def test_too_many_burials_end_the_worker() -> None:
    settings = Settings(cluster=Cluster("nowhere"), group="g", buried_limit=2, buried_window=10)
    bench = await Bench(raising, settings).start()
    bench.producer.acknowledge_at_once = True
    run(bench, received(0, b"a"), received(1, b"b"))
    await turn()
    assert bench.errors == []
    bench.clock.advance(5)
    run(bench, received(2, b"c"))
    await turn()
    assert [type(error) for error in bench.errors] == [TooManyBuried]


async def test_a_repeated_step_is_told_what_exists_and_must_choose_the_same_topics() -> None:
    step = Copying(("out", "re"))
    bench = await Bench(step).start()
    same, other = Existing(), Existing()
    same.add(Place("out", 0), 3, frozenset({"out", "re"}), b"decided")
    other.add(Place("out", 0), 4, frozenset({"out"} | {"dead", "re"}), b"decided otherwise")
    bench.part.offsets.learn({(0, 1000): same, (1, 1001): other})
    run(bench, received(0, b"a"), received(1, b"b"))
    await turn()
    assert step.found == [{"out": b"decided"}, {"out": b"decided otherwise"}]
    assert topics(bench.producer.sent) == ["re", "dead"]
    assert bench.producer.sent[1].headers["error"] == b"Diverged"


async def test_a_dropped_partition_is_never_acknowledged() -> None:
    bench = await Bench(Copying()).start()
    run(bench, received(0))
    await turn()
    assert bench.statistics.in_flight == 1
    bench.part.drop()
    await turn()
    assert bench.statistics.in_flight == 0
    assert bench.gate.inside == 0
    assert bench.part.offsets.frontier == 0
    assert bench.errors == []


async def test_a_step_without_outputs_is_done() -> None:
    bench = await Bench(Copying(())).start()
    bench.gate.close()
    run(bench, received(0))
    await turn()
    assert bench.part.offsets.frontier == 1
