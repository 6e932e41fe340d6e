"""A user's own traffic: requests from a JSONL file, or texts sent as if by many users."""

from itertools import islice
from pathlib import Path

from streamguard.cli.request_lines import lines_of, read_request, text_of
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
        request = read_request(f"{file}, line {number}", line)
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
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{file}: is a directory; name a file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    return lines_of(text_of(str(file), data))


def _planned(kind: str, request: Request, end: End) -> Planned:
    identity = Identity(request.tenant_id, request.request_id)
    streamed = request.stream and end == "outcome"
    return Planned(kind, request.tenant_id.encode(), encode(request), end, identity, streamed=streamed)
