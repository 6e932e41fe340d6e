"""Dead letters as text and as JSON. Only `letter_lines` and `held_fields` show what a letter holds."""

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from streamguard.intake.contract import Received
from streamguard.stream.dead_letters import REFUSALS, Letter
from streamguard.stream.dead_letters_choice import Decisions

_COLUMNS = ("PLACE", "TIME", "STAGE", "CODE", "TENANT", "BYTES", "STATE")


def list_lines(letters: Sequence[Letter], decisions: Decisions) -> Iterator[str]:
    """A line a letter under a heading, in columns; nothing where there are none."""
    rows = [
        (one.name, when(one), one.stage, one.code, one.tenant or "-", str(one.bytes), decisions.state(one))
        for one in letters
    ]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in [_COLUMNS, *rows] if rows else []:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def letter_fields(letter: Letter, decisions: Decisions) -> dict[str, Any]:
    """A letter without what it holds, for JSON. `run` is the pass that a replay makes, or made."""
    decision = decisions.final.get(letter.src)
    return {
        "place": letter.name,
        "time": when(letter),
        "stage": letter.stage,
        "code": letter.code,
        "tenant": letter.tenant,
        "bytes": letter.bytes,
        "state": decisions.state(letter),
        "at": f"{letter.at.place.topic}/{letter.at.place.partition}/{letter.at.offset}" if letter.at else None,
        "run": letter.run,
        "never_replayed": letter.refusal,
        "decided_at": _time(decision.at // 1000) if decision else None,
    }


def held_fields(record: Received) -> dict[str, Any]:
    """What a letter holds, for JSON: bytes in base64, null as null."""
    return {
        "key": _base64(record.key),
        "value": _base64(record.value),
        "headers": [[name.encode(errors="surrogateescape").hex(), _base64(value)] for name, value in record.headers],
    }


def letter_lines(letter: Letter, decisions: Decisions, record: Received) -> Iterator[str]:
    """A letter and what it holds, for people: what is no printable text is written as escapes."""
    for name, value in letter_fields(letter, decisions).items():
        if value is not None:
            yield f"{name.replace('_', ' ') + ':':16}{value}"
    if letter.refusal is not None:
        yield f"{'':16}{REFUSALS[letter.refusal]}"
    yield "headers:"
    for name, value in record.headers:
        yield f"  {_printable(name)}: {_bytes(value)}"
    yield f"key:            {_bytes(record.key)}"
    yield "value:"
    yield _bytes(record.value)


def when(letter: Letter) -> str:
    """The broker's time of a letter, in UTC."""
    return _time(letter.timestamp)


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError):  # a broker that takes its producers' timestamps takes any
        return str(ms)


def _bytes(value: bytes | None) -> str:
    return "(null)" if value is None else _printable(value.decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    """Without what would steer a terminal."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
