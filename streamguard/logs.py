"""Logging of a process: one JSON object a line on standard error, with codes and numbers, never a user's text."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from streamguard.errors import StreamguardError

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message and the fields given as `extra`.

    Of an exception only its class and the places in the code are written: what a library says in an error may quote its
    input. Our own errors say nothing of that kind, so their messages are kept.
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
            "message": record.getMessage(),
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
        return orjson.dumps(fields, default=str).decode()


def configure(process: str, level: str) -> None:
    """Log as JSON from `level` on; libraries from warnings on, and each of their messages at most once a second."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("streamguard").setLevel(level.upper())
    handler.addFilter(_Throttle())


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
