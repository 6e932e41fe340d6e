"""Server-sent events out of bytes as they arrive (the HTML standard, "Server-sent events", 9.2.6)."""

from typing import NamedTuple

from streamguard.providers.errors import ResponseTooLarge

MAX_EVENT_BYTES = 1 << 20
"""A line, and the data of one event, may be so long. Providers' events have some hundred bytes."""
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """`data` are the event's lines joined, still bytes; `name` is what stood in `event:`, empty where nothing did."""

    name: str
    data: bytes


class EventReader:
    """Takes the bytes of one stream in pieces of any size and gives its events, the same however it was cut.

    Lines end with LF, CR LF or CR. Comments, `id:` and `retry:` are passed over, and so is an event without data. Memory stays
    within `most` bytes for a line and for the data of an event; `ResponseTooLarge` is raised beyond.
    """

    def __init__(self, most: int = MAX_EVENT_BYTES) -> None:
        self._most = most
        self._line = bytearray()
        """The line that has not ended yet."""
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._first = True
        self._after_cr = False
        """The last byte was a CR: an LF that follows belongs to it."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        if self._is_one_event(chunk):
            return [Event("", chunk[6:-2])]
        if self._after_cr:
            if not chunk:
                return []
            self._after_cr = False
            if chunk[0] == 10:
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        found: list[Event] = []
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        for line in lines:
            self._take(line, found)
        self._line += rest
        self._bounded(len(self._line))
        return found

    def end(self) -> list[Event]:
        """The event that the stream ended in, if it has data: some servers leave out the empty line after the last one."""
        found: list[Event] = []
        line = bytes(self._line)
        self._line.clear()
        if line:
            self._take(line, found)
        self._take(b"", found)
        return found

    def _is_one_event(self, chunk: bytes) -> bool:
        """Whether `chunk` is a whole event of one line, and nothing stands open before it: so most of them come, and to find that
        out costs a third of taking it apart."""
        return (
            chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n") == len(chunk) - 2 <= self._most
            and b"\r" not in chunk
            and not (self._data or self._line or self._name or self._first or self._after_cr)
        )

    def _take(self, line: bytes, found: list[Event]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                found.append(Event(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
                self._data = []
                self._size = 0
            self._name = ""
        elif line.startswith(b"data:") or line == b"data":
            self._size += len(line)
            self._bounded(self._size)
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            self._bounded(len(line))
            self._name = line[6:].decode("utf-8", "replace").removeprefix(" ")

    def _bounded(self, size: int) -> None:
        if size > self._most:
            raise ResponseTooLarge(status=200)
