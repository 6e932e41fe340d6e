"""What goes wrong in the store, in ClickHouse's own codes."""

import re

from streamguard.errors import StreamguardError

_CODE = re.compile(r"Code: (\d+)\.")
_STD_EXCEPTION = 1001
NOT_IMPLEMENTED = 48
BAD_ARGUMENTS = 36
NOT_ENOUGH_SPACE = 243
UNKNOWN_SETTING = 115
READONLY = 164
UNKNOWN_TABLE = 60
UNKNOWN_FORMAT = 73
ACCESS_DENIED = 497
TOO_MANY_SIMULTANEOUS_QUERIES = 202
_TIMEOUT_EXCEEDED = 159

_NOT_FOUND = frozenset(
    {16, 46, 47, 50, 56, 60, 73, 81, 115}
)  # unknown columns, tables, databases, functions, settings …
_BAD_REQUEST = frozenset(
    {6, 26, 27, 32, 33, 36, 38, 41, 42, 43, 53, 62, 69, 72, 117, 124, 131, 456, 457}
)  # does not parse
_FORBIDDEN = frozenset({192, 193, ACCESS_DENIED, 512, 516})  # who asks is not known, or has no right to


class EngineError(StreamguardError):
    """A statement failed. `text` is for the client that sent it (it may quote the statement): it never goes to a log."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse answers with for this code."""
        if self.code in _NOT_FOUND:
            return 404
        if self.code in _BAD_REQUEST:
            return 400
        if self.code in _FORBIDDEN:
            return 403
        if self.code == _TIMEOUT_EXCEEDED:
            return 408
        return 501 if self.code == NOT_IMPLEMENTED else 500


def from_engine(error: RuntimeError) -> EngineError:
    """The engine's exception with its code read out of the words, where alone it stands."""
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        return EngineError(_STD_EXCEPTION, text)
    return EngineError(int(found.group(1)), text[found.start() :].strip())
