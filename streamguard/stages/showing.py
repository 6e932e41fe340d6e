"""Showing an answer while it is written: what may be seen of it goes to its readers, piece by piece.

    begin ──▶ text, text, … ──▶ end        one call that answered
    begin ──▶ text ─╳ begin ──▶ text … end  one that broke off, and the next one in its place

Each call is a stream of its own with a filter of its own (`streamguard.checks.streaming.filter`). Nothing that happens here fails
a call: where an answer can be shown no further it goes on unseen, and verify gives the whole of it to its readers.
"""

import hashlib
import logging
from asyncio import wait
from collections import deque
from collections.abc import Callable

from streamguard import metrics
from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.streaming.filter import StreamFilter
from streamguard.clock import Clock
from streamguard.events.chunk import Chunk, Mark
from streamguard.events.stages import Invocation, Shown
from streamguard.stages.asked import asked_text, system_text
from streamguard.stages.beginning import Beginning
from streamguard.stages.chunks import ChunkWriter, Stored
from streamguard.stages.contract import Event

log = logging.getLogger(__name__)

LONGEST = 100_000
"""Characters of one chunk. In JSON they are 600 KB at most: what brokers take."""
PATIENCE = 2.0
"""Seconds that a complete answer waits for the broker to have stored all of its chunks."""


class Showings:
    """Makes the showing of each request; one for a worker."""

    def __init__(
        self, chains: Chains[OutputChain], writer: ChunkWriter, clock: Clock, *, patience: float = PATIENCE
    ) -> None:
        self._chains, self._writer, self._clock, self._patience = chains, writer, clock, patience

    def of(self, event: Event[Invocation]) -> "Showing | None":
        """None for a request whose answer is not shown while it comes: it did not ask for that, or wants JSON, which nobody
        can read by halves and which the checks read in another way."""
        invocation = event.record
        ask = invocation.ask
        if not invocation.head.stream or (ask.response_format is not None and ask.response_format.type != "text"):
            return None

        def make() -> StreamFilter:
            return self._chains.of(invocation.prompt.name).stream(
                placeholders=invocation.placeholders,
                system_text=system_text(ask),
                asked=asked_text(ask),
                canary=ask.canary,
            )

        return Showing(event, make, self._writer, self._clock, patience=self._patience)


class Showing:
    """The audience of one request's answer (`streamguard.providers.question.Audience`).

    A stream is numbered by the time at which its call begins, in microseconds: so a worker that takes over from another has the
    higher number, as long as their clocks agree to within the time that this takes: the group's session timeout after a crash, in
    a rebalance parts of a second. `begin` must therefore follow the permit to call, not go before it.
    """

    def __init__(
        self,
        event: Event[Invocation],
        make: Callable[[], StreamFilter],
        writer: ChunkWriter,
        clock: Clock,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`make` gives the filter of a stream."""
        self._event, self._make, self._writer, self._clock = event, make, writer, clock
        self._patience = patience
        self._opened: int | None = None
        self._given_up = False
        self._number = 0
        self._reset()

    def _reset(self) -> None:
        self._whole = False
        self._seq = 0
        self._beginning = Beginning()
        self._filter: StreamFilter | None = None
        self._closed = False
        self._digest = hashlib.sha256()
        self._unstored: deque[Stored] = deque()

    @property
    def shown(self) -> Shown | None:
        """What readers have seen so far; None: nothing. Goes into the completion."""
        if self._opened is None:
            return None
        whole = self._digest.hexdigest() if self._whole else None
        return Shown(run=self._event.record.run, stream=self._opened, whole=self._whole, digest=whole)

    async def begin(self) -> None:
        """A call begins: a new stream, which opens with the first text that may be seen."""
        self._number = max(self._clock.now_us(), self._number + 1)
        self._reset()

    async def text(self, piece: str) -> None:
        """The next piece. Waits for room at the writer, briefly; raises nothing."""
        if self._given_up or self._closed:
            return
        if self._filter is None:
            looks = self._beginning.feed(piece)
            if looks is None:
                return
            if looks == "json":
                self._closed = True
                return
            piece, self._filter = self._beginning.text, self._make()
        shown = self._filter.feed(piece)
        if self._filter.stopped:
            await self._withdraw()
        elif shown:
            await self._show(shown)

    async def end(self) -> None:
        """The answer is complete: the rest of it, and the mark that says so. Waits until all of it is stored, briefly; raises
        nothing."""
        if self._given_up or self._closed:
            return
        filter_ = self._filter or self._make()
        rest = (filter_.feed(self._beginning.text) if self._filter is None else "") + filter_.finish()
        if filter_.stopped:
            await self._withdraw()
            return
        self._closed = True
        if not rest and self._seq == 0:
            return
        if rest and self._opens_again:
            await self._show(rest)
            rest = ""
        await self._show(rest, "final")
        self._whole = not self._given_up and await self._stored()

    @property
    def _opens_again(self) -> bool:
        """Whether the next chunk begins a stream that takes the place of another."""
        return self._seq == 0 and self._opened is not None

    async def _show(self, text: str, last: Mark | None = None) -> None:
        parts = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)] or [""]
        for place, part in enumerate(parts, start=1):
            mark = last if place == len(parts) else None
            await self._write(part, mark or ("restart" if self._opens_again else None))

    async def _withdraw(self) -> None:
        """The filter stopped: what was shown may not be kept, and of this call nothing more is shown."""
        self._closed = True
        if self._opened is not None:
            metrics.RETRACTIONS.labels("invoke").inc()
            await self._write("", "retracted")

    async def _write(self, text: str, mark: Mark | None) -> None:
        if self._given_up:
            return
        head = self._event.record.head
        chunk = Chunk(
            request_id=head.request_id,
            tenant_id=head.tenant_id,
            run=self._event.record.run,
            stream=self._number,
            seq=self._seq,
            text=text,
            mark=mark,
        )
        try:
            self._unstored.append(await self._writer.write(self._event, chunk))
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer itself goes on
            self._give_up(error)
            return
        if self._opened is None:
            metrics.FIRST_TEXT_SECONDS.observe((self._clock.now_us() - self._event.record.received_at) / 1e6)
        metrics.CHUNKS.labels("invoke", mark or "none").inc()
        self._opened = self._number
        self._seq += 1
        self._digest.update(text.encode("utf-8", "surrogatepass"))
        while self._unstored and self._unstored[0].done():
            self._look(self._unstored.popleft())

    def _look(self, stored: Stored) -> None:
        if stored.cancelled():
            self._give_up(None)
        elif (error := stored.exception()) is not None:
            self._give_up(error)

    async def _stored(self) -> bool:
        if self._unstored:
            done, pending = await wait(self._unstored, timeout=self._patience)
            for stored in done:
                self._look(stored)
            if pending:
                self._give_up(None)
        return not self._given_up

    def _give_up(self, error: BaseException | None) -> None:
        """For good: what is stored of the present stream has a gap, and a writer that failed is not asked again."""
        if not self._given_up:
            self._given_up = True
            metrics.SHOWINGS_GIVEN_UP.inc()
            kind = type(error).__name__ if error is not None else "NotInTime"
            log.warning("an answer is shown no further", extra={"src": self._event.src, "error": kind})
