"""A replayed record is the next run of its request, from the first stage that reads it."""

import pytest

from streamguard.clock import FakeClock
from streamguard.config import Limits
from streamguard.events.base import Record
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import encode
from streamguard.events.outcome import Outcome
from streamguard.events.reason import Reason
from streamguard.events.stages import Admitted, Carried, Guarded
from streamguard.intake.contract import Output, Received
from streamguard.limits.admission import Admission
from streamguard.stages.admit import Admit
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch
from streamguard.stream.stage_step import StageStep
from streamguard.stream.topics import Topics
from tests.unit.stages.examples import NOW, admitted, ended, ending, event, guarded, request

TOPICS = Topics.load("p.")
REPLAYED = (("src", b"p.dead-letters/2/1/900"), ("of", b"p.guarded"), ("run", b"2"))


class Says:
    """A stage that passes on what it was given."""

    def __init__(self, topic: str) -> None:
        self._topic, self.seen = topic, list[Event[Record]]()

    async def run(self, event: Event[Record], found: Record | None) -> Step:
        self.seen.append(event)
        return [Out(self._topic, event.key, event.record)]


def received(record: Record, topic: str, *headers: tuple[str, bytes]) -> Received:
    return Received(f"p.{topic}", 0, 7, 1000, b"acme/r1", encode(record), headers)


def admit(home: int = 0) -> tuple[Admit, Admission]:
    state = Admission(Limits())

    class Owned:
        def admission(self, partition: int) -> Admission:
            return state

        def epoch(self, partition: int) -> int:
            return 7

    return Admit(Limits(), Owned(), lambda _tenant: home, FakeClock(NOW), calls=4), state


def header(output: Output, name: str) -> bytes | None:
    return dict(output.headers).get(name)


@pytest.mark.parametrize(("record", "topic"), [(guarded(), "guarded"), (admitted(), "admitted")])
async def test_the_record_is_of_the_run_that_the_header_says(record: Record, topic: str) -> None:
    stage = Says("invocations")
    step = StageStep("lookup", topic, stage, TOPICS, None)

    await step(received(record, topic, *REPLAYED), {})
    await step(received(record, topic), {})
    await step(received(record, topic, ("run", b"2")), {})

    runs = [one.record.run for one in stage.seen if isinstance(one.record, Guarded | Admitted)]
    assert runs == [2, 1, 1]
    assert [one.run for one in stage.seen] == [2, None, None]


async def test_a_replay_that_fails_again_fails_as_its_own_run() -> None:
    end = ending()
    step = StageStep(
        "lookup", "guarded", Says("x"), TOPICS, lambda event: end.failed(event, Watch("lookup", FakeClock(NOW)))
    )

    letter, outcome, _ = step.bury(received(guarded(), "guarded", *REPLAYED), RuntimeError(), {})

    assert header(letter, "run") == b"2"
    assert header(letter, "dlq.src") == b"p.dead-letters/2/1/900"
    assert outcome.value is not None
    assert Outcome.model_validate_json(outcome.value).run == 2


async def test_a_booking_has_no_other_run_whatever_its_headers_say() -> None:
    stage = Says("telemetry")
    entry = Watch("guard", FakeClock(NOW)).entry("x")
    outcome, _ = ended(ending().early("acme/r1", admitted(), entry, "failed", Reason.INTERNAL))
    step = StageStep("settle", "outcomes", stage, TOPICS, None)

    await step(received(outcome, "outcomes", *REPLAYED), {})

    [seen] = [one.record for one in stage.seen if isinstance(one.record, Outcome)]
    assert not isinstance(seen, Carried)
    assert seen.run == 1


async def test_admit_decides_on_each_run_of_an_id_once() -> None:
    stage, state = admit()

    steps = [
        await stage.run(event(request(), offset=offset, run=run), None)
        for offset, run in ((0, None), (1, 2), (2, 2), (3, 3), (4, None))
    ]

    runs = [[out.record.run for out in step if isinstance(out.record, JournalEntry | Admitted)] for step in steps]
    assert runs == [[1, 1], [2, 2], [], [3, 3], []]
    assert state.seen("acme", "r1", 2) is not None


async def test_a_run_that_admit_cannot_handle_is_refused_as_that_run() -> None:
    stage, _ = admit()

    step = stage.failed(event(request(), run=2))

    assert [out.record.run for out in step if isinstance(out.record, JournalEntry | Admitted)] == [2, 2]


async def test_a_misplaced_replay_stays_one_when_admit_sends_it_on() -> None:
    stage, _ = admit(home=1)
    step = StageStep("admit", "requests", stage, TOPICS, None)

    [sent_on] = await step(received(request(), "requests", *REPLAYED), {})

    assert sent_on.partition == 1
    assert header(sent_on, "run") == b"2"
    arrived = Received(
        "p.requests", 1, 9, 1000, sent_on.key, sent_on.value, (("src", b"p.requests/0/7/1000"), *sent_on.headers)
    )
    says = Says("admitted")
    await StageStep("admit", "requests", says, TOPICS, None)(arrived, {})
    assert says.seen[0].run == 2
