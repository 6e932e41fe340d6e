"""One table for all providers: what vendors write becomes one answer or one kind of error, however the bytes are cut."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.providers.contract import ChatAnswer
from streamguard.providers.errors import EmptyAnswer, RateLimited
from tests.unit.providers import anthropic_shapes
from tests.unit.providers.openai_shapes import STATICS, WHOLE
from tests.unit.providers.openai_stream_shapes import STREAMS
from tests.unit.providers.wire import Shape, Told, cut, feed

SHAPES = [
    *WHOLE,
    *anthropic_shapes.WHOLE,
    *(replace(shape, streamed=True) for shape in (*STREAMS, *anthropic_shapes.STREAMS)),
    *STATICS,
]
NAMES = [f"{shape.settings['kind']}-{'streamed' if shape.streamed else 'whole'}-{shape.name}" for shape in SHAPES]


def agrees(shape: Shape, told: Told) -> None:
    """What came is what the table says."""
    if isinstance(shape.expected, ChatAnswer):
        assert told.error is None
        assert told.answer == shape.expected
    else:
        assert told.answer is None
        assert type(told.error) is type(shape.expected)
        assert told.error is not None
        assert (told.error.status, told.error.retry_after) == (shape.expected.status, shape.expected.retry_after)
        assert told.error.__cause__ is None
        if isinstance(shape.expected, RateLimited):
            assert isinstance(told.error, RateLimited)
            assert told.error.rate == shape.expected.rate
        if isinstance(shape.expected, EmptyAnswer):
            assert isinstance(told.error, EmptyAnswer)
            assert told.error.usage == shape.expected.usage
    assert told.closed
    if not shape.streamed:
        return
    text = shape.expected.text if isinstance(shape.expected, ChatAnswer) else shape.text
    assert "".join(told.shown) == text
    assert sorted("".join(told.progress.pieces)) == sorted(text + shape.unseen)
    assert told.progress.usage == shape.usage
    assert told.progress.opened == (shape.status == 200)
    if isinstance(shape.expected, ChatAnswer):
        assert told.progress.response_id == shape.expected.response_id
        assert told.progress.response_model == shape.expected.response_model


def test_names_are_told_apart() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
async def test_whole(shape: Shape) -> None:
    told = await feed(shape, [shape.body] if shape.body else [])
    agrees(shape, told)
    # what arrived together is told together
    assert len(told.shown) <= 1


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
async def test_byte_by_byte(shape: Shape) -> None:
    agrees(shape, await feed(shape, [shape.body[at : at + 1] for at in range(len(shape.body))]))


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(SHAPES) - 1), cuts=st.lists(st.integers(0, 1 << 16), max_size=6))
async def test_cut_anywhere(place: int, cuts: list[int]) -> None:
    agrees(SHAPES[place], await feed(SHAPES[place], cut(SHAPES[place].body, cuts)))


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(SHAPES) - 1), end=st.integers(0, 1 << 16), noise=st.binary(max_size=20))
async def test_damaged_anywhere_is_an_answer_or_one_of_our_errors(place: int, end: int, noise: bytes) -> None:
    shape = SHAPES[place]
    at = end % (len(shape.body) + 1)
    told = await feed(shape, [shape.body[:at], noise, shape.body[at + len(noise) :]])
    assert (told.answer is None) != (told.error is None)
    assert told.closed
