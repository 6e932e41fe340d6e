"""Records of a key in a pipeline: decided at once, acknowledged together, in order throughout."""

from collections.abc import Sequence

from aiokafka.errors import MessageSizeTooLargeError

from streamguard.intake.contract import Received
from streamguard.intake.errors import BurialFailed
from streamguard.intake.existing import Existing
from streamguard.intake.marks import Place
from streamguard.intake.outlet import Fenced
from streamguard.intake.pipelining import PipelinedRunner
from tests.unit.intake.fakes import Bench, Copying, Sent, received, turn


class Pipeline(Bench):
    """A bench with one runner."""

    def run(self, *records: Received) -> None:
        runner = self.runner = getattr(self, "runner", None) or PipelinedRunner(
            self.context, self.decider, self.publisher
        )
        self.deliver(*records)
        for record in records:
            if self.part.keys.enter(record):
                self.part.spawn(runner.run(self.part, record))

    runner: PipelinedRunner | None = None


def names(sent: Sequence[Sent]) -> list[tuple[str, bytes]]:
    return [(one.topic, one.headers["src"].split(b"/")[2]) for one in sent]


async def test_the_next_step_begins_when_the_deciding_output_was_handed_over() -> None:
    step = Copying(("out", "re"))
    bench = Pipeline(step)
    await bench.start()
    bench.run(received(0), received(1), received(2))
    await turn()
    assert step.began == [0, 1, 2]
    assert names(bench.producer.sent) == [("out", b"0"), ("out", b"1"), ("out", b"2")]


async def test_later_outputs_follow_their_own_deciding_one_in_order() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0), received(1), received(2))
    await turn()
    bench.producer.sent[1].acknowledge()
    await turn()
    assert len(bench.producer.sent) == 3  # the second one waits for the first
    bench.producer.sent[0].acknowledge()
    await turn()
    assert names(bench.producer.sent[3:]) == [("re", b"0"), ("re", b"1")]
    for sent in bench.producer.waiting():
        sent.acknowledge()
    await turn()
    for sent in bench.producer.waiting():
        sent.acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 3
    assert bench.gate.inside == 0
    assert bench.statistics.in_flight == 0


async def test_a_key_that_rests_and_comes_back_stays_behind_what_it_has_sent() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0))
    await turn()
    bench.run(received(1))
    await turn()
    assert names(bench.producer.sent) == [("out", b"0"), ("out", b"1")]
    bench.producer.sent[1].acknowledge()
    await turn()
    bench.producer.sent[0].acknowledge()
    await turn()
    assert names(bench.producer.sent[2:]) == [("re", b"0"), ("re", b"1")]


async def test_fenced_records_are_sent_again_in_order_before_new_ones() -> None:
    bench = Pipeline(Copying(("out",)))
    await bench.start()
    bench.run(received(0), received(1))
    await turn()
    bench.gate.close()
    for sent in bench.producer.waiting():
        sent.refuse(Fenced())
    await turn()
    assert bench.gate.inside == 0
    bench.run(received(2))
    await turn()
    bench.gate.open()
    order: list[tuple[str, bytes]] = []
    for _ in range(3):
        await turn()
        waiting = bench.producer.waiting()
        order += names(waiting)
        for sent in waiting:
            sent.acknowledge()
    await turn()
    assert order == [("out", b"0"), ("out", b"1"), ("out", b"2")]
    assert bench.part.offsets.frontier == 3
    assert bench.errors == []


async def test_records_that_are_fenced_one_after_another_all_leave_the_closed_gate() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0), received(1), received(2))
    await turn()
    bench.gate.close()  # a rebalance: the group waits for all that is inside
    bench.producer.sent[0].refuse(Fenced())
    await turn()
    bench.producer.sent[1].refuse(Fenced())
    bench.producer.sent[2].refuse(Fenced())
    await turn()
    assert bench.gate.inside == 0
    bench.gate.open()
    for _ in range(6):
        await turn()
        for sent in bench.producer.waiting():
            sent.acknowledge()
    await turn()
    assert names(bench.producer.sent[3:]) == [(topic, b"%d" % at) for at in range(3) for topic in ("out", "re")]
    assert bench.part.offsets.frontier == 3
    assert bench.errors == []


async def test_a_refusal_at_a_closed_gate_holds_up_nothing_inside() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0), received(1))
    await turn()
    bench.gate.close()
    bench.producer.sent[0].refuse(MessageSizeTooLargeError())
    await turn()
    bench.producer.sent[1].acknowledge()
    await turn()
    assert names(bench.producer.waiting()) == [("re", b"1")]
    bench.producer.waiting()[0].acknowledge()
    await turn()
    assert bench.gate.inside == 0
    assert bench.part.offsets.frontier == 0


async def test_refused_outputs_bury_their_own_record_only() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0), received(1))
    await turn()
    bench.producer.sent[0].refuse(MessageSizeTooLargeError())
    bench.producer.sent[1].acknowledge()
    await turn()
    assert names(bench.producer.waiting()) == [("re", b"1")]
    bench.producer.waiting()[0].acknowledge()
    await turn()
    assert names(bench.producer.waiting()) == [("dead", b"0")]
    bench.producer.waiting()[0].acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 2
    assert bench.statistics.buried == 1


async def test_a_refused_burial_ends_the_worker() -> None:
    bench = Pipeline(Copying())
    await bench.start()
    bench.producer.refuse_at_once |= {"out": MessageSizeTooLargeError(), "dead": MessageSizeTooLargeError()}
    bench.run(received(0))
    await turn()
    assert [type(error) for error in bench.errors] == [BurialFailed]


async def test_what_exists_is_not_sent_again() -> None:
    step = Copying(("out", "re"))
    bench = Pipeline(step)
    await bench.start()
    half, whole = Existing(), Existing()
    half.add(Place("out", 0), 0, frozenset({"out", "re"}), b"")
    whole.add(Place("out", 0), 1, frozenset({"out"}), b"")
    bench.part.offsets.learn({(0, 1000): half, (1, 1001): whole})
    bench.run(received(0), received(1))
    await turn()
    assert step.began == [0]
    assert names(bench.producer.sent) == [("re", b"0")]


async def test_a_dropped_partition_leaves_the_gate() -> None:
    bench = Pipeline(Copying())
    await bench.start()
    bench.run(received(0), received(1))
    await turn()
    assert bench.gate.inside == 2
    bench.part.drop()
    await turn()
    assert bench.gate.inside == 0
    assert bench.errors == []


async def test_fenced_after_its_decision_was_stored_sends_only_the_rest() -> None:
    bench = Pipeline(Copying(("out", "re")))
    await bench.start()
    bench.run(received(0))
    await turn()
    bench.producer.sent[0].acknowledge()
    await turn()
    bench.gate.close()
    bench.producer.sent[1].refuse(Fenced())
    await turn()
    bench.gate.open()
    await turn()
    assert names(bench.producer.waiting()) == [("re", b"0")]
    bench.producer.waiting()[0].acknowledge()
    await turn()
    assert bench.part.offsets.frontier == 1


async def test_what_another_run_decided_meanwhile_stands() -> None:
    step = Copying(("out", "re"))
    bench = Pipeline(step)
    await bench.start()
    bench.gate.close()
    bench.run(received(0))
    await turn()
    existing = Existing()
    existing.add(Place("out", 0), 7, frozenset({"out", "re"}), b"decided elsewhere")
    bench.part.offsets.learn({(0, 1000): existing})
    bench.gate.open()
    await turn()
    assert step.found == [{}, {"out": b"decided elsewhere"}]
    assert names(bench.producer.sent) == [("re", b"0")]
