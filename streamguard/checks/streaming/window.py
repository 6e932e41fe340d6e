"""A window over growing text: what a spotter may still find in it is held back, what it found is masked.

What comes out is a function of the text alone, not of how it was cut. Two things make that so:

- A spotter promises that what it finds before its open place is final, as long as the text it is shown begins where it did.
- The text it is shown begins at places that are chosen at every 512th character and nowhere else: there what is settled leaves
  the window, but for some context. Between these places a look only decides how much can be let out already.

So looks are cheap (a kilobyte), and may be left out when they cannot change anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamguard.checks.contract import PASS, Action, Finding
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

FRAME = 512
"""Every so many characters the window moves on."""
CONTEXT = 256
"""So many settled characters stay in it: words before a datum say what it is."""
_EAGER = 512
"""Up to so many characters are held, each chunk is looked at; beyond, only when they have grown by a sixteenth: that keeps
the work linear."""
_LISTED = 64
_SEVERITY: dict[Action, int] = {"pass": 0, "flag": 1, "transform": 2, "escalate": 3, "block": 4}


@dataclass(frozen=True, slots=True)
class Piece:
    """What was found at characters `start` to `end` (excluded).

    `written` stands there instead; None leaves it. With `action` `block` nothing from `start` on is shown.
    """

    start: int
    end: int
    kind: str
    code: str
    action: Action = "transform"
    written: str | None = None
    score: float | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What a spotter says about a text: `pieces` in the order of `(start, -end)`, and from where on they are not final."""

    pieces: Sequence[Piece]
    open_from: int


class Spotter(Protocol):
    """Finds passages in texts that grow.

    For all texts `a` and `b`: the pieces of `a + b` that begin before `scan(a).open_from` are the pieces of `a` that end at or
    before it. Linear in the text. May raise anything: the stream then ends.
    """

    def scan(self, text: str, *, ended: bool) -> Scan:
        """`ended`: no more text follows, so nothing is open."""
        ...

    def settled(self, text: str) -> None:
        """`text`, the beginning of what was scanned last, is about to leave the window: remember of it what counts over the
        whole answer. The next scans may begin inside of it."""
        ...


class Stage(Protocol):
    """One step of a stream filter. After `stopped` it takes no more text, and nothing more is shown."""

    @property
    def name(self) -> str: ...

    @property
    def stopped(self) -> bool: ...

    def feed(self, piece: str) -> str:
        """What may go on, now that `piece` has come. What it gives out altogether does not depend on how the text is cut."""
        ...

    def finish(self) -> str:
        """The rest. Called once."""
        ...

    def finding(self) -> Finding:
        """What was found so far; spans count characters of all that was fed."""
        ...


class Tally:
    """The pieces that one stage has passed, as a finding."""

    def __init__(self) -> None:
        self._worst: Piece | None = None
        self._spans: list[Span] = []

    def add(self, piece: Piece, offset: int) -> None:
        if self._worst is None or _SEVERITY[piece.action] > _SEVERITY[self._worst.action]:
            self._worst = piece
        if len(self._spans) < _LISTED:
            self._spans.append(Span(kind=piece.kind, start=offset + piece.start, end=offset + piece.end))

    def finding(self) -> Finding:
        worst = self._worst
        if worst is None:
            return PASS
        return Finding(worst.action, worst.code, tuple(self._spans), worst.score, worst.reason)


class Window:
    """The stage of one spotter. Holds at most about `cap` characters: what stays open longer is masked, unseen to its end."""

    def __init__(self, name: str, spotter: Spotter, *, cap: int = 4_096, mask: str = "[removed]") -> None:
        self.name = name
        self.stopped = False
        self._spotter = spotter
        self._cap = cap
        self._mask = mask
        self._tally = Tally()
        self._text = ""
        self._start = 0
        """The place of its first character in all that was fed; also of those below."""
        self._shown = 0
        self._scanned = 0
        self._next = FRAME

    def feed(self, piece: str) -> str:
        out: list[str] = []
        while piece and not self.stopped:
            room = self._next - self._start - len(self._text)
            part, piece = piece[:room], piece[room:]
            waits = self._start + len(self._text) > self._shown
            self._text += part
            if len(part) == room:
                out.append(self._move())
            # A word that is held and goes on settles nothing.
            elif not (waits and part.isalnum() and part.isascii()) and self._due():
                out.append(self._look()[0])
        return "".join(out)

    def finish(self) -> str:
        return "" if self.stopped else self._look(ended=True)[0]

    def finding(self) -> Finding:
        return self._tally.finding()

    def _due(self) -> bool:
        end = self._start + len(self._text)
        return end - self._shown <= _EAGER or end - self._scanned >= (end - self._shown) // 16

    def _move(self) -> str:
        """At a fixed place of the text: let the window begin where nothing is open, with some context."""
        out, settled = self._look()
        if self.stopped:
            return out
        end = len(self._text)
        if end - settled > self._cap:
            self._tally.add(Piece(settled, end, "too_long", "too_long"), self._start)
            out += self._mask
            self._shown = self._start + end
            settled = begin = end
        else:
            begin = max(0, settled - CONTEXT)
            # At a word's beginning: part of a word may look like something else.
            while 0 < begin < settled and not self._text[begin - 1].isspace():
                begin += 1
            if begin == settled:
                begin = max(0, settled - CONTEXT)
        self._spotter.settled(self._text[:settled])
        self._text = self._text[begin:]
        self._start += begin
        self._next += FRAME
        return out

    def _look(self, *, ended: bool = False) -> tuple[str, int]:
        """What may go out, and up to which place of the window all is settled."""
        text = self._text
        self._scanned = self._start + len(text)
        scan = self._spotter.scan(text, ended=ended)
        until = len(text) if ended else scan.open_from
        shown = self._shown - self._start
        parts: list[str] = []
        for piece in scan.pieces:
            if piece.end > until:
                until = min(until, max(piece.start, 0))
                break
            if piece.action == "block":
                self.stopped = True
                until = piece.start
                self._tally.add(piece, self._start)
                break
            if piece.end < shown or (piece.end == shown and piece.end > piece.start):
                continue
            self._tally.add(piece, self._start)
            if piece.written is None:
                continue
            if piece.start >= shown:
                parts += (text[shown : piece.start], piece.written)
            shown = piece.end
        if until > shown:
            parts.append(text[shown:until])
            shown = until
        self._shown = self._start + shown
        return "".join(parts), until
