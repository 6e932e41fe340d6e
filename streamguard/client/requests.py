"""Making requests: ids, and fields that are checked before anything is sent."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticSerializationError, to_json

from streamguard.events.codec import encode
from streamguard.events.request import Message, Request

_MOST_NEW = 10_000


def new_id(now_us: int) -> str:
    """A UUID of version 7 (RFC 9562): milliseconds since the epoch, then 74 random bits, so that ids sort by time."""
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return str(UUID(int=(now_us // 1000 & ((1 << 48) - 1)) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


def make(
    request_id: str,
    tenant_id: str,
    user_id: str,
    messages: str | Sequence[Message | Mapping[str, Any]] | None,
    fields: Mapping[str, Any],
) -> Request:
    """A request. Raises pydantic's ValidationError, which quotes nothing of the fields, and TypeError for fields that there are
    none of: the line would keep them and take no notice."""
    if unknown := sorted(set(fields) - set(Request.model_fields)):
        raise TypeError(f"a request has no field {', '.join(unknown)}")
    said = [Message(role="user", content=messages)] if isinstance(messages, str) else messages
    request = Request.model_validate(
        {"request_id": request_id, "tenant_id": tenant_id, "user_id": user_id, "messages": said, **fields}
    )
    encoded(request)
    return request


def encoded(request: Request) -> bytes:
    """Its bytes on the wire.

    Raises ValidationError naming the fields that hold half a character: Python reads such text from JSON in which somebody cut
    an emoji in two, and there are no bytes for it.
    """
    try:
        return encode(request)
    except PydanticSerializationError:
        halved = PydanticCustomError(
            "string_unicode", "holds half a character (a lone surrogate), which no UTF-8 can say"
        )
        wrong = [
            InitErrorDetails(type=halved, loc=(name,), input=None) for name, value in request if not _writable(value)
        ]
        raise ValidationError.from_exception_data("Request", wrong, hide_input=True) from None


def _writable(value: object) -> bool:
    try:
        to_json(value)
    except PydanticSerializationError:
        return False
    return True


class NewIds:
    """Ids that this client made and has not sent yet: of these alone it is certain that nobody sent them before.

    The latest ten thousand; one that is forgotten only costs a look back.
    """

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, request_id: str) -> None:
        self._ids[request_id] = None
        if len(self._ids) > _MOST_NEW:
            self._ids.popitem(last=False)

    def sent(self, request_id: str) -> bool:
        """Note that it is sent now; whether it is new."""
        new = request_id in self._ids
        self._ids.pop(request_id, None)
        return new
