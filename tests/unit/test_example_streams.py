"""What the example of a reader of streams shows its person."""

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from streamguard.events.chunk import Chunk
from streamguard.events.outcome import Response
from streamguard.events.reading import ChunkReader

ANSWER = Response.model_validate(
    {
        "request_id": "r",
        "tenant_id": "t",
        "status": "answered",
        "output": "Good day",
        "cache": {"status": "miss"},
        "timings": {"total_us": 1, "stages_us": {}},
        "provenance": {"policy_version": "1", "content_hash": "", "key_id": "dev", "signature": ""},
    }
)
EXAMPLE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "streams" / "read_chunks.py"))
show: Callable[[ChunkReader, Chunk], None] = EXAMPLE["show"]
close: Callable[[ChunkReader, Response], None] = EXAMPLE["close"]


def pieces(*texts: str, first: int = 0) -> list[Chunk]:
    return [Chunk(request_id="r", tenant_id="t", stream=5, seq=first + n, text=text) for n, text in enumerate(texts)]


def read(seen: Sequence[Chunk], response: Response) -> None:
    """Chunks as they came, and then the response."""
    reader = ChunkReader()
    for chunk in seen:
        show(reader, chunk)
    close(reader, response)


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (pieces("Good ", "day"), "Good day\n-- answered\n"),
        (pieces("Good "), "Good day\n-- answered\n"),  # the response was faster than the last piece
        ([], "Good day\n-- answered\n"),
        ([*pieces("Good "), *pieces("day", first=2)], "Good day\n-- answered\n"),  # one was lost
        (pieces("Go away"), "Go away\n-- not that; the answer:\nGood day\n-- answered\n"),
    ],
)
def test_in_the_end_the_answer_is_shown_whole_and_no_part_of_it_twice(
    seen: Sequence[Chunk], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read(seen, ANSWER)
    assert capsys.readouterr().out == shown


RETRACTED = Chunk(request_id="r", tenant_id="t", stream=5, seq=1, text="", mark="retracted")


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (
            pieces("Go away"),
            "Go away\n-- taken back: forget what you read\n-- refused: unsafe_output\n",
        ),  # it was faster
        (
            [*pieces("Go away"), RETRACTED],
            "Go away\n-- taken back: forget what you read\n\n-- refused: unsafe_output\n",
        ),
        ([], "\n-- refused: unsafe_output\n"),
    ],
)
def test_what_is_no_answer_in_the_end_is_taken_back(
    seen: Sequence[Chunk], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read(seen, ANSWER.model_copy(update={"status": "refused", "reason": "unsafe_output", "output": None}))
    assert capsys.readouterr().out == shown
