"""Server-sent events: the same events however the bytes are cut."""

import itertools
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamguard.providers.errors import ResponseTooLarge
from streamguard.providers.events import Event, EventReader


def read(*pieces: bytes, most: int = 1 << 20) -> list[Event]:
    reader = EventReader(most)
    return [*(event for piece in pieces for event in reader.feed(piece)), *reader.end()]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"data: 1\n\ndata: 2\n\n", [("", b"1"), ("", b"2")]),
        (b"data:1\r\n\r\ndata: 2\r\n\r\n", [("", b"1"), ("", b"2")]),
        (b"data: a\r\ndata: b\r\n\r\n", [("", b"a\nb")]),
        (b"data:1\r\rdata: 2\r\r", [("", b"1"), ("", b"2")]),
        (b"data: 1\n\r\ndata: 2\r\n\n", [("", b"1"), ("", b"2")]),
        (b"\xef\xbb\xbfdata: 1\n\n", [("", b"1")]),
        (b"data: \xef\xbb\xbf\n\n", [("", b"\xef\xbb\xbf")]),
        (b": OPENROUTER PROCESSING\n\n: again\n\ndata: 1\n\n", [("", b"1")]),
        (b"data: a\ndata:  b\ndata:c\n\n", [("", b"a\n b\nc")]),
        (b"data\n\n", [("", b"")]),
        (b"data\ndata\n\n", [("", b"\n")]),
        (b"event: ping\n\ndata: 1\n\n", [("", b"1")]),
        (b"event: delta\ndata: 1\n\ndata: 2\n\n", [("delta", b"1"), ("", b"2")]),
        (b"event:delta\nid: 7\nretry: 10\nother: x\ndatas: y\ndata: 1\n\n", [("delta", b"1")]),
        (b"data: 1", [("", b"1")]),
        (b"data: 1\n", [("", b"1")]),
        ("data: Grüße 👋\n\n".encode(), [("", "Grüße 👋".encode())]),
        (b"<html>\n\n</html>", []),
    ],
)
def test_a_stream_is_its_events_whole_and_byte_by_byte(stream: bytes, events: list[tuple[str, bytes]]) -> None:
    assert read(stream) == events
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == events


LINES = st.lists(
    st.sampled_from([b"data: x", b"data:", b"event: e", b": c", b"", b"data: \xc3\xbc", b"data"]), max_size=12
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(lines=LINES, ends=st.lists(ENDS, min_size=12, max_size=12), cuts=st.lists(st.integers(0, 200), max_size=8))
@example(lines=[b"data: x", b""], ends=[b"\r\n"] * 12, cuts=[8, 8, 10])
def test_cuts_and_ends_of_lines_change_nothing(lines: list[bytes], ends: list[bytes], cuts: list[int]) -> None:
    # a bare CR before an LF is one end of a line and not two: ends that would melt together are left out
    mixed = b"".join(
        line + end for line, end in zip(lines, [b"\r\n" if end == b"\r" else end for end in ends], strict=False)
    )
    plain = b"".join(line + b"\n" for line in lines)
    carriage = b"".join(line + b"\r" for line in lines)
    for stream in (mixed, plain, carriage):
        places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
        pieces = [stream[one:two] for one, two in itertools.pairwise(places)]
        assert read(*pieces) == read(plain)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 200, b": " + b"x" * 200, b"event: " + b"x" * 200])
def test_a_line_without_an_end_is_not_kept(line: bytes) -> None:
    with pytest.raises(ResponseTooLarge):
        read(*(line[at : at + 1] for at in range(len(line))), most=100)


@pytest.mark.parametrize("line", [b"data: x\n", b"data:\n", b"data\r"])
def test_an_event_without_an_end_is_not_kept(line: bytes) -> None:
    with pytest.raises(ResponseTooLarge):
        read(*[line] * 50, most=100)


def test_many_events_of_fair_size_are_no_large_one() -> None:
    reader = EventReader(100)
    assert sum(len(reader.feed(b"data: 0123456789\n\n")) for _ in range(1000)) == 1000


def test_comments_without_end_take_no_memory() -> None:
    reader = EventReader(100)
    tracemalloc.start()
    try:
        for _ in range(2000):
            reader.feed(b": " + b"x" * 90 + b"\n")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "before", [b"", b":\n\n", b"event: x\n", b"data: a\n", b":\n\ndat", b"data: a\r", b"\xef\xbb\xbf"]
)
@pytest.mark.parametrize(
    "chunk", [b"data: {}\n\n", b"data: \n\n", b"data: {}\r\n\n", b"data: {\n}\n\n", b"data:  {}\n\n"]
)
@pytest.mark.parametrize("after", [b"", b"\xef\xbb\xbfdata: b\n\n"])
def test_an_event_that_comes_as_one_is_read_as_if_it_had_come_in_pieces(
    before: bytes, chunk: bytes, after: bytes
) -> None:
    whole, pieces = EventReader(), EventReader()
    once = [*whole.feed(before), *whole.feed(chunk), *whole.feed(chunk), *whole.feed(after), *whole.end()]
    slowly = [event for byte in before + chunk + chunk + after for event in pieces.feed(bytes([byte]))]

    assert once == [*slowly, *pieces.end()]


def test_a_long_event_that_comes_as_one_is_refused_like_any_other() -> None:
    reader = EventReader(most=64)
    reader.feed(b":\n\n")

    assert reader.feed(b"data: %b\n\n" % (b"x" * 58)) == [("", b"x" * 58)]
    with pytest.raises(ResponseTooLarge):
        reader.feed(b"data: %b\n\n" % (b"x" * 59))
