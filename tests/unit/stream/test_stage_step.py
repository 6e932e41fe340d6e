"""Between bytes and records: headers, dead letters, and what a failing stage leaves behind."""

from collections.abc import Sequence
from typing import cast

import orjson
import pytest

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.errors import InvalidRecord
from streamguard.events.base import Record
from streamguard.events.codec import RECORDS, decode, encode
from streamguard.events.outcome import Outcome, Response
from streamguard.events.stages import Guarded
from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import BurialRefused, Diverged
from streamguard.intake.settings import Settings
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch
from streamguard.stream.flow import FLOW
from streamguard.stream.stage_step import (
    BuriedBefore,
    DecisionUnreadable,
    RecordTooLarge,
    StageStep,
    dead_letter,
    trace_id,
)
from streamguard.stream.topics import Topics
from tests.unit.stages.examples import NOW, ending, guarded

TRACE = b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"
TOPICS = Topics.load("p.")


class Says:
    """A stage that gives what it was made with, and remembers what it was given."""

    def __init__(self, *outs: Out, error: Exception | None = None) -> None:
        self._outs, self._error = outs, error
        self.seen: list[tuple[Event[Guarded], Record | None]] = []

    async def run(self, event: Event[Guarded], found: Record | None) -> Step:
        self.seen.append((event, found))
        if self._error:
            raise self._error
        return self._outs


def step(stage: Says) -> StageStep:
    failing = ending()
    return StageStep(
        "lookup", "guarded", stage, TOPICS, lambda event: failing.failed(event, Watch("lookup", FakeClock(NOW)))
    )


def received(value: bytes | None = None, *headers: tuple[str, bytes]) -> Received:
    return Received("p.guarded", 2, 7, 1000, b"acme/r1", encode(guarded()) if value is None else value, headers)


def header(output: Output, name: str) -> bytes | None:
    return dict(output.headers).get(name)


async def test_an_output_carries_schema_trace_and_the_name_on_the_cluster() -> None:
    stage = Says(Out("invocations", "acme/r1", guarded()))

    [output] = await step(stage)(received(None, ("traceparent", TRACE)), {})

    assert (output.topic, output.key, output.partition) == ("p.invocations", b"acme/r1", None)
    assert header(output, "traceparent") == TRACE
    assert header(output, "schema") == b"streamguard.guarded/1"
    assert stage.seen[0][0].trace_id == "ab" * 16
    assert stage.seen[0][0].timestamp_us == 1_000_000


async def test_a_request_without_a_trace_gets_one_that_a_second_run_continues() -> None:
    stage = Says(Out("invocations", "acme/r1", guarded()))

    [first] = await step(stage)(received(), {})
    [second] = await step(stage)(received(), {})

    assert header(first, "traceparent") == header(second, "traceparent")
    assert trace_id(dict(first.headers)) is not None


@pytest.mark.parametrize("value", [None, b"", b"ann@example.com", TRACE + b" ann@example.com"])
async def test_a_header_that_is_no_trace_stops_nothing_and_goes_no_further(value: bytes | None) -> None:
    # Kafka lets producers send a header without a value, whatever the type of a received record says
    record = received(None, ("traceparent", cast("bytes", value)), ("schema", cast("bytes", None)))

    [output] = await step(Says(Out("invocations", "acme/r1", guarded())))(record, {})
    buried = step(Says()).bury(record, RuntimeError(), {})

    assert header(output, "traceparent") != value
    assert trace_id(dict(output.headers)) is not None
    assert [output.topic for output in buried] == ["p.dead-letters", "p.outcomes", "p.responses"]


async def test_the_deciding_output_of_an_interrupted_run_is_handed_over() -> None:
    stage = Says()

    await step(stage)(received(), {"p.guarded": encode(guarded())})

    assert isinstance(stage.seen[0][1], Guarded)


