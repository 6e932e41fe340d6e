"""Those who read along hold in the end what the response says, or are named."""

from collections.abc import Sequence

import pytest

from streamguard.events.chunk import LAST_STREAM, Chunk, Mark
from streamguard.stream.audiences import Audiences
from streamguard.stream.planned import Identity

WHO = Identity("t", "r")


def chunk(stream: int, seq: int, text: str = "", mark: Mark | None = None, *, request: str = "r") -> Chunk:
    return Chunk(request_id=request, tenant_id="t", stream=stream, seq=seq, text=text, mark=mark)


WHOLE = (chunk(5, 0, "Good "), chunk(5, 1, "day", "final"))
BROKEN_OFF = (chunk(4, 0, "Goo"),)
TAKEN_BACK = (chunk(LAST_STREAM, 0, mark="retracted"),)
ANEW = (chunk(5, 0, "Good ", "restart"), *WHOLE[1:])


def watched(chunks: Sequence[Chunk], *, answered: bool, output: str = "") -> Audiences:
    audiences = Audiences()
    audiences.sent(WHO, 10.0)
    for number, one in enumerate(chunks):
        audiences.chunk(one, 11.0 + number)
    assert audiences.waiting == 1
    audiences.response(WHO, answered, output)
    return audiences


@pytest.mark.parametrize(
    ("chunks", "answered"),
    [(WHOLE, True), ((*BROKEN_OFF, *ANEW), True), ((*WHOLE, *BROKEN_OFF), True), (TAKEN_BACK, False), ((), False)],
)
def test_who_holds_what_the_response_says_is_content(chunks: Sequence[Chunk], answered: bool) -> None:
    audiences = watched(chunks, answered=answered, output="Good day" if answered else "")
    assert (audiences.waiting, audiences.unlike()) == (0, [])


@pytest.mark.parametrize(
    ("chunks", "answered"),
    [
        ((), True),
        (WHOLE[:1], True),
        (WHOLE[1:], True),
        ((*WHOLE, chunk(6, 0, "Good day")), True),
        ((chunk(5, 0, "Good evening", "final"),), True),
        (TAKEN_BACK, True),
        (WHOLE, False),
        (BROKEN_OFF, False),
        ((chunk(5, 0, mark="final"),), False),
    ],
)
def test_who_holds_something_else_is_named(chunks: Sequence[Chunk], answered: bool) -> None:
    audiences = watched(chunks, answered=answered, output="Good day" if answered else "")
    assert (audiences.waiting, audiences.unlike()) == (1, [("t", "r")])


def test_chunks_may_come_behind_the_response() -> None:
    audiences = watched(BROKEN_OFF, answered=True, output="Good day")
    for one in ANEW:
        audiences.chunk(one, 12.0)
    assert audiences.waiting == 0


def test_what_is_counted() -> None:
    audiences = watched((*BROKEN_OFF, *ANEW, *TAKEN_BACK), answered=False)
    audiences.chunk(chunk(1, 0, "of somebody else", request="other"), 12.0)
    assert (audiences.requests, audiences.shown, audiences.chunks) == (1, 1, 4)
    assert (audiences.restarted, audiences.retracted, audiences.first_texts) == (1, 1, [1.0])
