"""A user's own traffic: requests from a JSONL file, or texts sent as if by many users."""

from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from streamguard.errors import InputError
from streamguard.events.codec import encode
from streamguard.events.request import Request
from streamguard.stream.planned import End, Identity, Planned
from streamguard.stream.traffic import LARGEST_RECORD

TEXTS_A_USER = 5
"""Ordinary users: far below the limit of requests a minute, however fast the texts are sent."""
TENANTS = ("acme-shop", "lumen-mobile", "kite-travel", "nordwind-energy")
"""Texts are dealt out to these in turn: a tenant's requests are decided one after another, so that one would be slower."""


def read_requests(file: Path, at_most: int | None = None) -> list[Planned]:
    """One request a line, blank lines skipped. A request whose id came before is sent too; nothing may come of it.

    Raises `InputError` that names the line and what is wrong with it, never what it holds.
    """
    seen: set[Identity] = set()
    planned: list[Planned] = []
    for number, line in islice(_lines(file), at_most):
        request = _request(file, number, line)
        identity = Identity(request.tenant_id, request.request_id)
        end: End = "nothing" if identity in seen else "outcome"
        seen.add(identity)
        planned.append(_planned("given", request, end))
    if not planned:
        raise InputError(f"{file}: holds no request; put one JSON object on each line")
    return planned


def read_texts(file: Path, at_most: int | None = None) -> list[Planned]:
    """One text a line, blank lines skipped, whatever else the line holds; many users of a few tenants send them.

    Raises `InputError` that names the line and what is wrong with it, never what it holds.
    """
    planned: list[Planned] = []
    for count, (number, line) in enumerate(islice(_lines(file), at_most)):
        request = Request.model_validate(
            {
                "request_id": f"line-{number:06}",
                "tenant_id": TENANTS[count % len(TENANTS)],
                "user_id": f"user-{count // len(TENANTS) // TEXTS_A_USER:05}",
                "feature": "texts",
                "messages": [{"role": "user", "content": line}],
            }
        )
        item = _planned("text", request, "outcome")
        if len(item.value) > LARGEST_RECORD:
            raise InputError(f"{file}, line {number}: is longer than a record may be ({LARGEST_RECORD:,} bytes)")
        planned.append(item)
    if not planned:
        raise InputError(f"{file}: holds no text; put one text on each line")
    return planned


def _lines(file: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers. Only newlines part them: texts may hold other separators."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except IsADirectoryError:
        raise InputError(f"{file}: is a directory; name a file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is no UTF-8 text (byte {error.start} does not fit); save it as UTF-8") from None
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _request(file: Path, number: int, line: str) -> Request:
    try:
        fields: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{file}, line {number}: is no JSON (column {error.colno}); each line must be one JSON object"
        ) from None
    if not isinstance(fields, dict):
        raise InputError(
            f"{file}, line {number}: must be a JSON object with request_id, tenant_id, user_id and messages"
        )
    try:
        request = Request.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise InputError(f"{file}, line {number}: {where}: {first['msg']}") from None
    for unknown in request.model_extra or {}:
        near = get_close_matches(unknown, Request.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(Request.model_fields)}"
        raise InputError(f"{file}, line {number}: a request has no field {unknown!r}; {hint}")
    if len(line.encode()) > LARGEST_RECORD:
        raise InputError(f"{file}, line {number}: is longer than a record may be ({LARGEST_RECORD:,} bytes)")
    return request


def _planned(kind: str, request: Request, end: End) -> Planned:
    identity = Identity(request.tenant_id, request.request_id)
    streamed = request.stream and end == "outcome"
    return Planned(kind, request.tenant_id.encode(), encode(request), end, identity, streamed=streamed)