async def test_of_several_outputs_that_exist_the_deciding_one_is_handed_over_whichever_was_found_first() -> None:
    stage = Says()
    outcome = answered()
    [_, _, response] = step(Says()).bury(received(), RuntimeError(), {"p.outcomes": encode(outcome)})
    assert response.value is not None

    await step(stage)(received(), {"p.responses": response.value, "p.outcomes": encode(outcome)})

    assert stage.seen[0][1] == outcome


@pytest.mark.parametrize(
    ("value", "schema", "code"),
    [
        (b"{", b"streamguard.guarded/1", "undecodable"),
        (b"{}", b"streamguard.guarded/1", "invalid_record"),
        (encode(guarded()), b"streamguard.guarded/2", "unknown_schema"),
    ],
)
async def test_bytes_that_cannot_be_read_go_to_the_dead_letters_as_they_came(
    value: bytes, schema: bytes, code: str
) -> None:
    record = received(value, ("schema", schema), ("src", b"a/0/0/0"))
    with pytest.raises(InvalidRecord) as caught:
        await step(Says())(record, {})

    [letter] = step(Says()).bury(record, caught.value, {})

    assert (letter.topic, letter.key, letter.value) == ("p.dead-letters", b"acme/r1", value)
    assert header(letter, "dlq.code") == code.encode()
    assert header(letter, "dlq.stage") == b"lookup"
    assert header(letter, "dlq.at") == b"p.guarded/2/7/1000"
    assert header(letter, "schema") == schema
    assert header(letter, "dlq.src") == b"a/0/0/0"
    assert header(letter, "src") is None


async def test_a_request_whose_stage_fails_ends_as_failed_beside_its_dead_letter() -> None:
    outputs = step(Says()).bury(received(), RuntimeError("some user text"), {})

    assert [output.topic for output in outputs] == ["p.dead-letters", "p.outcomes", "p.responses"]
    assert outputs[1].value is not None
    assert outputs[2].value is not None
    assert decode(Outcome, outputs[1].value).reason == "internal"
    assert decode(Response, outputs[2].value).status == "failed"
    assert b"some user text" not in orjson.dumps([str(output.headers) for output in outputs])


def test_a_stage_that_cannot_end_a_request_stops_instead() -> None:
    settle = StageStep("settle", "outcomes", Says(), TOPICS, None)
    error = RuntimeError()

    with pytest.raises(RuntimeError) as caught:
        settle.bury(received(), error, {})
    assert caught.value is error


def test_what_was_booked_in_part_by_other_rules_goes_to_the_dead_letters() -> None:
    settle = StageStep("settle", "outcomes", Says(), TOPICS, None)

    outputs = settle.bury(received(), Diverged(frozenset({"a"}), frozenset({"b"})), {"p.telemetry": b"{}"})

    assert [output.topic for output in outputs] == ["p.dead-letters"]


async def test_a_record_that_brokers_refuse_is_noticed_before_anything_is_sent() -> None:
    huge = guarded(fingerprint="f" * 1_000_001)

    with pytest.raises(RecordTooLarge, match="invocations"):
        await step(Says(Out("invocations", "k", huge)))(received(), {})


def test_every_topic_of_a_record_names_one_that_exists_and_every_stage_writes_what_it_says() -> None:
    for topic in TOPICS:
        assert topic.record is None or topic.record in RECORDS
    for route in FLOW.values():
        written: Sequence[str] = (*route.targets, *route.rekeyed)
        assert all(route.name in TOPICS[name].written_by for name in written)
        assert route.name in TOPICS[route.source].read_by


def test_a_letter_keeps_a_record_without_a_value() -> None:
    record = Received("p.guarded", 0, 1, 2, None, None, ())

    letter = dead_letter(TOPICS, "lookup", record, "undecodable")

    assert (letter.key, letter.value) == (None, None)


