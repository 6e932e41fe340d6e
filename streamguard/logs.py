"""Logging of a process: one JSON object a line on standard error, with codes and numbers, never a user's text."""

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from streamguard.errors import StreamguardError

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_BEFORE_REPR = re.compile(r"[^\n<({\[]*")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message and the fields given as `extra`.

    Of an exception only its class and the places in the code are written: what a library says in an error may quote its
    input. Our own errors say nothing of that kind, so their messages are kept. It holds for errors among a message's
    arguments and fields too, and of asyncio's messages, which quote tasks and arguments, for all but their first words.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": _message(record),
        }
        fields |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["error"] = type(error).__name__
            if isinstance(error, StreamguardError):
                fields["error_message"] = str(error)
            fields["frames"] = [
                f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
            ]
        try:
            return orjson.dumps(fields, default=_plain).decode()
        except orjson.JSONEncodeError:  # half a surrogate pair, a number past 64 bits: say less rather than nothing
            return orjson.dumps({name: ascii(_plain(value)) for name, value in fields.items()}).decode()


def _message(record: logging.LogRecord) -> str:
    if record.name == "asyncio":
        found = _BEFORE_REPR.match(str(record.msg))
        return found[0].strip() if found else ""
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(_plain(one) if isinstance(one, BaseException) else one for one in arguments)
    try:
        return str(record.msg) % arguments if arguments else str(record.msg)
    except (TypeError, ValueError):  # logging itself would print the arguments
        return str(record.msg)


def _plain(value: object) -> str:
    """A value as text: errors as the formatter shows them."""
    if isinstance(value, BaseException) and not isinstance(value, StreamguardError):
        return type(value).__name__
    return str(value)


def configure(process: str, level: str) -> None:
    """Log as JSON from `level` on; libraries from warnings on, and each of their messages at most once a second.

    What nobody catches ends the process with a line of this log, not with Python's traceback, which quotes the error.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("streamguard").setLevel(level.upper())
    handler.addFilter(_Throttle())
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("streamguard").critical("uncaught error", exc_info=(kind, error, trace))


class _Throttle(logging.Filter):
    """Lets a library's message through once a second: a broker that is away makes thousands of the same."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("streamguard"):
            return True
        name = (record.name, str(record.msg))
        if record.created - self._last.get(name, 0.0) < 1.0:
            return False
        if len(self._last) > 1000:
            self._last.clear()
        self._last[name] = record.created
        return True
