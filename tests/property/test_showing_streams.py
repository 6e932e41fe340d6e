"""What readers of a stream hold in the end is what the response says, or nothing; and at no time two halves of two answers."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from streamguard.answers.escapes import looks_like_json
from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.policy import Policy
from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.chunk import LAST_STREAM, Chunk, Mark
from streamguard.events.outcome import Outcome, Response
from streamguard.events.reading import ChunkReader
from streamguard.events.request import Message
from streamguard.events.stages import Ask, Completion, Invocation
from streamguard.stages.beginning import Beginning
from streamguard.stages.chunks import FakeChunkWriter
from streamguard.stages.showing import Showings
from streamguard.stages.verify import Verify
from tests.property.test_stream_filter import ASKED, CANARY, OWN, REFUSED, STRICT, SYSTEM, TEXTS
from tests.unit.stages.examples import NOW, completion, ending, guarded, request
from tests.unit.stages.examples import event as event_of

CHAINS = Chains(OutputChain, Policy(version="1", output=STRICT), b"k")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ASK = Ask(
    messages=(Message(role="system", content=SYSTEM), Message(role="user", content=ASKED)),
    route="default",
    max_output_tokens=100,
    canary=CANARY,
)
JSON = st.sampled_from(['{"to": "[EMAIL_1]"}', '```json\n["bob@else.org"]\n```', '["\\nkys means kill yourself"]'])
ANSWERS = st.one_of(TEXTS, TEXTS, REFUSED, JSON, st.just("")).map(lambda text: text.encode("utf-8", "ignore").decode())


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    return pieces


async def shown_and_verified(
    calls: Sequence[tuple[str, list[int]]], *, ends: bool, writer: FakeChunkWriter
) -> tuple[list[Chunk], Outcome, Response]:
    """All calls but the last break off, and that one too unless it `ends`; then verify looks at the whole of it."""
    head = request(stream=True).head()
    asked = carry(guarded(), Invocation, head=head, ask=ASK, placeholders=OWN)
    showing = Showings(CHAINS, writer, FakeClock(NOW)).of(event_of(asked))
    assert showing is not None
    for text, sizes in calls:
        await showing.begin()
        for piece in cut(text, sizes):
            await showing.text(piece)
    if ends:
        await showing.end()
    output = calls[-1][0] if ends else None
    made: Completion = completion(output, head=head, ask=ASK, placeholders=OWN, shown=showing.shown)
    step = await Verify(CHAINS, ending(), FakeClock(NOW)).run(event_of(made), None)
    outcome, response = step[0].record, step[1].record
    assert isinstance(outcome, Outcome)
    assert isinstance(response, Response)
    last = [out.record for out in step[2:] if isinstance(out.record, Chunk)]
    again = await Verify(CHAINS, ending(), FakeClock(NOW)).run(event_of(made), outcome)
    assert list(again) == list(step)
    return [*writer.stored, *last], outcome, response


CALLS = st.lists(st.tuples(ANSWERS, st.lists(st.integers(1, 40), min_size=1, max_size=5)), min_size=1, max_size=3)


@SLOW
@given(
    calls=CALLS,
    ends=st.sampled_from([True, True, True, False]),
    lose=st.frozensets(st.integers(0, 12), max_size=1),
    refuse=st.none() | st.none() | st.integers(0, 12),
)
def test_readers_hold_in_the_end_what_the_response_says(
    calls: list[tuple[str, list[int]]], ends: bool, lose: frozenset[int], refuse: int | None
) -> None:
    writer = FakeChunkWriter(lose=lose, refuse=refuse)

    chunks, outcome, response = asyncio.run(shown_and_verified(calls, ends=ends, writer=writer))

    reader = ChunkReader()
    for chunk in chunks:
        reader.feed(chunk)
    by_verify = any(chunk.stream == LAST_STREAM for chunk in chunks)
    event(f"{response.status}, {'told by verify' if by_verify else 'shown whole'}")
    if response.status == "answered":
        assert (reader.state, reader.text) == ("final", response.output)
    else:
        assert (reader.state, reader.text) == ("retracted", "")
    # The checks of the whole ran, and say what they say of an answer that nobody was shown.
    if ends:
        unseen: Completion = completion(calls[-1][0], ask=ASK, placeholders=OWN)
        plain = asyncio.run(Verify(CHAINS, ending(), FakeClock(NOW)).run(event_of(unseen), None))[0].record
        assert isinstance(plain, Outcome)
        assert (outcome.status, outcome.reason, outcome.verdicts) == (plain.status, plain.reason, plain.verdicts)


# -- reading -----------------------------------------------------------------------------------------------------------


def stream(number: int, pieces: Sequence[str], end: Mark | None) -> list[Chunk]:
    chunks: list[tuple[str, Mark | None]] = [(piece, None) for piece in pieces]
    if end is not None:
        chunks.append(("", end))
    return [
        Chunk(request_id="r", tenant_id="t", run=1 + number // 3, stream=number, seq=seq, text=text, mark=mark)
        for seq, (text, mark) in enumerate(chunks)
    ]


MARKS: list[Mark | None] = [None, "final", "retracted"]
STREAMS = st.lists(
    st.tuples(st.lists(st.text("ab ", min_size=1, max_size=3), max_size=4), st.sampled_from(MARKS)),
    min_size=1,
    max_size=5,
).map(lambda drawn: [stream(number, pieces, end) for number, (pieces, end) in enumerate(drawn)])


@st.composite
def read_somehow(draw: st.DrawFn) -> tuple[list[list[Chunk]], list[Chunk]]:
    """Streams, and their chunks interleaved: each stream in its order, some of its chunks twice or more."""
    streams = draw(STREAMS)
    waiting = [list(chunks) for chunks in streams]
    seen: list[Chunk] = []
    while left := [chunks for chunks in waiting if chunks]:
        if seen and draw(st.integers(0, 3)) == 3:
            seen.append(draw(st.sampled_from(seen)))
        else:
            seen.append(draw(st.sampled_from(left)).pop(0))
    return streams, seen


@given(read_somehow())
def test_what_is_read_is_the_beginning_of_one_stream_and_in_the_end_the_highest(
    drawn: tuple[list[list[Chunk]], list[Chunk]],
) -> None:
    streams, seen = drawn
    wholes = {"".join(chunk.text for chunk in chunks) for chunks in streams}
    reader, held = ChunkReader(), ""

    for chunk in seen:
        for told in reader.feed(chunk):
            if told.kind == "text":
                held += told.text
            elif told.kind in ("restarted", "retracted"):
                held = ""
        assert held == reader.text
        assert any(whole.startswith(held) for whole in wholes)

    highest = next(chunks for chunks in reversed(streams) if chunks or chunks is streams[0])
    withdrawn = bool(highest) and highest[-1].mark == "retracted"
    assert held == ("" if withdrawn else "".join(chunk.text for chunk in highest))
    assert reader.state == (highest[-1].mark or "open" if highest else "open")


@SLOW
@given(read_somehow(), st.data())
def test_nothing_behind_a_gap_is_shown(drawn: tuple[list[list[Chunk]], list[Chunk]], data: st.DataObject) -> None:
    streams, seen = drawn
    highest = next((chunks for chunks in reversed(streams) if len(chunks) > 1), None)
    assume(highest is not None and not any(streams[streams.index(highest) + 1 :]) and highest[-1].mark != "retracted")
    assert highest is not None
    lost = data.draw(st.sampled_from(highest))
    reader = ChunkReader()

    for chunk in seen:
        if chunk != lost:
            reader.feed(chunk)

    assert reader.text == "".join(chunk.text for chunk in highest if chunk.seq < lost.seq)
    assert reader.state == ("open" if lost is highest[-1] else "broken")


# -- JSON --------------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from(["`", "```", "```json", "\n", " ", "\u00a0", "{", "[", "}", "]", "a", "1", "\u200b"]),
        max_size=9,
    ),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_what_verify_takes_for_json_is_known_by_its_beginning(parts: list[str], sizes: list[int]) -> None:
    text = "".join(parts)
    beginning = Beginning()

    looks = next((looks for piece in cut(text, sizes) if (looks := beginning.feed(piece)) is not None), "prose")

    if looks_like_json(text):
        assert looks == "json"
