"""The rules of reading `response-chunks`, for one request: what its reader should show at any moment.

    reader = ChunkReader()
    for chunk in chunks_of_my_request:
        for told in reader.feed(chunk):
            ...                     # show told.text, or begin anew, or take everything back

Chunks may come twice, and those of an older stream late, in between: a worker that was thought dead may go on for a while. What
is shown is always the beginning of one stream, never two halves glued together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streamguard.events.chunk import Chunk

State = Literal["open", "broken", "final", "retracted"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a reader does next: show `text` behind what it shows (`text`); take back what it shows, something else comes
    (`restarted`), or nothing does (`retracted`); all is there (`final`)."""

    kind: Literal["text", "restarted", "final", "retracted"]
    text: str = ""


class ChunkReader:
    """Feed it the chunks of one request as they come.

    `text` is what may be shown, `state` how it stands: `final` and `retracted` hold unless a higher stream follows, in which case
    it is `open` again. `broken`: a chunk of the stream is missing, so its rest is not shown; a higher stream or the response
    brings all of it.
    """

    def __init__(self) -> None:
        self._at = (0, -1)
        self._next = 0
        self._pieces: list[str] = []
        self.state: State = "open"

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def feed(self, chunk: Chunk) -> Sequence[Told]:
        """What follows from one more chunk; nothing from one that is old, or known."""
        at = (chunk.run, chunk.stream)
        if at < self._at:
            return ()
        told: list[Told] = []
        if at > self._at:
            if self._pieces and chunk.mark != "retracted":
                told.append(Told("restarted"))
                self._pieces.clear()
            self._at, self._next, self.state = at, 0, "open"
        if chunk.mark == "retracted":
            return self._retract()
        if self.state != "open" or chunk.seq < self._next:
            return told
        if chunk.seq > self._next:
            self.state = "broken"
            return told
        self._next += 1
        if chunk.text:
            self._pieces.append(chunk.text)
            told.append(Told("text", chunk.text))
        if chunk.mark == "final":
            self.state = "final"
            told.append(Told("final"))
        return told

    def _retract(self) -> Sequence[Told]:
        if self.state == "retracted":
            return ()
        self.state = "retracted"
        self._pieces.clear()
        return (Told("retracted"),)