async def test_the_largest_record_that_brokers_take_fits_as_a_dead_letter_too() -> None:
    record = received(b"{" * ((1 << 20) - 50), ("src", b"a/0/0/0"))
    letter = dead_letter(TOPICS, "lookup", record, "undecodable")
    size = len(letter.value or b"") + sum(len(name) + len(value) for name, value in letter.headers)
    assert size > 1 << 20

    most = int(TOPICS["dead-letters"].configs["max.message.bytes"])

    assert size + 10_000 < min(most, Settings(cluster=Cluster(""), group="").max_request_size)


def answered() -> Outcome:
    """An outcome that an earlier run of a step has stored."""
    [outcome, _] = step(Says()).bury(received(), RuntimeError(), {})[1:]
    assert outcome.value is not None
    return decode(Outcome, outcome.value).model_copy(
        update={"status": "answered", "reason": None, "output": "the answer"}
    )


def test_a_response_that_is_missing_follows_the_outcome_that_exists() -> None:
    [_, outcome, response] = step(Says()).bury(received(), RuntimeError(), {"p.outcomes": encode(answered())})

    assert outcome.value == encode(answered())
    assert response.value is not None
    told = decode(Response, response.value)
    assert (told.status, told.output) == ("answered", "the answer")


def test_an_outcome_that_exists_and_cannot_be_read_leaves_the_dead_letter_alone() -> None:
    outputs = step(Says()).bury(received(), RuntimeError(), {"p.outcomes": b"{"})

    assert [output.topic for output in outputs] == ["p.dead-letters"]


async def test_a_decision_that_exists_and_cannot_be_read_is_not_blamed_on_the_input() -> None:
    with pytest.raises(DecisionUnreadable) as caught:
        await step(Says())(received(), {"p.invocations": b"{"})

    outputs = step(Says()).bury(received(), caught.value, {"p.invocations": b"{"})

    assert [output.topic for output in outputs] == ["p.dead-letters", "p.outcomes", "p.responses"]


async def test_a_burial_that_was_interrupted_goes_on_without_running_the_stage_again() -> None:
    stage = Says()
    with pytest.raises(BuriedBefore) as caught:
        await step(stage)(received(), {"p.dead-letters": b"{"})
    assert stage.seen == []

    outputs = step(stage).bury(received(), caught.value, {"p.dead-letters": b"{"})

    assert [output.topic for output in outputs] == ["p.dead-letters", "p.outcomes", "p.responses"]


def test_an_ending_that_cannot_be_written_leaves_the_dead_letter_alone() -> None:
    huge = Out("outcomes", "k", guarded(fingerprint="f" * 1_000_001))
    failing = StageStep("lookup", "guarded", Says(), TOPICS, lambda _: [huge])

    assert [output.topic for output in failing.bury(received(), RuntimeError(), {})] == ["p.dead-letters"]


def test_a_burial_that_kafka_refuses_asks_less_each_time() -> None:
    why = RecordTooLarge()
    record = received(b"x" * 5000, ("mine", b"y"))

    [alone] = step(Says()).bury(record, BurialRefused(why, 2), {})
    [empty] = step(Says()).bury(record, BurialRefused(why, 3), {})

    assert (alone.value, header(alone, "mine"), header(alone, "dlq.code")) == (record.value, b"y", b"RecordTooLarge")
    assert (empty.key, empty.value, header(empty, "mine")) == (None, None, None)
    assert header(empty, "dlq.size") == b"5000"
    assert header(empty, "dlq.at") == record.src.encode()
    assert header(empty, "dlq.code") == b"RecordTooLarge"


def test_header_names_that_are_no_text_are_kept_as_bytes() -> None:
    record = received(None, ("n\udce4me", b"x"), ("näme", b"y"))

    letter = dead_letter(TOPICS, "lookup", record, "unreadable_header")

    assert header(letter, "dlq.hex.6ee46d65") == b"x"
    assert header(letter, "näme") == b"y"
    assert all(name.encode() for name, _ in letter.headers)


def test_only_services_topics_are_open_to_garbage() -> None:
    open_to_all = [route.stage for route in FLOW.values() if "services" in TOPICS[route.source].written_by]

    assert open_to_all == ["admit"]
