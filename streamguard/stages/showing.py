"""Showing an answer while it is written."""

from streamguard.checks.chain import Chains, OutputChain
from streamguard.clock import Clock
from streamguard.events.stages import Invocation, Shown
from streamguard.stages.chunks import ChunkWriter
from streamguard.stages.contract import Event


class Showing:
    """The audience of one request's answer (`streamguard.providers.question.Audience`)."""

    @property
    def shown(self) -> Shown | None:
        """What readers have seen so far; None: nothing. Goes into the completion."""
        return None

    async def begin(self) -> None: ...

    async def text(self, piece: str) -> None: ...

    async def end(self) -> None: ...


class Showings:
    """Makes the showing of each request; one for a worker."""

    def __init__(self, chains: Chains[OutputChain], writer: ChunkWriter, clock: Clock) -> None:
        self._chains, self._writer, self._clock = chains, writer, clock

    def of(self, event: Event[Invocation]) -> Showing | None:
        """None for a request whose answer is not shown while it comes: it did not ask for that, or wants JSON."""
        return None
