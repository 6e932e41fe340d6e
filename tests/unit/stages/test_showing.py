"""What readers see of an answer while it is written, call by call."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.policy import OutputRules, Policy
from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.chunk import Chunk
from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.events.stages import Ask, Invocation, Placeholder, Shown
from streamguard.stages.chunks import FakeChunkWriter, Stored, digest
from streamguard.stages.contract import Event
from streamguard.stages.showing import LONGEST, Showing, Showings
from tests.unit.stages.examples import NOW, event, guarded, request

CANARY = "kq7zwv2tyxab"
ADDRESS = Placeholder(token="[EMAIL_1]", kind="EMAIL", value="ann@own.org")
FORBIDDEN = Policy(version="1", output=OutputRules(business=BusinessRules(forbidden=("we guarantee",))))
CHAINS = Chains(OutputChain, FORBIDDEN, b"k")


def invocation(*, stream: bool = True, form: ResponseFormat | None = None, **changes: Any) -> Invocation:
    ask = Ask(
        messages=(
            Message(role="system", content=f"Be kind and brief. {CANARY}"),
            Message(role="user", content="Where?"),
        ),
        route="default",
        max_output_tokens=100,
        canary=CANARY,
        response_format=form,
    )
    head = request(stream=stream).head()
    return carry(guarded(), Invocation, **{"head": head, "ask": ask, "placeholders": (ADDRESS,), **changes})


def showing(writer: Any, clock: FakeClock | None = None, *, patience: float = 5.0, **changes: Any) -> Showing:
    made = Showings(CHAINS, writer, clock or FakeClock(NOW), patience=patience).of(
        event(invocation(**changes), partition=3)
    )
    assert made is not None
    return made


async def call(to: Showing, pieces: Sequence[str], *, ends: bool = True) -> None:
    await to.begin()
    for piece in pieces:
        await to.text(piece)
    if ends:
        await to.end()


def told(chunks: Sequence[Chunk]) -> list[tuple[int, int, str, str | None]]:
    """Streams counted from 0."""
    numbers = sorted({chunk.stream for chunk in chunks})
    return [(numbers.index(chunk.stream), chunk.seq, chunk.text, chunk.mark) for chunk in chunks]


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_pieces_come_in_order_with_the_askers_own_data_and_an_end() -> None:
    writer = FakeChunkWriter()
    to = showing(writer, FakeClock(NOW + 250_000))
    before = metric("streamguard_stream_first_text_seconds_sum")

    await call(to, ["I have ", "written to [EMA", "IL_1] ", "about it", "."])

    chunks = writer.stored
    assert "".join(chunk.text for chunk in chunks) == "I have written to ann@own.org about it."
    assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
    assert len(chunks) > 2
    assert {(chunk.request_id, chunk.tenant_id, chunk.run, chunk.stream) for chunk in chunks} == {
        ("r1", "acme", 1, NOW + 250_000)
    }
    assert [chunk.mark for chunk in chunks] == [None] * (len(chunks) - 1) + ["final"]
    whole = digest("I have written to ann@own.org about it.")
    assert to.shown == Shown(run=1, stream=NOW + 250_000, whole=True, digest=whole)
    assert metric("streamguard_stream_first_text_seconds_sum") - before == pytest.approx(0.25)


async def test_what_comes_after_a_call_that_broke_off_begins_anew() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, ["It arrives ", "on Mon"], ends=False)
    first = to.shown
    await call(to, ["On Tuesday ", "it ", "comes."])

    assert first is not None
    assert not first.whole
    streams = [[one for one in told(writer.stored) if one[0] == number] for number in (0, 1)]
    assert {one[3] for one in streams[0]} == {None}
    assert streams[1][0][1:] == (0, "On Tuesday ", "restart")
    assert [one[3] for one in streams[1][1:]] == [None] * (len(streams[1]) - 2) + ["final"]
    assert "".join(one[2] for one in streams[1]) == "On Tuesday it comes."
    assert to.shown == Shown(stream=first.stream + 1, whole=True, digest=digest("On Tuesday it comes."))


async def test_a_short_answer_in_the_place_of_another_has_both_marks() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, ["It arrives ", "on Mon"], ends=False)
    await call(to, ["No."])

    assert told(writer.stored)[-2:] == [(1, 0, "No.", "restart"), (1, 1, "", "final")]
    assert to.shown is not None
    assert to.shown.whole


async def test_a_call_that_showed_nothing_leaves_no_stream() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, [], ends=False)
    await call(to, ["Yes."])

    assert told(writer.stored) == [(0, 0, "Yes.", "final")]


async def test_nothing_of_an_empty_answer_is_shown() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, [])

    assert writer.handed == []
    assert to.shown is None


@pytest.mark.parametrize("said", [f"The word is {CANARY}. And more.", "Well, we guarantee that. And more."])
async def test_what_the_filter_stops_is_withdrawn_at_once(said: str) -> None:
    writer = FakeChunkWriter()
    to = showing(writer)
    before = metric("streamguard_retractions_total", stage="invoke")

    await to.begin()
    for word in ("Sure, here it is: ", *said.split(" "), *["and", "more"] * 20):
        await to.text(f"{word} ")
    withdrawn = told(writer.stored)
    await to.text("More of it. ")
    await to.end()

    assert withdrawn[-1][2:] == ("", "retracted")
    assert told(writer.stored) == withdrawn
    assert "we guarantee" not in "".join(one[2] for one in withdrawn)
    assert CANARY not in "".join(one[2] for one in withdrawn)
    assert to.shown is not None
    assert not to.shown.whole
    assert metric("streamguard_retractions_total", stage="invoke") - before == 1


async def test_the_end_may_be_what_the_filter_stops() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, ["Sure, here ", "it is: we ", "guarantee"])

    assert told(writer.stored)[-1][2:] == ("", "retracted")
    assert "final" not in {chunk.mark for chunk in writer.stored}
    assert to.shown is not None
    assert not to.shown.whole


async def test_nobody_is_told_of_what_was_stopped_before_anything_was_shown() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, [f"{CANARY} ", "it is."])

    assert writer.handed == []
    assert to.shown is None


async def test_what_an_earlier_call_showed_is_withdrawn_when_the_next_is_stopped() -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, ["It arrives ", "on Mon"], ends=False)
    await call(to, [f"{CANARY} ", "it is."])

    assert told(writer.stored)[-1] == (1, 0, "", "retracted")


@pytest.mark.parametrize(
    "said", ['{"a": 1}', "[1, 2]", ' \n{"a": 1}', '```json\n{"a": 1}\n```', "``` \n\n[1]```", "[EMAIL_1] is it."]
)
async def test_what_begins_like_json_comes_whole(said: str) -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, list(said))

    assert writer.handed == []
    assert to.shown is None


@pytest.mark.parametrize("said", ["```", "`{`", "``{``", "```python\nprint({})\n```", " ", "``` {", "See {this}"])
async def test_what_only_holds_signs_of_json_is_shown(said: str) -> None:
    writer = FakeChunkWriter()
    to = showing(writer)

    await call(to, list(said))

    assert "".join(chunk.text for chunk in writer.stored) == said
    assert to.shown is not None
    assert to.shown.whole


@pytest.mark.parametrize(("refuse", "lose"), [(0, set[int]()), (2, set[int]()), (None, {1}), (None, {4})])
async def test_chunks_that_are_lost_end_the_showing_and_nothing_else(refuse: int | None, lose: set[int]) -> None:
    writer = FakeChunkWriter(refuse=refuse, lose=frozenset(lose))
    to = showing(writer)
    before = metric("streamguard_showings_given_up_total")

    await call(to, ["The parcel ", "will ", "arrive ", "at ", "your ", "door ", "soon, ", "they ", "all ", "say."])
    handed = len(writer.handed)
    await call(to, ["Another ", "answer."])

    assert to.shown is None or not to.shown.whole
    assert (to.shown is None) == (refuse == 0)
    assert len(writer.handed) == handed  # a writer that failed is not asked again
    assert metric("streamguard_showings_given_up_total") - before == 1


class Silent(FakeChunkWriter):
    """Takes chunks, and never tells what became of them."""

    async def write(self, event: Event[Any], chunk: Chunk) -> Stored:
        await super().write(event, chunk)
        return asyncio.get_running_loop().create_future()


async def test_a_broker_that_tells_nothing_is_waited_for_a_short_time_only() -> None:
    to = showing(Silent(), patience=0.01)

    async with asyncio.timeout(5):
        await call(to, ["It arrives ", "tomorrow."])

    assert to.shown is not None
    assert not to.shown.whole


async def test_long_pieces_are_parted() -> None:
    writer = FakeChunkWriter()
    said = "\u0001word " * (LONGEST // 2)
    to = showing(writer)

    await call(to, [said])

    assert "".join(chunk.text for chunk in writer.stored) == said.replace("\u0001", "")
    assert max(len(chunk.text) for chunk in writer.stored) <= LONGEST
    assert max(len(chunk.model_dump_json()) for chunk in writer.stored) < 900_000
    assert [chunk.mark for chunk in writer.stored if chunk.mark] == ["final"]


async def test_a_stream_is_above_all_that_began_before_it() -> None:
    clock, writer = FakeClock(NOW), FakeChunkWriter()
    first, second = showing(writer, clock), showing(writer, clock)

    await call(first, ["It arrives "], ends=False)
    await call(first, ["It comes "], ends=False)
    clock.advance(6.0)
    await call(second, ["It arrives ", "today."])

    assert [stream for stream, seq, _, _ in told(writer.stored) if seq == 0] == [0, 1, 2]


@pytest.mark.parametrize(
    ("stream", "form"),
    [
        (False, None),
        (True, ResponseFormat(type="json_object")),
        (True, ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema={"type": "object"}))),
    ],
)
def test_who_did_not_ask_for_it_or_wants_json_is_shown_nothing(stream: bool, form: ResponseFormat | None) -> None:
    made = Showings(CHAINS, FakeChunkWriter(), FakeClock(NOW)).of(event(invocation(stream=stream, form=form)))

    assert made is None
