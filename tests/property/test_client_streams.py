"""Whoever does what a client's stream says ends with the response's output, or with nothing: whatever came, in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.client.fake import answered
from streamguard.client.showing import closing
from streamguard.events.chunk import Chunk
from streamguard.events.reading import ChunkReader, Told
from streamguard.events.request import Message, Request

REQUEST = Request(
    request_id="r", tenant_id="acme", user_id="u", messages=(Message(role="user", content="x"),), stream=True
)
CHUNKS = st.builds(
    Chunk,
    request_id=st.just("r"),
    tenant_id=st.just("acme"),
    run=st.integers(1, 2),
    stream=st.integers(1, 2),
    seq=st.integers(0, 3),
    text=st.sampled_from(["", "a", "b", "ab"]),
    mark=st.sampled_from([None, None, None, "final", "restart", "retracted"]),
)
OUTPUTS = st.none() | st.text("ab", max_size=6)


class Reader:
    """A person's screen."""

    def __init__(self) -> None:
        self.text = ""
        self.final = False

    def do(self, told: Told) -> None:
        if told.kind == "text":
            self.text += told.text
            self.final = False
        elif told.kind == "final":
            self.final = True
        else:
            assert told.kind in ("restarted", "retracted")
            self.text, self.final = "", False


@given(st.lists(CHUNKS, max_size=8), OUTPUTS, st.sampled_from(["answered", "refused", "failed", "escalated"]))
def test_the_reader_holds_the_response_in_the_end(chunks: list[Chunk], output: str | None, status: str) -> None:
    reader, screen = ChunkReader(), Reader()
    for chunk in chunks:
        for told in reader.feed(chunk):
            screen.do(told)
    assert screen.text == reader.text
    for told in closing(reader, answered(REQUEST, output, status=status)):
        screen.do(told)
    assert screen.text == (output or "")
    assert screen.final or output is None


def test_what_is_shown_already_is_not_told_again() -> None:
    reader = ChunkReader()
    reader.feed(Chunk(request_id="r", tenant_id="acme", stream=1, seq=0, text="Hel"))
    assert closing(reader, answered(REQUEST, "Hello")) == (Told("text", "lo"), Told("final"))
    reader.feed(Chunk(request_id="r", tenant_id="acme", stream=1, seq=1, text="lo", mark="final"))
    assert closing(reader, answered(REQUEST, "Hello")) == ()
