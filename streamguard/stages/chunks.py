"""Pieces of answers on their way to readers: who writes them, and verify's last word about them."""

import asyncio
import hashlib
from typing import Any, Protocol

from streamguard.errors import StreamguardError
from streamguard.events.chunk import LAST_STREAM, Chunk
from streamguard.events.outcome import Outcome
from streamguard.events.stages import Carried, Completion, Invocation
from streamguard.stages.contract import Event

CHUNKS = "response-chunks"


class ChunkLost(StreamguardError):
    """A chunk is not stored, or nobody knows that it is."""


Stored = asyncio.Future[Any]
"""Done once a chunk is stored; fails when it is not, or nobody knows."""


class ChunkWriter(Protocol):
    """Who brings chunks to their readers, apart from the steps of the line."""

    async def write(self, event: Event[Any], chunk: Chunk) -> Stored:
        """Hand over the next chunk of the request of `event`; returns before it is stored.

        What it gives may be awaited late, or never. Chunks of one event are stored in the order in which they were handed over.
        Raises `ChunkLost` where it cannot take the chunk within a short time: a broker that is away holds nobody up.
        """
        ...


class FakeChunkWriter:
    """Keeps chunks for tests. `lose` are the numbers, from 0 on, of those that are taken and never stored; from `refuse` on
    none is taken."""

    def __init__(self, *, lose: frozenset[int] = frozenset(), refuse: int | None = None) -> None:
        self.handed: list[Chunk] = []
        self.stored: list[Chunk] = []
        self._lose, self._refuse = lose, refuse

    async def write(self, event: Event[Any], chunk: Chunk) -> Stored:
        number = len(self.handed)
        if self._refuse is not None and number >= self._refuse:
            raise ChunkLost("refused")
        await asyncio.sleep(0)
        self.handed.append(chunk)
        stored: Stored = asyncio.get_running_loop().create_future()
        if number in self._lose:
            stored.set_exception(ChunkLost("lost"))
            stored.exception()  # so that nobody has to look
        else:
            self.stored.append(chunk)
            stored.set_result(None)
        return stored


def digest(text: str) -> str:
    """What `Shown.digest` holds of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def last_word(outcome: Outcome, output: str | None, record: Carried) -> Chunk | None:
    """What the readers of a streamed request are told once it has ended; None where they have it all already.

    `output` is the response's; `record` is what the request ended with. An answer that was not shown, or not all of it, or
    otherwise than it was given in the end, comes whole; whatever was shown of a request without an answer is withdrawn. That
    is said without asking whether anything was shown: a worker that died may have shown more than anybody knows. It is said in
    the run's last stream, above all others, those included that a worker thought dead may still write.

    Equal however often it is asked for. Always smaller than the response beside it, which holds the same text.
    """
    if not record.head.stream or not isinstance(record, Completion | Invocation):
        return None
    shown = record.shown if isinstance(record, Completion) else None
    text, answered = output or "", outcome.status == "answered"
    if answered and shown is not None and shown.run == outcome.run and shown.whole and shown.digest == digest(text):
        return None
    return Chunk(
        request_id=outcome.head.request_id,
        tenant_id=outcome.head.tenant_id,
        run=outcome.run,
        stream=LAST_STREAM,
        seq=0,
        text=text if answered else "",
        mark="final" if answered else "retracted",
    )
