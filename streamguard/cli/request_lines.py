"""Requests as people write them: JSON, checked line by line. Errors name the line and the field, never what stands there."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import orjson
from pydantic import ValidationError

from streamguard.errors import InputError
from streamguard.events.request import Request
from streamguard.stream.traffic import LARGEST_RECORD


def text_of(name: str, data: bytes) -> str:
    """The text of a file. Raises InputError when it is no UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is no UTF-8 text (byte {error.start} does not fit); save it as UTF-8") from None


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers. Only newlines part them: texts may hold other separators."""
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def objects_of(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Where each object stands, and its JSON: one a line, or one over several lines."""
    lines = lines_of(text)
    if len(lines) > 1 and not _is_json(lines[0][1]) and _is_json(text):
        yield name, text
        return
    for number, line in lines:
        yield f"{name}, line {number}", line


def read_request(where: str, line: str, defaults: Mapping[str, Any] | None = None) -> Request:
    """The request that `line` holds; `defaults` for fields that it leaves out.

    Raises InputError that begins with `where`.
    """
    try:
        given: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{where}: is no JSON (column {error.colno}); each line must be one JSON object") from None
    if not isinstance(given, dict):
        raise InputError(f"{where}: must be a JSON object with request_id, tenant_id, user_id and messages")
    fields: dict[str, Any] = given
    for unknown in (name for name in fields if name not in Request.model_fields):
        near = get_close_matches(unknown, Request.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(Request.model_fields)}"
        raise InputError(f"{where}: a request has no field {unknown!r}; {hint}")
    try:
        request = Request.model_validate({**(defaults or {}), **fields})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "request"
        raise InputError(f"{where}: {field}: {first['msg']}") from None
    if len(line.encode()) > LARGEST_RECORD:
        raise InputError(f"{where}: is longer than a record may be ({LARGEST_RECORD:,} bytes)")
    return request


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
