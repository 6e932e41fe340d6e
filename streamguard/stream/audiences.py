"""What those hold who read along while answers are written, request by request; and whether it is what they may hold. Pure."""

from dataclasses import dataclass, field

from streamguard.events.chunk import Chunk
from streamguard.events.reading import ChunkReader
from streamguard.stream.planned import Identity


@dataclass(slots=True)
class _Audience:
    sent_at: float
    reader: ChunkReader = field(default_factory=ChunkReader)
    told: bool | None = None
    """Whether its response is an answer; None until it has come."""
    output: str = ""
    shown: bool = False

    @property
    def content(self) -> bool:
        """Whether the reader holds in the end what it should: the whole answer, or nothing."""
        if self.told is None:
            return False
        if self.told:
            return self.reader.state == "final" and self.reader.text == self.output
        return not self.reader.text and self.reader.state != "final"


class Audiences:
    """A reader (`streamguard.events.reading`) for each request that asks for its answer in pieces. Times in seconds.

    `waiting` are those who do not hold in the end what they should: until all chunks have come that is no error.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], _Audience] = {}
        self._content: set[tuple[str, str]] = set()
        self.chunks = 0
        """Of requests of ours."""
        self.first_texts: list[float] = []
        """From sending a request to the first text of it."""
        self.restarted = 0
        """Times that a reader took back what it showed, and began anew."""
        self.retracted = 0
        """Times that a reader took back what it showed, and nothing came in its place."""

    @property
    def requests(self) -> int:
        """How many asked for a stream."""
        return len(self._of)

    @property
    def shown(self) -> int:
        """How many were shown anything."""
        return len(self.first_texts)

    @property
    def waiting(self) -> int:
        return len(self._of) - len(self._content)

    def sent(self, identity: Identity, at: float) -> None:
        """A request is about to be sent that wants its answer in pieces."""
        self._of.setdefault(identity[:2], _Audience(at))

    def chunk(self, chunk: Chunk, at: float) -> None:
        """A chunk was read; those of requests of somebody else are passed over."""
        name = (chunk.tenant_id, chunk.request_id)
        audience = self._of.get(name)
        if audience is None:
            return
        self.chunks += 1
        held = bool(audience.reader.text)
        for told in audience.reader.feed(chunk):
            if told.kind == "text" and not audience.shown:
                audience.shown = True
                self.first_texts.append(at - audience.sent_at)
            self.restarted += told.kind == "restarted"
            self.retracted += told.kind == "retracted" and held
        self._look(name, audience)

    def response(self, identity: Identity, answered: bool, output: str) -> None:
        """A response was read."""
        audience = self._of.get(identity[:2])
        if audience is not None:
            audience.told, audience.output = answered, output
            self._look(identity[:2], audience)

    def unlike(self) -> list[tuple[str, str]]:
        """Tenant and request of those who do not hold what they should."""
        return sorted(self._of.keys() - self._content)

    def _look(self, name: tuple[str, str], audience: _Audience) -> None:
        (self._content.add if audience.content else self._content.discard)(name)
